//! What must hold: at every moment of a storm, and when everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use failover_domain::{AttentionCode, CloudVmId, JobId, JobStatus, JobType, VmId, VolumeId};
use failover_engine::ports::{JobFilter, JobRecord};
use failover_engine::{Event, Plan};
use ossea_sim::CloudInventory;
use ossea_sim::cloud::inventory::{DiskPicture, VmPicture};
use ossea_sim::cloud::log::{Effect, LogEvent};
use ossea_sim::cloud::objects::VmState;

use crate::lab::{Lab, OMA};

/// All jobs, oldest first, with their plans.
pub(crate) async fn all_jobs(lab: &Lab) -> Vec<(JobRecord, Plan)> {
    let filter = JobFilter {
        limit: 10_000,
        ..JobFilter::default()
    };
    let mut jobs = Vec::new();
    for record in lab.store.jobs(&filter).await.expect("memory answers") {
        let plan = lab.store.plan(&record.job_id).await.expect("memory answers");
        jobs.push((record, plan.expect("a job has a plan")));
    }
    jobs.reverse();
    jobs
}

/// What must hold at every moment.
///
/// # Errors
/// What does not.
pub(crate) async fn always(lab: &Lab) -> Result<(), String> {
    let jobs = all_jobs(lab).await;
    let cloud = lab.cloud.inventory();
    let oma: CloudVmId = OMA.parse().expect("the sample's id");
    for vm in &cloud.vms {
        let known_before = lab.before.vm(&vm.id);
        if known_before.is_some() && vm.id != oma {
            if known_before != Some(vm) {
                return Err(format!("VM {} of somebody else was changed", vm.name));
            }
            continue;
        }
        let maker = jobs.iter().rev().find(|(_, plan)| plan.vm.name == vm.name);
        if vm.id == oma {
            of_the_oma(lab, vm, &jobs)?;
            continue;
        }
        let Some((_, plan)) = maker else {
            return Err(format!("VM {} was made by no job", vm.name));
        };
        let planned: BTreeSet<&str> = plan.vm.nics.iter().map(|nic| nic.network.as_str()).collect();
        if let Some(nic) = vm.nics.iter().find(|nic| !planned.contains(nic.network.as_str())) {
            return Err(format!(
                "VM {} has a card on network {}",
                vm.name, nic.network_name
            ));
        }
        let own: BTreeSet<&VolumeId> = plan.disks.iter().map(|disk| &disk.volume).collect();
        let replicas = replicas_before(lab);
        let foreign = vm
            .disks
            .iter()
            .find(|d| replicas.contains_key(&d.volume.id) && !own.contains(&d.volume.id));
        if let Some(disk) = foreign {
            return Err(format!(
                "VM {} has replica {} of another VM",
                vm.name, disk.volume.name
            ));
        }
    }
    let places = places(&cloud);
    for (id, (_, name)) in replicas_before(lab) {
        if !places.contains_key(&id) {
            return Err(format!("replica {name} is gone"));
        }
    }
    Ok(())
}

/// The OMA itself runs on as it was, and replicas that are of no job's VM stay where they are.
fn of_the_oma(lab: &Lab, now: &VmPicture, jobs: &[(JobRecord, Plan)]) -> Result<(), String> {
    let before = lab.before.vm(&now.id).expect("the OMA exists");
    let ours: BTreeSet<&VolumeId> = jobs
        .iter()
        .flat_map(|(_, plan)| plan.disks.iter().map(|disk| &disk.volume))
        .collect();
    let others = |vm: &VmPicture| -> Vec<DiskPicture> {
        let disks = vm.disks.iter().filter(|disk| !ours.contains(&disk.volume.id));
        disks.cloned().collect()
    };
    if (now.state, &now.nics, others(now)) == (before.state, &before.nics, others(before)) {
        Ok(())
    } else {
        Err(format!("the OMA was changed: {now:?} instead of {before:?}"))
    }
}

/// The replicas that hung on the OMA at first, with their device and name.
fn replicas_before(lab: &Lab) -> BTreeMap<VolumeId, (u32, String)> {
    let oma: CloudVmId = OMA.parse().expect("the sample's id");
    let oma = lab.before.vm(&oma).expect("the OMA exists");
    let replicas = oma.disks.iter().filter(|disk| disk.device != 0);
    replicas
        .map(|disk| (disk.volume.id.clone(), (disk.device, disk.volume.name.clone())))
        .collect()
}

/// Where every volume is: the VM and the device, or nowhere.
fn places(cloud: &CloudInventory) -> BTreeMap<VolumeId, Option<(CloudVmId, u32)>> {
    let on_vms = cloud.vms.iter().flat_map(|vm| {
        vm.disks
            .iter()
            .map(|disk| (disk.volume.id.clone(), Some((vm.id.clone(), disk.device))))
    });
    on_vms
        .chain(cloud.detached.iter().map(|volume| (volume.id.clone(), None)))
        .collect()
}

/// Where the replicas of a source VM are to be, as its jobs tell.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Home {
    Oma,
    /// On this VM of this live failover.
    Moved {
        live: JobId,
        vm: CloudVmId,
        committed: bool,
    },
}

/// What must hold when every job has ended.
///
/// # Errors
/// Everything that does not.
pub(crate) async fn at_rest(lab: &Lab, accepted: &[JobId]) -> Result<(), Vec<String>> {
    let jobs = all_jobs(lab).await;
    let mut wrong = Vec::new();
    for id in accepted {
        if !jobs.iter().any(|(record, _)| record.job_id == *id) {
            wrong.push(format!("job {id} was accepted and is lost"));
        }
    }
    for (record, plan) in &jobs {
        wrong.extend(of_the_journal(lab, record, plan).await);
    }
    let mut homes: BTreeMap<VmId, (Home, Plan)> = BTreeMap::new();
    for (record, plan) in &jobs {
        let (home, _) = homes
            .entry(record.vm_id.clone())
            .or_insert_with(|| (Home::Oma, plan.clone()));
        match next_home(home, record) {
            Ok(next) => *home = next,
            Err(why) => wrong.push(why),
        }
    }
    let cloud = lab.cloud.inventory();
    wrong.extend(of_the_cloud(lab, &cloud, &homes).await);
    wrong.extend(of_the_record(lab));
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// The journal is gapless and sound, its epochs grow, and it has heard every request that was noted.
async fn of_the_journal(lab: &Lab, record: &JobRecord, plan: &Plan) -> Vec<String> {
    let id = &record.job_id;
    let mut wrong = Vec::new();
    let events = lab.events(id).await;
    let (mut epoch, mut heard) = (0, BTreeSet::new());
    for (place, stored) in events.iter().enumerate() {
        if stored.seq != place as u64 + 1 {
            wrong.push(format!("{id}: entry {} is at place {}", stored.seq, place + 1));
        }
        if let Event::TakenUp { epoch: next, .. } = &stored.event {
            if *next <= epoch {
                wrong.push(format!("{id}: epoch {next} comes after {epoch}"));
            }
            epoch = *next;
        }
        if let Event::RequestHeard { number, .. } = &stored.event
            && !heard.insert(*number)
        {
            wrong.push(format!("{id}: request {number} was heard twice"));
        }
    }
    if let Err(error) = failover_engine::JobState::replay(plan, &events) {
        wrong.push(format!("{id}: the journal is not sound: {error}"));
    }
    for request in lab.store.requests(id).await.expect("memory answers") {
        if !heard.contains(&request.number) {
            wrong.push(format!(
                "{id}: {:?} was accepted and never heard",
                request.request
            ));
        }
    }
    // A job that ended may tell of a replica that came back unproven, or of rollback points that people should know of.
    let flagged = flagged(lab).await;
    for open in &record.projection.attention {
        let object = open.object().unwrap_or_default();
        let is_marked = flagged.iter().any(|volume| object.ends_with(volume.as_str()));
        if open.code == AttentionCode::ReplicaQuarantined && !is_marked {
            wrong.push(format!(
                "{id} says that {object} is quarantined, and it is not marked"
            ));
        }
        if !matches!(
            open.code,
            AttentionCode::ReplicaQuarantined | AttentionCode::RollbackPointsOld
        ) {
            wrong.push(format!(
                "{id} ended as {} with {:?}: {}",
                record.projection.status, open.code, open.message
            ));
        }
    }
    wrong
}

fn next_home(home: &Home, record: &JobRecord) -> Result<Home, String> {
    let (id, status) = (&record.job_id, record.projection.status);
    match (record.job_type, status, home) {
        (_, JobStatus::Completed, Home::Moved { .. })
            if matches!(record.job_type, JobType::Live | JobType::Test) =>
        {
            Err(format!("{id} was completed although the VM was moved already"))
        }
        (JobType::Live, JobStatus::Completed, Home::Oma) => {
            let vm = record.projection.destination_vm_id.clone();
            let vm = vm.ok_or_else(|| format!("{id} is completed and names no VM"))?;
            let live = id.clone();
            Ok(Home::Moved {
                live,
                vm,
                committed: false,
            })
        }
        (JobType::Live | JobType::Test, JobStatus::Failed, home)
        | (JobType::Test, JobStatus::Completed, home) => Ok(home.clone()),
        (JobType::Rollback, JobStatus::Completed, Home::Moved { .. }) => Ok(Home::Oma),
        (JobType::Commit, JobStatus::Completed, Home::Moved { live, vm, .. }) => Ok(Home::Moved {
            live: live.clone(),
            vm: vm.clone(),
            committed: true,
        }),
        (kind, status, home) => Err(format!(
            "{id}: a {kind} is {status} while the replicas are {home:?}"
        )),
    }
}

async fn of_the_cloud(
    lab: &Lab,
    cloud: &CloudInventory,
    homes: &BTreeMap<VmId, (Home, Plan)>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let oma: CloudVmId = OMA.parse().expect("the sample's id");
    let (places, replicas) = (places(cloud), replicas_before(lab));
    let mut moved: BTreeMap<&VolumeId, (&CloudVmId, u32)> = BTreeMap::new();
    let (mut expected_vms, mut expected_snapshots) = (BTreeSet::new(), BTreeMap::new());
    for (home, plan) in homes.values() {
        let Home::Moved { vm, committed, .. } = home else {
            continue;
        };
        expected_vms.insert(vm);
        for disk in &plan.disks {
            moved.insert(&disk.volume, (vm, disk.destination_device));
            if !committed {
                expected_snapshots.insert(&disk.volume, 1_usize);
            }
        }
        match cloud.vm(vm) {
            None => wrong.push(format!("the VM {vm} of a completed failover is gone")),
            Some(vm) if vm.state != VmState::Running => {
                wrong.push(format!(
                    "VM {} of a completed failover is {:?}",
                    vm.name, vm.state
                ));
            }
            Some(_) => {}
        }
    }
    let flagged = flagged(lab).await;
    for (volume, (device, name)) in &replicas {
        let wanted = moved
            .get(volume)
            .map_or((&oma, *device), |(vm, device)| (*vm, *device));
        let is_at = places.get(volume).and_then(Option::as_ref);
        if is_at.map(|(vm, device)| (vm, *device)) != Some(wanted) {
            wrong.push(format!("replica {name} is at {is_at:?} instead of {wanted:?}"));
        }
        let (now, before) = (lab.cloud.content_of(volume), before(lab, volume));
        let is_as_it_must_be = match moved.get(volume) {
            None => now == before,
            // What it was, and what the guest of its own failover has written since.
            Some((vm, _)) => now.as_ref().zip(before.as_ref()).is_some_and(|(now, before)| {
                let others = now.writers.keys().filter(|writer| writer != vm);
                now.origin == before.origin && others.eq(before.writers.keys())
            }),
        };
        if !is_as_it_must_be && !flagged.contains(volume) {
            wrong.push(format!(
                "replica {name} has {now:?} after {before:?}, and is not marked"
            ));
        }
    }
    for vm in &cloud.vms {
        if lab.before.vm(&vm.id).is_none() && !expected_vms.contains(&vm.id) {
            wrong.push(format!("VM {} is left, {:?}", vm.name, vm.state));
        }
    }
    for volume in &cloud.detached {
        if !replicas.contains_key(&volume.id) {
            wrong.push(format!("volume {} is left", volume.name));
        }
    }
    let mut snapshots: BTreeMap<&VolumeId, usize> = BTreeMap::new();
    for snapshot in &cloud.snapshots {
        // A replica that came back unproven keeps its rollback point for a person.
        if !flagged.contains(&snapshot.volume) {
            *snapshots.entry(&snapshot.volume).or_default() += 1;
        }
    }
    expected_snapshots.retain(|volume, _| !flagged.contains(*volume));
    if snapshots != expected_snapshots {
        wrong.push(format!(
            "there are the snapshots {snapshots:?} instead of {expected_snapshots:?}"
        ));
    }
    if !cloud.vm_snapshots.is_empty() {
        wrong.push(format!("VM snapshots are left: {:?}", cloud.vm_snapshots));
    }
    wrong
}

fn before(lab: &Lab, volume: &VolumeId) -> Option<ossea_sim::cloud::content::Content> {
    let disks = lab.before.vms.iter().flat_map(|vm| &vm.disks);
    disks
        .map(|disk| &disk.volume)
        .find(|v| v.id == *volume)
        .map(|v| v.content.clone())
}

/// The replicas that are marked for a full synchronisation.
pub(crate) async fn flagged(lab: &Lab) -> BTreeSet<VolumeId> {
    let vms = lab.store.vms(None, 100).await.expect("memory answers");
    let disks = vms.into_iter().flat_map(|vm| vm.disks);
    disks
        .filter_map(|disk| disk.replica)
        .filter(|r| r.needs_full_resync)
        .map(|r| r.volume_id)
        .collect()
}

/// No VM was created while another one of its name existed, and no replica was ever deleted.
fn of_the_record(lab: &Lab) -> Vec<String> {
    let mut wrong = Vec::new();
    let replicas = replicas_before(lab);
    let mut names: BTreeMap<CloudVmId, String> = BTreeMap::new();
    for entry in lab.cloud.log() {
        let LogEvent::Effect { effect, .. } = entry.event else {
            continue;
        };
        if let Effect::VmCreated { vm, name } = &effect {
            if names.values().any(|other| other == name) {
                wrong.push(format!("a second VM {name} was created at {}", entry.at));
            }
            names.insert(vm.clone(), name.clone());
        }
        if let Effect::VmExpunged { vm } = &effect {
            names.remove(vm);
        }
        if let Effect::VolumeDeleted { volume, .. } = &effect
            && replicas.contains_key(volume)
        {
            wrong.push(format!("replica {volume} was deleted at {}", entry.at));
        }
    }
    wrong
}
