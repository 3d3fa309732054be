//! What the promises are tried on: small plans, batches and reports that differ only where it matters.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use failover_access::Actor;
use failover_domain::inventory::{DiskReport, VmReport, VolumeReport};
use failover_domain::{
    Attention, AttentionCode, Controller, DiskPosition, Firmware, JobId, JobStatus, JobType, Severity,
    ShapeSpec, VmId,
};

use crate::event::{Event, Failure, FailureCode, StoredEvent};
use crate::plan::{BootPolicy, Errand, OnBootFailure, Plan, PlannedDisk, PlannedVm, WarningPolicy};
use crate::ports::{Batch, JobProjection, JobStore, Lease, NewJob, WorkerId};

/// How long the workers of the suite hold a lease.
pub const LEASE: Duration = Duration::from_secs(10);

/// The instant at which everything begins.
pub fn base() -> DateTime<Utc> {
    DateTime::from_timestamp(1_755_530_108, 0).expect("a fixed instant is in range")
}

/// Somebody who changes something outside any request.
pub fn operator() -> Actor {
    Actor::named("operator")
}

/// An id of any kind from a text that is one.
pub fn id<T: FromStr<Err: std::fmt::Debug>>(text: impl AsRef<str>) -> T {
    text.as_ref().parse().expect("the suite's ids are well formed")
}

/// The source VM number `n`; the ids sort like the numbers.
pub fn vm_id(n: usize) -> VmId {
    id(format!("4205a841-0265-f4bd-39a6-{n:012x}"))
}

/// A worker with a fresh identity, not registered.
pub fn stranger() -> WorkerId {
    WorkerId::fresh("contract")
}

/// A worker with a lease.
pub async fn worker(jobs: &dyn JobStore) -> WorkerId {
    let worker = stranger();
    jobs.renew_worker(&worker, LEASE)
        .await
        .expect("a worker can register");
    worker
}

/// The plan of a live failover of source VM `vm` with two disks. Without stages: no store looks into them.
pub fn plan(vm: usize) -> Plan {
    let disk = |place: usize, unit: u16| PlannedDisk {
        disk: place,
        label: format!("Hard disk {}", place + 1),
        position: DiskPosition {
            controller: Controller::Scsi,
            bus: 0,
            unit,
        },
        size_bytes: 1 << 34,
        volume: id(format!("volume-{vm}-{place}")),
        volume_name: format!("replica {vm} {place}"),
        oma_device: 1 + u32::from(unit),
        destination_device: u32::from(unit),
        snapshot_name: format!("snapshot {vm} {place}"),
    };
    let two = NonZeroU32::new(2).expect("2 is not 0");
    Plan {
        version: Plan::VERSION,
        job_type: JobType::Live,
        vm_id: vm_id(vm),
        source_vm_name: format!("vm-{vm} \"quoted\" ünï"),
        oma: id("oma"),
        vm: PlannedVm {
            name: format!("vm-{vm}"),
            display_name: format!("VM {vm}"),
            zone: id("zone"),
            offering: id("offering"),
            offering_name: "offering".to_owned(),
            template: id("template"),
            template_name: "template".to_owned(),
            shape: ShapeSpec {
                cpus: two,
                memory_mib: two,
                firmware: Firmware::Uefi,
                secure_boot: false,
            },
            custom_size: None,
            nics: Vec::new(),
        },
        disks: vec![disk(0, 0), disk(1, 1)],
        boot: BootPolicy {
            within_seconds: 300,
            grades: BTreeSet::new(),
            on_failure: OnBootFailure::Rollback,
        },
        warnings: WarningPolicy::Count,
        errand: Errand::default(),
        stages: Vec::new(),
    }
}

/// A job for source VM `vm`, asked for `second` seconds after [`base`].
pub fn new_job(vm: usize, second: i64) -> NewJob {
    NewJob {
        plan: plan(vm),
        requested_by: operator(),
        at: base() + TimeDelta::seconds(second),
    }
}

/// Creates a job for source VM `vm`.
pub async fn create(jobs: &dyn JobStore, vm: usize, second: i64) -> JobId {
    jobs.create(new_job(vm, second))
        .await
        .expect("the source VM has no active job")
}

/// Creates a job for source VM 1, and a worker that claims it.
pub async fn claimed(jobs: &dyn JobStore) -> Lease {
    create(jobs, 1, 0).await;
    let worker = worker(jobs).await;
    let mut claimed = jobs.claim(&worker, 10).await.expect("a claim succeeds");
    assert_eq!(claimed.len(), 1, "the only job is free");
    claimed.remove(0).lease
}

/// A journal entry number `seq`.
pub fn entry(seq: u64, event: Event) -> StoredEvent {
    let after = i64::try_from(seq).expect("numbers of the suite are small");
    StoredEvent {
        seq,
        at: base() + TimeDelta::microseconds(1_000_001 * after),
        event,
    }
}

/// The row of a job in `status`, otherwise as it was created.
pub fn projection(status: JobStatus) -> JobProjection {
    let ended = status.is_final().then(|| base() + TimeDelta::seconds(90));
    JobProjection {
        status,
        progress: status.progress(JobType::Live).unwrap_or(0.0),
        returning: false,
        current_steps: Vec::new(),
        attention: Vec::new(),
        failure: None,
        ossea_snapshot_id: None,
        destination_vm_id: None,
        window: None,
        heard: 0,
        settle_at: None,
        started_at: None,
        completed_at: ended,
    }
}

/// A batch of stages entered, with the numbers `seqs`, that leaves the job in `status`.
pub fn batch(seqs: impl IntoIterator<Item = u64>, status: JobStatus) -> Batch {
    let stage = |seq: u64| Event::StageEntered {
        stage: usize::try_from(seq).unwrap_or(usize::MAX),
    };
    Batch {
        events: seqs.into_iter().map(|seq| entry(seq, stage(seq))).collect(),
        projection: projection(status),
        volumes: Vec::new(),
        resources: Vec::new(),
    }
}

/// Ends a claimed job whose last entry is the first one.
pub async fn end(jobs: &dyn JobStore, lease: &Lease) {
    let mut last = batch([], JobStatus::Completed);
    last.events.push(entry(2, Event::Completed));
    jobs.append(lease, &last).await.expect("the lease holds");
}

/// A failure with every field.
pub fn failure() -> Failure {
    Failure {
        code: FailureCode::SnapshotFailed,
        step: None,
        message: "the snapshot of volume 1 failed: 'no' \u{0} \u{1F4A5}".to_owned(),
        cloud: Some(ossea::Refusal {
            code: 431,
            text: "KVM Snapshot is not supported".to_owned(),
        }),
        remedy: "free some space".to_owned(),
    }
}

/// An attention with every field.
pub fn attention() -> Attention {
    Attention {
        code: AttentionCode::ReplicaDetached,
        severity: Severity::Critical,
        message: "volume 1 hangs on no VM".to_owned(),
        objects: vec!["volume 1".to_owned()],
        choices: vec!["wait".to_owned(), "attach it".to_owned()],
        decisions: Vec::new(),
        since: base(),
    }
}

/// A report of source VM `vm` with nothing but its disks, one for each volume.
pub fn report(vm: usize, volumes: &[&str]) -> VmReport {
    let disk = |(unit, volume): (u16, &&str)| DiskReport {
        label: format!("Hard disk {}", unit + 1),
        controller: Controller::Scsi,
        bus: 0,
        unit,
        size_bytes: (1 << 30) + 512,
        volume: Some(VolumeReport {
            id: id(volume),
            name: format!("replica {volume}"),
            oma_device: Some(3),
        }),
    };
    VmReport {
        vm_id: vm_id(vm),
        name: format!("vm-{vm}"),
        display_name: None,
        power_state: None,
        cpus: None,
        memory_mib: None,
        guest_os: None,
        firmware: None,
        secure_boot: false,
        nics: Vec::new(),
        disks: (0..).zip(volumes).map(disk).collect(),
        change_id: None,
        synced_at: None,
    }
}

/// Runs tasks at the same time and gathers what they return.
pub async fn all<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let running: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::with_capacity(running.len());
    for task in running {
        results.push(task.await.expect("no task of the suite panics"));
    }
    results
}
