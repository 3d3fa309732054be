//! Promises about workers, leases and claims.

use std::collections::BTreeSet;
use std::time::Duration;

use failover_domain::{JobId, JobStatus};

use super::Harness;
use super::fixture::{LEASE, all, batch, claimed, create, end, new_job, plan, stranger, worker};
use crate::ports::{AppendError, JobStore, LivingWorker, WorkerId};

/// Many workers that claim at the same time get every job once.
pub async fn concurrent_claimers_never_share_a_job(harness: &dyn Harness) {
    let jobs = harness.jobs();
    for vm in 0..30 {
        create(jobs.as_ref(), vm, 0).await;
    }
    let claimers = (0..8).map(|_| {
        let jobs = jobs.clone();
        async move {
            let worker = worker(jobs.as_ref()).await;
            let mut mine = Vec::new();
            loop {
                let claimed = jobs.claim(&worker, 3).await.expect("a claim");
                assert!(claimed.len() <= 3);
                // Another claimer may hold the rows that this one saw; nothing free means that it is over.
                if claimed.is_empty() && !has_free_job(jobs.as_ref()).await {
                    return mine;
                }
                assert!(
                    claimed
                        .iter()
                        .all(|c| c.lease.worker == worker && c.lease.epoch == 1)
                );
                mine.extend(claimed.into_iter().map(|c| c.lease.job_id));
            }
        }
    });
    let taken: Vec<JobId> = all(claimers).await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 30);
    assert_eq!(
        taken.iter().collect::<BTreeSet<_>>().len(),
        30,
        "no job was claimed twice"
    );
}

/// What a worker needs to go on where another one was.
pub async fn a_claim_raises_the_epoch_and_brings_the_whole_journal(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let first = claimed(jobs.as_ref()).await;
    assert_eq!(first.epoch, 1);
    jobs.append(&first, &batch(2..=300, JobStatus::Validating))
        .await
        .expect("the lease holds");
    jobs.release(&first).await.expect("a write");
    let next = worker(jobs.as_ref()).await;
    let again = jobs.claim(&next, 1).await.expect("a claim").remove(0);
    assert_eq!(
        (again.lease.epoch, &again.lease.job_id, &again.lease.worker),
        (2, &first.job_id, &next)
    );
    assert_eq!(again.plan, plan(1));
    let seqs: Vec<u64> = again.events.iter().map(|e| e.seq).collect();
    assert_eq!(seqs, (1..=300).collect::<Vec<_>>());
    let record = jobs.job(&first.job_id).await.expect("a read").expect("it exists");
    assert_eq!(
        (record.owner, record.epoch, record.last_seq),
        (Some(next), 2, 300)
    );
}

/// First come, first served.
pub async fn a_claim_takes_the_oldest_jobs_up_to_its_limit(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let newest = create(jobs.as_ref(), 1, 20).await;
    let oldest = create(jobs.as_ref(), 2, 0).await;
    let middle = create(jobs.as_ref(), 3, 10).await;
    let worker = worker(jobs.as_ref()).await;
    assert_eq!(claim(jobs.as_ref(), &worker, 0).await, []);
    assert_eq!(claim(jobs.as_ref(), &worker, 2).await, [oldest, middle]);
    assert_eq!(claim(jobs.as_ref(), &worker, 2).await, [newest]);
    assert_eq!(claim(jobs.as_ref(), &worker, 2).await, []);
}

/// A worker that is heard of no more loses its jobs, but not before its lease has ended.
pub async fn a_job_is_free_when_its_workers_lease_has_ended(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    harness.pass(LEASE - Duration::from_secs(1)).await;
    let other = worker(jobs.as_ref()).await;
    assert_eq!(claim(jobs.as_ref(), &other, 1).await, []);
    // A lease that ends at this very instant has ended: whoever holds it must not count on it.
    harness.pass(Duration::from_secs(1)).await;
    assert_eq!(claim(jobs.as_ref(), &other, 1).await, [lease.job_id]);
}

/// One renewal holds all jobs of a worker.
pub async fn a_renewed_lease_keeps_its_jobs(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    for _ in 0..3 {
        harness.pass(LEASE - Duration::from_secs(1)).await;
        jobs.renew_worker(&lease.worker, LEASE).await.expect("a write");
    }
    let other = worker(jobs.as_ref()).await;
    assert_eq!(claim(jobs.as_ref(), &other, 1).await, []);
    jobs.append(&lease, &batch([2], JobStatus::Validating))
        .await
        .expect("the lease holds");
}

/// A claim by somebody who is not alive would be free again at once.
pub async fn a_worker_without_a_lease_claims_nothing(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let job = create(jobs.as_ref(), 1, 0).await;
    assert_eq!(claim(jobs.as_ref(), &stranger(), 1).await, []);
    let late = worker(jobs.as_ref()).await;
    harness.pass(LEASE + Duration::from_secs(1)).await;
    assert_eq!(claim(jobs.as_ref(), &late, 1).await, []);
    jobs.renew_worker(&late, LEASE).await.expect("a write");
    assert_eq!(claim(jobs.as_ref(), &late, 1).await, [job]);
}

/// A graceful stop costs no lease time.
pub async fn a_retired_worker_frees_its_jobs_at_once(harness: &dyn Harness) {
    let jobs = harness.jobs();
    create(jobs.as_ref(), 2, 0).await;
    create(jobs.as_ref(), 3, 0).await;
    let leaving = worker(jobs.as_ref()).await;
    let held = jobs.claim(&leaving, 5).await.expect("a claim");
    assert_eq!(held.len(), 2);
    jobs.retire_worker(&leaving).await.expect("a write");
    let lost = jobs
        .append(&held[0].lease, &batch([2], JobStatus::Validating))
        .await;
    assert!(matches!(lost, Err(AppendError::LeaseLost(_))), "{lost:?}");
    assert_eq!(claim(jobs.as_ref(), &leaving, 5).await, []);
    let other = worker(jobs.as_ref()).await;
    assert_eq!(claim(jobs.as_ref(), &other, 5).await.len(), 2);
    jobs.retire_worker(&stranger())
        .await
        .expect("retiring a stranger is nothing");
}

/// Whoever leaves takes nothing from those who stay.
pub async fn a_retired_worker_frees_no_job_of_another_one(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let leaving = worker(jobs.as_ref()).await;
    jobs.retire_worker(&leaving).await.expect("a write");
    let other = worker(jobs.as_ref()).await;
    assert_eq!(claim(jobs.as_ref(), &other, 5).await, []);
    jobs.append(&lease, &batch([2], JobStatus::Validating))
        .await
        .expect("the lease holds");
}

/// A job that is handed back is anybody's.
pub async fn a_released_job_is_free_at_once(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    jobs.release(&lease).await.expect("a write");
    let record = jobs.job(&lease.job_id).await.expect("a read").expect("it exists");
    assert_eq!((record.owner, record.epoch), (None, 1));
    let lost = jobs.append(&lease, &batch([2], JobStatus::Validating)).await;
    assert!(matches!(lost, Err(AppendError::LeaseLost(_))), "{lost:?}");
    assert_eq!(claim(jobs.as_ref(), &lease.worker, 1).await, [lease.job_id]);
}

/// Handing back what somebody else owns by now changes nothing.
pub async fn a_lost_lease_releases_nothing(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let old = claimed(jobs.as_ref()).await;
    jobs.release(&old).await.expect("a write");
    let new = jobs.claim(&old.worker, 1).await.expect("a claim").remove(0).lease;
    jobs.release(&old).await.expect("a write");
    let other = worker(jobs.as_ref()).await;
    assert_eq!(claim(jobs.as_ref(), &other, 1).await, []);
    jobs.append(&new, &batch([2], JobStatus::Validating))
        .await
        .expect("the new lease holds");
}

/// The end of a job ends its ownership for good.
pub async fn ended_jobs_are_not_claimable(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    end(jobs.as_ref(), &lease).await;
    harness.pass(LEASE * 2).await;
    let other = worker(jobs.as_ref()).await;
    assert_eq!(claim(jobs.as_ref(), &other, 5).await, []);
    let record = jobs.job(&lease.job_id).await.expect("a read").expect("it exists");
    assert_eq!(
        (record.projection.status, record.owner),
        (JobStatus::Completed, None)
    );
    assert_eq!(jobs.active_job(&record.vm_id).await.expect("a read"), None);
    let more = jobs.append(&lease, &batch([3], JobStatus::Failed)).await;
    assert!(matches!(more, Err(AppendError::LeaseLost(_))), "{more:?}");
}

async fn claim(jobs: &dyn JobStore, worker: &WorkerId, limit: usize) -> Vec<JobId> {
    let claimed = jobs.claim(worker, limit).await.expect("a claim");
    claimed.into_iter().map(|c| c.lease.job_id).collect()
}

async fn has_free_job(jobs: &dyn JobStore) -> bool {
    let filter = crate::ports::JobFilter {
        limit: 1000,
        ..Default::default()
    };
    jobs.jobs(&filter)
        .await
        .expect("a read")
        .iter()
        .any(|r| r.owner.is_none())
}

/// Workers are known as long as their lease lasts, with the number of their jobs.
pub async fn the_living_workers_are_known_with_their_jobs(harness: &dyn Harness) {
    let (jobs, workers) = (harness.jobs(), harness.workers());
    assert_eq!(workers.living_workers().await.expect("answered"), []);
    let (busy, idle) = (
        WorkerId::from_stored("a".into()),
        WorkerId::from_stored("b".into()),
    );
    for (worker, lease) in [(&busy, 10), (&idle, 30)] {
        let lease = Duration::from_secs(lease);
        jobs.renew_worker(worker, lease).await.expect("renewed");
    }
    for vm in [1, 2] {
        jobs.create(new_job(vm, 0)).await.expect("created");
    }
    jobs.claim(&busy, 10).await.expect("claimed");
    harness.pass(Duration::from_secs(4)).await;
    let standing = |worker: &WorkerId, left, jobs| LivingWorker {
        worker: worker.clone(),
        lease_left: Duration::from_secs(left),
        jobs,
    };
    let living = workers.living_workers().await.expect("answered");
    assert_eq!(living, [standing(&busy, 6, 2), standing(&idle, 26, 0)]);
    harness.pass(Duration::from_secs(6)).await;
    let living = workers.living_workers().await.expect("answered");
    assert_eq!(living, [standing(&idle, 20, 0)]);
}
