//! What happens at the same instant on real connections, where the contract's own promises are not enough to force the
//! guards against each other; and rows that somebody has broken.

use std::sync::Arc;

use failover_access::Actor;
use failover_domain::JobStatus;
use failover_engine::contract::fixture::{
    all, base, batch, claimed, create, end, entry, id, new_job, operator, plan, report, vm_id, worker,
};
use failover_engine::event::Event;
use failover_engine::plan::{Settled, commit_plan};
use failover_engine::ports::{
    AppendError, AuditFilter, AuditTrail, Batch, CreateError, Inventory, JobStore, Lease, NewJob,
    RequestOutcome, ResyncMark,
};
use failover_engine::request::JobRequest;
use failover_store::Store;

use crate::lab::Database;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_the_end_of_its_job_exclude_each_other() {
    for database in Database::each().await {
        let store = Arc::new(Store::open(&database.settings()).await.unwrap());
        for vm in 0..20 {
            let lease = lease_on(&store, vm).await;
            let (asking, ending) = (store.clone(), store.clone());
            let (job, held) = (lease.job_id.clone(), lease.clone());
            let asked =
                tokio::spawn(
                    async move { asking.submit_request(&job, &operator(), &JobRequest::Retry).await },
                );
            let ended = tokio::spawn(async move { ending.append(&held, &last_batch()).await });
            match (asked.await.unwrap().unwrap(), ended.await.unwrap()) {
                (RequestOutcome::Noted { number: 1 }, Err(AppendError::RequestUnheard(_))) => {
                    let mut heard = last_batch();
                    heard.projection.heard = 1;
                    store.append(&lease, &heard).await.unwrap();
                }
                (RequestOutcome::AlreadyEnded, Ok(())) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancels_at_once_are_one_request() {
    for database in Database::each().await {
        let store = Arc::new(Store::open(&database.settings()).await.unwrap());
        let job = create(store.as_ref(), 1, 0).await;
        let cancels = (0..20).map(|n| {
            let (store, job) = (store.clone(), job.clone());
            async move {
                let by = format!("operator {n}");
                store
                    .submit_request(&job, &Actor::named(by), &JobRequest::Cancel)
                    .await
                    .unwrap()
            }
        });
        let outcomes = all(cancels).await;
        assert_eq!(outcomes, [RequestOutcome::Noted { number: 1 }; 20]);
        let requests = store.requests(&job).await.unwrap();
        let record = store.job(&job).await.unwrap().unwrap();
        assert_eq!(requests.len(), 1);
        assert_eq!(
            record.cancel_requested_by.as_deref(),
            Some(requests[0].by.as_str())
        );
    }
}

/// The index of active jobs does not help here: each of them is of a source VM of its own.
#[tokio::test(flavor = "multi_thread")]
async fn of_settlements_at_once_one_is_noted_and_the_others_leave_nothing() {
    for database in Database::each().await {
        let store = Arc::new(Store::open(&database.settings()).await.unwrap());
        let live = claimed(store.as_ref()).await;
        end(store.as_ref(), &live).await;
        let creates = (2..10).map(|vm| {
            let (store, mut job) = (store.clone(), commit_of(&live));
            job.plan.vm_id = vm_id(vm);
            async move { store.create(job).await }
        });
        let (mut made, mut refused) = (Vec::new(), Vec::new());
        for outcome in all(creates).await {
            match outcome {
                Ok(job) => made.push(job),
                Err(CreateError::Settled { of, by }) if of == live.job_id => refused.push(by),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!((made.len(), refused.len()), (1, 7));
        assert!(refused.iter().all(|by| *by == made[0]), "{refused:?}");
        let jobs = database.texts("SELECT COUNT(*) AS text FROM failover_jobs").await;
        assert_eq!(jobs, ["2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_settles_a_job_that_does_not_exist_is_refused() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        let nothing = Lease {
            job_id: id(format!("live-failover-{}-7", vm_id(1))),
            worker: failover_engine::contract::fixture::stranger(),
            epoch: 1,
        };
        let refused = store.create(commit_of(&nothing)).await;
        assert!(matches!(refused, Err(CreateError::Store(_))), "{refused:?}");
        assert_eq!(
            store.active_job(&vm_id(1)).await.unwrap(),
            None,
            "nothing is written"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_that_two_clear_at_once_has_one_entry() {
    for database in Database::each().await {
        let store = Arc::new(Store::open(&database.settings()).await.unwrap());
        store
            .put_vm(&report(1, &["volume-1"]), base(), &operator())
            .await
            .unwrap();
        store
            .mark_resync(&id("volume-1"), ResyncMark::Needed)
            .await
            .unwrap();
        let clears = (0..8).map(|n| {
            let store = store.clone();
            async move {
                let (vm, volume, by) = (vm_id(1), id("volume-1"), format!("operator {n}"));
                store
                    .clear_quarantine(&vm, &volume, &Actor::named(by), "looked at it")
                    .await
                    .unwrap()
            }
        });
        let cleared = all(clears).await;
        assert_eq!(cleared.into_iter().filter(|done| *done).count(), 1);
        assert_eq!(store.audit(&cleared_quarantines()).await.unwrap().len(), 1);
        store
            .mark_resync(&id("volume-1"), ResyncMark::Needed)
            .await
            .unwrap();
        let (vm, volume) = (vm_id(1), id("volume-1"));
        assert!(
            store
                .clear_quarantine(&vm, &volume, &Actor::named("last"), "again")
                .await
                .unwrap()
        );
        assert_eq!(
            store.audit(&cleared_quarantines()).await.unwrap()[0].actor,
            "last",
            "the newest comes first"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_entry_no_cleared_quarantine() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        store
            .put_vm(&report(1, &["volume-1"]), base(), &operator())
            .await
            .unwrap();
        store
            .mark_resync(&id("volume-1"), ResyncMark::Needed)
            .await
            .unwrap();
        database.execute("DROP TABLE audit_log").await;
        let (vm, volume) = (vm_id(1), id("volume-1"));
        store
            .clear_quarantine(&vm, &volume, &operator(), "why not")
            .await
            .unwrap_err();
        let marked = "SELECT COUNT(*) AS text FROM ossea_volumes WHERE needs_full_resync";
        assert_eq!(database.texts(marked).await, ["1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_databases_clock_brings_settlements_and_a_broken_row_does_not_keep_them() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        for vm in 1..=3 {
            let lease = lease_on(&store, vm).await;
            let mut last = last_batch();
            last.projection.settle_at = Some(base());
            store.append(&lease, &last).await.unwrap();
        }
        let (broken, later) = (vm_id(1), vm_id(3));
        database
            .execute(&format!(
                "UPDATE failover_jobs SET attention = '{{}}' WHERE vm_id = '{broken}';
                 UPDATE failover_jobs SET settle_at = {{at:32503680000}} WHERE vm_id = '{later}';"
            ))
            .await;
        let due = store.due_settlements(10).await.unwrap();
        let due: Vec<_> = due.into_iter().map(|r| r.vm_id).collect();
        assert_eq!(due, [vm_id(2)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_kind_is_another_names_table_column_and_row() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        let job = create(&store, 1, 0).await;
        store
            .submit_request(&job, &operator(), &JobRequest::Retry)
            .await
            .unwrap();
        database
            .execute("UPDATE failover_requests SET kind = 'cancel'")
            .await;
        let error = store.requests(&job).await.unwrap_err().to_string();
        for part in ["failover_requests", "kind", &format!("{job}/1"), "retry"] {
            assert!(error.contains(part), "{error}");
        }
    }
}

async fn lease_on(store: &Store, vm: usize) -> Lease {
    create(store, vm, 0).await;
    let worker = worker(store).await;
    let mut claimed = store.claim(&worker, 1).await.expect("a claim");
    claimed.remove(0).lease
}

fn last_batch() -> Batch {
    let mut last = batch([], JobStatus::Completed);
    last.events.push(entry(2, Event::Completed));
    last
}

/// Quarantines that were cleared by hand.
fn cleared_quarantines() -> AuditFilter {
    AuditFilter {
        action: Some("clear_quarantine".to_owned()),
        limit: 10,
        ..AuditFilter::default()
    }
}

fn commit_of(live: &Lease) -> NewJob {
    let settled = Settled {
        job: live.job_id.clone(),
        vm: id("vm-1"),
        snapshots: vec![None, None],
        before: None,
    };
    NewJob {
        plan: commit_plan(&plan(1), settled),
        ..new_job(1, 60)
    }
}
