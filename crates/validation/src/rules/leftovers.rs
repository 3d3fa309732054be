//! `leftovers`: no earlier job has left a VM or a snapshot of this source VM in the cloud.
//!
//! A warning: what is left takes room and names, and a snapshot may be the last good state of a replica, but none of it
//! keeps a failover from working. What does so is told by other rules as well.

use failover_domain::{FailoverType, JobType, SourceVm, VmId};
use futures::future::try_join_all;
use ossea::{CloudVm, OsseaError, Snapshot};
use serde_json::{Value, json};

use crate::destination::NameSearch;
use crate::outcome::{Outcome, Problem, unknown_vm};
use crate::view::{View, leave_to, made_by};

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let Some(vm) = view.vm() else {
        return Ok(unknown_vm());
    };
    let is_old = |job: &&str| {
        view.subject
            .active_job
            .as_ref()
            .is_none_or(|active| active.as_str() != *job)
    };
    let (mut problems, mut found) = (Vec::new(), Vec::new());
    for left in &namesakes(vm, view).await? {
        let ours = made_by(left)
            .filter(|job| is_job_of(&vm.vm_id, job))
            .filter(is_old);
        if let Some(job) = ours {
            problems.push(left_vm(left, job, view));
            found.push(json!({ "kind": "vm", "id": left.id, "name": left.name, "job_id": job }));
        }
    }
    for left in snapshots(vm, view).await? {
        let ours = maker_of(&left)
            .filter(|job| is_job_of(&vm.vm_id, job))
            .filter(is_old);
        if let Some(job) = ours {
            problems.push(left_snapshot(&left, job, view));
            let volume = &left.volume;
            found.push(json!({
                "kind": "snapshot", "id": left.id, "name": left.name, "volume_id": volume, "job_id": job,
            }));
        }
    }
    let passed = format!("no earlier job has left a VM or a snapshot of {}", vm.name);
    let details = if found.is_empty() {
        Value::Null
    } else {
        json!({ "left": found })
    };
    Ok(Outcome::of(problems, passed, details))
}

/// The VMs that have the names which destination VMs of this source VM get. To look for marks under any name would take a
/// list of all VMs before each failover, and in a disaster there are many.
async fn namesakes(vm: &SourceVm, view: &View<'_>) -> Result<Vec<CloudVm>, OsseaError> {
    let mut found = Vec::new();
    for failover in [FailoverType::Live, FailoverType::Test] {
        found.extend(NameSearch::run(view.cloud, &vm.name, failover).await?.taken_by);
    }
    Ok(found)
}

/// The snapshots of the replicas that are on the OMA. Where the others are is the matter of `volume_state`.
async fn snapshots(vm: &SourceVm, view: &View<'_>) -> Result<Vec<Snapshot>, OsseaError> {
    let on_oma = view.cloud.oma_volumes().await?;
    let replicas = vm.disks.iter().filter_map(|disk| disk.replica.as_ref());
    let there = replicas.filter(|replica| on_oma.contains_key(&replica.volume_id));
    let of_each = there.map(|replica| view.cloud.snapshots_of(&replica.volume_id));
    Ok(try_join_all(of_each).await?.concat())
}

/// Whether a failover job is one of this source VM. Job ids have the VM's in them.
fn is_job_of(vm: &VmId, job: &str) -> bool {
    let is_type = |of: JobType| {
        let rest = job
            .strip_prefix(of.id_prefix())
            .and_then(|rest| rest.strip_prefix('-'));
        rest.and_then(|rest| rest.strip_prefix(vm.as_str()))
            .is_some_and(|rest| rest.starts_with('-'))
    };
    is_type(JobType::Live) || is_type(JobType::Test)
}

/// The job that a rollback point is named after.
fn maker_of(snapshot: &Snapshot) -> Option<&str> {
    snapshot.name.rsplit_once("-disk-").map(|(job, _)| job)
}

fn left_vm(vm: &CloudVm, job: &str, view: &View<'_>) -> Problem {
    Problem::new(
        format!(
            "job {job} has left VM {} ({}, state {})",
            vm.name,
            vm.id,
            vm.state.word()
        ),
        leave_to(job, view.subject),
    )
}

fn left_snapshot(snapshot: &Snapshot, job: &str, view: &View<'_>) -> Problem {
    Problem::new(
        format!(
            "job {job} has left snapshot {} ({}) of volume {}",
            snapshot.name, snapshot.id, snapshot.volume
        ),
        leave_to(job, view.subject),
    )
}
