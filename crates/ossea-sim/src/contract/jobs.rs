//! Async jobs and the key that we choose for them.

use crate::faults::{Work, WorkFault};
use failover_domain::VolumeId;
use ossea::{Accepted, Command, JobReport, OsseaError, Refusal, SnapshotState, VolumeState};

use super::world::{DISK0, DISK1, World};

fn disk() -> VolumeId {
    DISK0.parse().unwrap()
}

fn detach() -> Command {
    Command::DetachVolume { volume: disk() }
}

async fn is_detached(world: &World) -> bool {
    world.volume(&disk()).await.attachment.is_none()
}

pub async fn a_job_carries_our_key(world: &World) {
    let key = world.key();
    assert_eq!(
        world.client().job(&key.job_id()).await.unwrap(),
        JobReport::NotKnown
    );
    let accepted = world.client().submit(&key, &detach()).await.unwrap();
    assert_eq!(
        accepted,
        Accepted::Job {
            job: key.job_id(),
            created: None
        }
    );
    assert_ne!(
        world.client().job(&key.job_id()).await.unwrap(),
        JobReport::NotKnown
    );
}

pub async fn an_unfinished_job_is_listed_and_shown_on_its_volume(world: &World) {
    let rule = world.fault("detachVolume", WorkFault::JobStuck);
    let key = world.key();
    assert_eq!(world.client().pending_jobs().await.unwrap(), []);
    world.client().submit(&key, &detach()).await.unwrap();
    assert_eq!(
        world.client().job(&key.job_id()).await.unwrap(),
        JobReport::Pending
    );
    assert_eq!(world.client().pending_jobs().await.unwrap(), [key.job_id()]);
    assert_eq!(world.volume(&disk()).await.pending_job, Some(key.job_id()));
    assert_eq!(world.volume(&DISK1.parse().unwrap()).await.pending_job, None);
    world.struck_once(rule);
}

pub async fn an_ended_job_is_no_longer_listed_but_still_known(world: &World) {
    let key = world.key();
    world.client().submit(&key, &detach()).await.unwrap();
    world.ended(&key.job_id()).await;
    assert_eq!(world.client().pending_jobs().await.unwrap(), []);
    assert_eq!(world.volume(&disk()).await.pending_job, None);
    assert!(matches!(
        world.client().job(&key.job_id()).await.unwrap(),
        JobReport::Succeeded { .. }
    ));
}

pub async fn the_same_key_is_refused_while_its_job_runs_and_afterwards(world: &World) {
    world.fault("detachVolume", WorkFault::JobStuck);
    let running = world.key();
    world.client().submit(&running, &detach()).await.unwrap();
    let second = world.client().submit(&running, &detach()).await;
    assert!(
        matches!(second, Err(OsseaError::Refused(Refusal { code: 431, .. }))),
        "{second:?}"
    );
    assert_eq!(
        world.client().job(&running.job_id()).await.unwrap(),
        JobReport::Pending
    );
    let stop = Command::StopVirtualMachine {
        vm: world.deploy_stopped("web-01").await,
        mode: ossea::StopMode::Graceful,
    };
    let ended = world.key();
    world.client().submit(&ended, &stop).await.unwrap();
    world.ended(&ended.job_id()).await;
    let second = world.client().submit(&ended, &stop).await;
    assert!(
        matches!(second, Err(OsseaError::Refused(Refusal { code: 530, .. }))),
        "{second:?}"
    );
    assert!(matches!(
        world.client().job(&ended.job_id()).await.unwrap(),
        JobReport::Succeeded { .. }
    ));
}

pub async fn a_create_repeated_under_its_key_leaves_an_orphan(world: &World) {
    world.done(&detach()).await;
    let create = Command::CreateSnapshot {
        volume: disk(),
        name: "point".to_owned(),
    };
    let key = world.key();
    world.client().submit(&key, &create).await.unwrap();
    world.ended(&key.job_id()).await;
    let second = world.client().submit(&key, &create).await;
    assert!(
        matches!(second, Err(OsseaError::Refused(Refusal { code: 530, .. }))),
        "{second:?}"
    );
    // This is why the job is asked for before anything is created again.
    let mut states: Vec<SnapshotState> = world
        .client()
        .snapshots_of(&disk())
        .await
        .unwrap()
        .into_iter()
        .map(|snapshot| snapshot.state)
        .collect();
    states.sort_by_key(|state| format!("{state:?}"));
    assert_eq!(states, [SnapshotState::Allocated, SnapshotState::BackedUp]);
}

pub async fn work_for_one_vm_is_done_in_turn(world: &World) {
    world.fault("detachVolume", WorkFault::JobStuck);
    let (first, second) = (world.key(), world.key());
    world.client().submit(&first, &detach()).await.unwrap();
    let other = Command::DetachVolume {
        volume: DISK1.parse().unwrap(),
    };
    world.client().submit(&second, &other).await.unwrap();
    // Not refused, not done: it waits behind the first.
    assert_eq!(
        world.client().job(&second.job_id()).await.unwrap(),
        JobReport::Pending
    );
    let mut expected = vec![first.job_id(), second.job_id()];
    expected.sort();
    let mut pending = world.client().pending_jobs().await.unwrap();
    pending.sort();
    assert_eq!(pending, expected);
}

pub async fn a_failed_job_tells_the_clouds_reason(world: &World) {
    let text = "the agent says no".to_owned();
    let rule = world.fault(
        "detachVolume",
        WorkFault::JobFails {
            code: 534,
            text: text.clone(),
            work: Work::NotDone,
        },
    );
    assert_eq!(
        world.run(&detach()).await,
        JobReport::Failed(Refusal { code: 534, text })
    );
    assert!(!is_detached(world).await);
    world.struck_once(rule);
}

pub async fn a_failed_job_may_have_done_its_work(world: &World) {
    let text = "the agent was late".to_owned();
    world.fault(
        "detachVolume",
        WorkFault::JobFails {
            code: 530,
            text,
            work: Work::Done,
        },
    );
    assert_eq!(world.failed(&detach()).await, 530);
    assert!(is_detached(world).await);
}

pub async fn a_job_cut_off_by_a_restart_or_a_cancellation_says_nothing_about_its_work(world: &World) {
    for (work, done) in [(Work::NotDone, false), (Work::Done, true)] {
        for (fault, code) in [
            (WorkFault::JobInterrupted { work }, 530),
            (WorkFault::JobCancelled { work }, 0),
        ] {
            let rule = world.fault("detachVolume", fault);
            assert_eq!(world.run(&detach()).await, JobReport::Interrupted { code });
            assert_eq!(is_detached(world).await, done);
            world.struck_once(rule);
            if done {
                let oma = super::world::OMA.parse().unwrap();
                world
                    .done(&Command::AttachVolume {
                        volume: disk(),
                        vm: oma,
                        device: Some(1),
                    })
                    .await;
            }
        }
    }
}

pub async fn a_forgotten_job_is_not_known_whatever_it_did(world: &World) {
    let rule = world.fault("detachVolume", WorkFault::JobPurged { work: Work::Done });
    assert_eq!(world.run(&detach()).await, JobReport::NotKnown);
    assert!(is_detached(world).await);
    world.struck_once(rule);
}

pub async fn a_guest_that_does_not_let_go_keeps_its_volume(world: &World) {
    let rule = world.fault("detachVolume", WorkFault::DetachTimeout);
    assert_eq!(world.failed(&detach()).await, 530);
    let seen = world.volume(&disk()).await;
    assert_eq!(
        (seen.attachment.is_some(), seen.state),
        (true, VolumeState::Ready)
    );
    world.struck_once(rule);
    // The guest has let go by now.
    world.done(&detach()).await;
}
