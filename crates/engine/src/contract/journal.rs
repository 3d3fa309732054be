//! Promises about batches under a lease.

use std::time::Duration;

use chrono::TimeDelta;
use failover_domain::{JobStatus, SnapshotId, TestWindow};

use super::Harness;
use super::fixture::{
    LEASE, all, attention, base, batch, claimed, create, entry, failure, id, projection, worker,
};
use crate::event::{Event, StoredEvent};
use crate::ports::{
    AppendError, Batch, Custody, JobRecord, Lease, ResourceKind, ResourceRow, ResourceState, StoreError,
    VolumeRow,
};

/// A sender that did not hear the answer sends again.
pub async fn the_same_batch_twice_is_written_once(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let two = batch([2, 3], JobStatus::Validating);
    for _ in 0..2 {
        jobs.append(&lease, &two).await.expect("the lease holds");
    }
    jobs.append(&lease, &batch([4], JobStatus::Executing))
        .await
        .expect("the lease holds");
    // Even when it comes late, it neither fails nor turns the row back.
    jobs.append(&lease, &two).await.expect("it is written already");
    let (record, journal) = stored(harness, &lease).await;
    assert_eq!(journal.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(
        (record.last_seq, record.projection.status),
        (4, JobStatus::Executing)
    );
    assert_eq!(journal[1..3], two.events);
}

/// Entries of another job with the same numbers are not its own.
pub async fn a_repetition_is_recognised_beside_other_jobs(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    create(jobs.as_ref(), 2, 0).await;
    let other = jobs
        .claim(&lease.worker, 1)
        .await
        .expect("a claim")
        .remove(0)
        .lease;
    for lease in [&other, &lease, &lease] {
        jobs.append(lease, &batch([2, 3], JobStatus::Validating))
            .await
            .expect("it is written or written already");
    }
    let (_, journal) = stored(harness, &lease).await;
    assert_eq!(journal.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3]);
}

/// The batch that ends a job ends its ownership, and must be repeatable all the same.
pub async fn the_last_batch_of_a_job_can_be_repeated_too(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let mut last = batch([], JobStatus::Completed);
    last.events.push(entry(2, Event::Completed));
    for _ in 0..2 {
        jobs.append(&lease, &last)
            .await
            .expect("it is written or written already");
    }
    let (record, journal) = stored(harness, &lease).await;
    assert_eq!(
        (record.projection.status, journal.len()),
        (JobStatus::Completed, 2)
    );
}

/// The first attempt may still be under way when the second one begins.
pub async fn a_concurrent_repetition_is_written_once(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let appends = (0..8).map(|_| {
        let (jobs, lease) = (jobs.clone(), lease.clone());
        async move { jobs.append(&lease, &batch([2, 3], JobStatus::Validating)).await }
    });
    for outcome in all(appends).await {
        outcome.expect("it is written or written already");
    }
    assert_eq!(stored(harness, &lease).await.1.len(), 3);
}

/// Clocks are finer than columns.
pub async fn instants_finer_than_the_store_keeps_are_still_repeatable(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let mut fine = batch([2], JobStatus::Validating);
    fine.events[0].at = base() + TimeDelta::nanoseconds(123_456_789);
    for _ in 0..2 {
        jobs.append(&lease, &fine)
            .await
            .expect("it is written or written already");
    }
    let (_, journal) = stored(harness, &lease).await;
    assert_eq!(journal.len(), 2);
    let lag = fine.events[0].at - journal[1].at;
    assert!(
        lag >= TimeDelta::zero() && lag < TimeDelta::microseconds(1),
        "{lag}"
    );
}

/// The guard is the whole lease.
pub async fn a_wrong_owner_or_epoch_writes_nothing(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let before = stored(harness, &lease).await;
    let other = worker(jobs.as_ref()).await;
    for wrong in [
        Lease {
            worker: other,
            ..lease.clone()
        },
        Lease {
            epoch: 0,
            ..lease.clone()
        },
        Lease {
            epoch: 2,
            ..lease.clone()
        },
        Lease {
            epoch: u64::MAX,
            ..lease.clone()
        },
        Lease {
            job_id: id(format!("test-failover-{}-1", super::fixture::vm_id(1))),
            ..lease.clone()
        },
    ] {
        let outcome = jobs.append(&wrong, &full_batch()).await;
        let lost = matches!(&outcome, Err(AppendError::LeaseLost(job)) if *job == wrong.job_id);
        assert!(lost, "{wrong:?}: {outcome:?}");
    }
    assert_eq!(stored(harness, &lease).await, before);
    assert_eq!(jobs.resources(&lease.job_id).await.expect("a read"), []);
}

/// A worker that slept past its lease and wakes up.
pub async fn a_zombie_cannot_write_after_a_takeover(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let zombie = claimed(jobs.as_ref()).await;
    let written = batch([2], JobStatus::Validating);
    jobs.append(&zombie, &written).await.expect("the lease holds");
    harness.pass(LEASE + Duration::from_secs(1)).await;
    let next = worker(jobs.as_ref()).await;
    let new = jobs.claim(&next, 1).await.expect("a claim").remove(0).lease;
    let before = stored(harness, &zombie).await;
    // Renewing its lease does not give it its job back.
    jobs.renew_worker(&zombie.worker, LEASE).await.expect("a write");
    for late in [
        batch([3], JobStatus::Executing),
        full_batch(),
        written,
        batch([], JobStatus::Failed),
    ] {
        let outcome = jobs.append(&zombie, &late).await;
        assert!(matches!(outcome, Err(AppendError::LeaseLost(_))), "{outcome:?}");
    }
    assert_eq!(stored(harness, &zombie).await, before);
    jobs.append(&new, &batch([3], JobStatus::Executing))
        .await
        .expect("the new lease holds");
}

/// A batch is committed whole or not at all.
pub async fn gaps_and_other_entries_in_taken_places_are_refused_whole(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    jobs.append(&lease, &batch([2, 3], JobStatus::Validating))
        .await
        .expect("the lease holds");
    let before = stored(harness, &lease).await;
    let mut other = full_batch();
    other.events = vec![entry(
        3,
        Event::CancelHeard {
            by: "somebody else".to_owned(),
        },
    )];
    let numbered = |seqs: &[u64]| Batch {
        events: batch(seqs.to_vec(), JobStatus::Executing).events,
        ..full_batch()
    };
    let (gap, hole, twice) = (numbered(&[5]), numbered(&[4, 6]), numbered(&[4, 4]));
    let (half, back, zero) = (numbered(&[3, 4]), numbered(&[5, 4]), numbered(&[0]));
    for wrong in [gap, hole, twice, half, back, zero, other] {
        let outcome = jobs.append(&lease, &wrong).await;
        let refused = matches!(outcome, Err(AppendError::Store(StoreError::Corrupt { .. })));
        assert!(refused, "{:?}: {outcome:?}", wrong.events);
        assert_eq!(stored(harness, &lease).await, before);
    }
    assert_eq!(jobs.resources(&lease.job_id).await.expect("a read"), []);
    let untouched = jobs
        .volumes(&lease.job_id)
        .await
        .expect("a read")
        .iter()
        .all(|v| !v.dirty);
    assert!(untouched);
    jobs.append(&lease, &batch([4], JobStatus::Executing))
        .await
        .expect("the right one is taken");
}

/// Volume rows by disk, ledger rows by kind and name.
pub async fn rows_are_replaced_by_their_key(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let resource = |kind, name: &str, cloud_id: Option<&str>, state| ResourceRow {
        kind,
        name: name.to_owned(),
        cloud_id: cloud_id.map(str::to_owned),
        state,
    };
    let volume = |custody, snapshot: Option<SnapshotId>| VolumeRow {
        disk: 1,
        volume: id("volume-1-1"),
        oma_device: 2,
        destination_device: 1,
        custody,
        dirty: snapshot.is_some(),
        snapshot,
    };
    let mut first = batch([2], JobStatus::Validating);
    first.resources = vec![
        resource(ResourceKind::Snapshot, "b", None, ResourceState::Intended),
        resource(ResourceKind::Vm, "b", None, ResourceState::Intended),
        resource(ResourceKind::Snapshot, "a", Some("s-1"), ResourceState::Present),
    ];
    first.volumes = vec![volume(Custody::Destination { device: 1 }, Some(id("snapshot-1")))];
    jobs.append(&lease, &first).await.expect("the lease holds");
    let volumes = jobs.volumes(&lease.job_id).await.expect("a read");
    assert_eq!((volumes.len(), &volumes[1]), (2, &first.volumes[0]));

    let mut second = batch([3], JobStatus::Validating);
    second.resources = vec![resource(
        ResourceKind::Snapshot,
        "a",
        None,
        ResourceState::Removed,
    )];
    second.volumes = vec![volume(Custody::Detached, None)];
    jobs.append(&lease, &second).await.expect("the lease holds");
    let volumes = jobs.volumes(&lease.job_id).await.expect("a read");
    assert_eq!(volumes[1], second.volumes[0]);
    let ledger = jobs.resources(&lease.job_id).await.expect("a read");
    let expected = [
        first.resources[1].clone(),
        second.resources[0].clone(),
        first.resources[0].clone(),
    ];
    assert_eq!(ledger, expected, "ordered by kind and name");
}

/// Nothing of a row is lost, rounded or defaulted, and everything can be taken back.
pub async fn every_column_of_the_projection_reads_back(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let mut full = batch([2], JobStatus::Snapshotting);
    full.projection.progress = 33.3;
    full.projection.returning = true;
    full.projection.current_steps = vec!["disk-0/snapshot".to_owned(), "vm/create-vm".to_owned()];
    full.projection.attention = vec![attention()];
    full.projection.failure = Some(failure());
    full.projection.ossea_snapshot_id = Some(id("snapshot-1"));
    full.projection.destination_vm_id = Some(id("vm-1"));
    full.projection.window = Some(TestWindow::open(base(), Duration::from_secs(3600)));
    full.projection.heard = 7;
    full.projection.settle_at = Some(base() + TimeDelta::microseconds(2));
    full.projection.started_at = Some(base() + TimeDelta::microseconds(1));
    full.events[0].event = Event::ReturnBegan { cause: failure() };
    jobs.append(&lease, &full).await.expect("the lease holds");
    let (record, journal) = stored(harness, &lease).await;
    assert_eq!(record.projection, full.projection);
    assert_eq!(journal[1], full.events[0]);
    jobs.append(&lease, &batch([3], JobStatus::Snapshotting))
        .await
        .expect("the lease holds");
    assert_eq!(
        stored(harness, &lease).await.0.projection,
        projection(JobStatus::Snapshotting)
    );
}

/// Progress may move while nothing happens.
pub async fn a_batch_without_entries_moves_the_row_only(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    for _ in 0..2 {
        jobs.append(&lease, &batch([], JobStatus::Validating))
            .await
            .expect("the lease holds");
    }
    let (record, journal) = stored(harness, &lease).await;
    assert_eq!(
        (record.projection.status, record.last_seq),
        (JobStatus::Validating, 1)
    );
    assert_eq!((journal.len(), record.owner), (1, Some(lease.worker)));
}

/// A batch that would leave a mark in every table.
fn full_batch() -> Batch {
    let mut batch = batch([2], JobStatus::Executing);
    batch.resources.push(ResourceRow {
        kind: ResourceKind::Vm,
        name: "vm".to_owned(),
        cloud_id: None,
        state: ResourceState::Intended,
    });
    batch.volumes.push(VolumeRow {
        disk: 0,
        volume: id("volume-1-0"),
        oma_device: 1,
        destination_device: 0,
        custody: Custody::Detached,
        dirty: true,
        snapshot: None,
    });
    batch
}

async fn stored(harness: &dyn Harness, lease: &Lease) -> (JobRecord, Vec<StoredEvent>) {
    let jobs = harness.jobs();
    let record = jobs.job(&lease.job_id).await.expect("a read").expect("it exists");
    (record, jobs.events(&lease.job_id, 0, 1000).await.expect("a read"))
}
