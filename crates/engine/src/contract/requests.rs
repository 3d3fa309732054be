//! Promises about what operators ask of jobs, and about what comes after a completed live failover.

use std::time::Duration;

use chrono::TimeDelta;
use failover_access::Actor;
use failover_domain::{AttentionCode, Decision, JobId, JobStatus, JobType};

use super::Harness;
use super::fixture::{
    attention, base, batch, claimed, create, end, entry, id, new_job, operator, plan, report, stranger,
    vm_id, worker,
};
use crate::event::{ClosingReason, Event, StepFacts};
use crate::plan::{Direction, Errand, Settled, Step, StepKind, commit_plan, rollback_plan};
use crate::ports::{
    AppendError, AuditFilter, Batch, ClearError, CreateError, JobFilter, JobStore, Lease, NeedsPerson,
    NewJob, RequestOutcome, ResyncMark,
};
use crate::request::JobRequest;

/// The first who asks is remembered; an ended or unknown job is told apart.
pub async fn a_cancel_is_noted_once_and_only_while_the_job_is_active(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let noted = RequestOutcome::Noted { number: 1 };
    for by in ["first", "second"] {
        assert_eq!(
            ask(jobs.as_ref(), &lease.job_id, by, JobRequest::Cancel).await,
            noted
        );
    }
    let record = jobs.job(&lease.job_id).await.expect("a read").expect("it exists");
    assert_eq!(record.cancel_requested_by.as_deref(), Some("first"));
    assert_eq!(jobs.requests(&lease.job_id).await.expect("a read").len(), 1);
    let mut last = ending(2);
    last.projection.heard = 1;
    jobs.append(&lease, &last).await.expect("the lease holds");
    let late = ask(jobs.as_ref(), &lease.job_id, "third", JobRequest::Cancel).await;
    assert_eq!(late, RequestOutcome::AlreadyEnded);
    let unknown = JobId::new(JobType::Test, &vm_id(1), base(), 0);
    let nobody = ask(jobs.as_ref(), &unknown, "fourth", JobRequest::Cancel).await;
    assert_eq!(nobody, RequestOutcome::NoSuchJob);
}

/// Requests keep their order and everything that was said, whatever their kind.
pub async fn requests_are_numbered_in_the_order_in_which_they_come(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let wanted = [
        JobRequest::Extend {
            deadline: base() + TimeDelta::hours(2),
        },
        JobRequest::Decide {
            code: AttentionCode::RevertFailed,
            object: Some("volume 1".to_owned()),
            decision: Decision::Force,
            reason: "'no' \u{1F4A5} other way".to_owned(),
        },
        JobRequest::Retry,
        JobRequest::EndTest,
        JobRequest::Retry,
    ];
    for (number, request) in (1..).zip(&wanted) {
        let outcome = ask(jobs.as_ref(), &lease.job_id, "operator", request.clone()).await;
        assert_eq!(outcome, RequestOutcome::Noted { number });
    }
    let stored = jobs.requests(&lease.job_id).await.expect("a read");
    assert_eq!(
        stored.iter().map(|r| r.number).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(
        stored.iter().map(|r| r.request.clone()).collect::<Vec<_>>(),
        wanted
    );
    assert!(stored.iter().all(|r| r.by == "operator" && r.at == base()));
}

/// Two who ask at once get numbers of their own.
pub async fn requests_at_once_lose_nothing(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let tasks = (0..20).map(|_| {
        let (jobs, job) = (harness.jobs(), lease.job_id.clone());
        async move { ask(jobs.as_ref(), &job, "operator", JobRequest::Retry).await }
    });
    let mut numbers: Vec<u64> = super::fixture::all(tasks)
        .await
        .into_iter()
        .map(|outcome| match outcome {
            RequestOutcome::Noted { number } => number,
            RequestOutcome::AlreadyEnded | RequestOutcome::NoSuchJob => 0,
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<u64>>());
}

/// A worker is brought what its own jobs have not heard, until the journal says that they have.
pub async fn a_worker_is_brought_the_unheard_requests_of_its_own_jobs(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let free = create(jobs.as_ref(), 2, 0).await;
    let numbers = async |lease: &Lease| -> Vec<u64> {
        let open = jobs.open_requests(&lease.worker).await.expect("a read");
        assert!(open.iter().all(|r| r.job_id == lease.job_id));
        open.iter().map(|r| r.request.number).collect()
    };
    assert_eq!(numbers(&lease).await, [0; 0]);
    for job in [&lease.job_id, &free, &lease.job_id] {
        ask(jobs.as_ref(), job, "operator", JobRequest::Retry).await;
    }
    assert_eq!(numbers(&lease).await, [1, 2]);
    let mut heard = batch([2], JobStatus::Validating);
    heard.projection.heard = 1;
    jobs.append(&lease, &heard).await.expect("the lease holds");
    assert_eq!(numbers(&lease).await, [2]);
    assert_eq!(jobs.open_requests(&stranger()).await.expect("a read"), []);
    let claimed = jobs.claim(&lease.worker, 5).await.expect("a claim");
    assert_eq!(
        claimed.len(),
        1,
        "a job that was asked something still needs a worker"
    );
}

/// No request that was accepted is dropped by a job that ends just then.
pub async fn a_job_does_not_end_while_a_request_is_unheard(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    ask(jobs.as_ref(), &lease.job_id, "operator", JobRequest::Cancel).await;
    let refused = jobs.append(&lease, &ending(2)).await;
    assert!(
        matches!(refused, Err(AppendError::RequestUnheard(_))),
        "{refused:?}"
    );
    let record = jobs.job(&lease.job_id).await.expect("a read").expect("it exists");
    assert_eq!(
        (record.last_seq, record.projection.status),
        (1, JobStatus::Pending)
    );
    assert_eq!(record.owner, Some(lease.worker.clone()), "the lease holds");
    let mut heard = batch([2], JobStatus::Validating);
    heard.projection.heard = 1;
    jobs.append(&lease, &heard).await.expect("the lease holds");
    let mut last = ending(3);
    last.projection.heard = 1;
    jobs.append(&lease, &last).await.expect("everything was heard");
}

/// An extension that was accepted just before the deadline counts.
pub async fn a_test_window_does_not_close_while_a_request_is_unheard(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let deadline = base() + TimeDelta::hours(9);
    ask(
        jobs.as_ref(),
        &lease.job_id,
        "operator",
        JobRequest::Extend { deadline },
    )
    .await;
    let closing = |seq| {
        let step = Step::new(Direction::Forward, StepKind::TestWindow);
        let why = ClosingReason::WindowOver;
        let facts = StepFacts::WindowClosed { why };
        let mut closing = batch([], JobStatus::Executing);
        closing.events.push(entry(seq, Event::StepDone { step, facts }));
        closing
    };
    let refused = jobs.append(&lease, &closing(2)).await;
    assert!(
        matches!(refused, Err(AppendError::RequestUnheard(_))),
        "{refused:?}"
    );
    let mut heard = batch([2], JobStatus::Executing);
    heard.projection.heard = 1;
    jobs.append(&lease, &heard).await.expect("the lease holds");
    let mut last = closing(3);
    last.projection.heard = 1;
    jobs.append(&lease, &last).await.expect("everything was heard");
}

/// A commit and a rollback of one failover exclude each other for good.
pub async fn a_live_failover_is_settled_once(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    end(jobs.as_ref(), &lease).await;
    let rollback = settlement(&lease.job_id, rollback_plan);
    let first = jobs
        .create(rollback.clone())
        .await
        .expect("nothing stands against it");
    assert!(first.as_str().starts_with("rollback-"), "{first}");
    let live = jobs.job(&lease.job_id).await.expect("a read").expect("it exists");
    assert_eq!(live.settled_by, Some(first.clone()));
    let read = jobs.job(&first).await.expect("a read").expect("it exists");
    assert_eq!(read.job_type, JobType::Rollback);
    assert_eq!(jobs.resources(&first).await.expect("a read").len(), 2);
    let worker = worker(jobs.as_ref()).await;
    let claim = jobs.claim(&worker, 1).await.expect("a claim").remove(0);
    let mut closing = ending(2);
    closing.projection.destination_vm_id = Some(id("vm-1"));
    jobs.append(&claim.lease, &closing)
        .await
        .expect("the lease holds");
    for again in [rollback, settlement(&lease.job_id, commit_plan)] {
        let refused = jobs.create(again).await;
        let by = match &refused {
            Err(CreateError::Settled { by, .. }) => Some(by.clone()),
            Ok(_) | Err(CreateError::Active { .. } | CreateError::Store(_)) => None,
        };
        assert_eq!(by, Some(first.clone()), "{refused:?}");
    }
}

/// Fifty who settle one failover at once make one job.
pub async fn concurrent_settlements_give_one_job(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    end(jobs.as_ref(), &lease).await;
    let tasks = (0..50).map(|_| {
        let (jobs, job) = (harness.jobs(), settlement(&lease.job_id, commit_plan));
        async move { jobs.create(job).await.is_ok() }
    });
    let made = super::fixture::all(tasks).await;
    assert_eq!(made.into_iter().filter(|ok| *ok).count(), 1);
}

/// Deadlines are found by the store's clock, the oldest first, and only until somebody has settled the failover.
pub async fn failovers_whose_time_has_come_are_found(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let mut live = Vec::new();
    for (vm, minutes) in [(1, Some(20)), (2, Some(10)), (3, None)] {
        create(jobs.as_ref(), vm, 0).await;
        let worker = worker(jobs.as_ref()).await;
        let lease = jobs.claim(&worker, 1).await.expect("a claim").remove(0).lease;
        let mut last = ending(2);
        last.projection.settle_at = minutes.map(|m| base() + TimeDelta::minutes(m));
        jobs.append(&lease, &last).await.expect("the lease holds");
        live.push(lease.job_id);
    }
    let due = async || -> Vec<JobId> {
        let due = jobs.due_settlements(10).await.expect("a read");
        due.into_iter().map(|r| r.job_id).collect()
    };
    assert_eq!(due().await, []);
    harness.pass(Duration::from_secs(15 * 60)).await;
    assert_eq!(due().await, [live[1].clone()]);
    harness.pass(Duration::from_secs(15 * 60)).await;
    assert_eq!(due().await, [live[1].clone(), live[0].clone()]);
    assert_eq!(jobs.due_settlements(1).await.expect("a read").len(), 1);
    let mut commit = settlement(&live[1], commit_plan);
    commit.plan.vm_id = vm_id(2);
    jobs.create(commit).await.expect("nothing stands against it");
    assert_eq!(due().await, [live[0].clone()]);
}

/// What needs a person is found: open attentions of any job, and live failovers that nobody has settled for long.
pub async fn jobs_that_need_a_person_are_found(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let needing = async |seconds: i64| -> Vec<JobId> {
        let filter = JobFilter {
            needs_person: Some(NeedsPerson {
                unsettled_since: base() + TimeDelta::seconds(seconds),
            }),
            limit: 10,
            ..JobFilter::default()
        };
        let found = jobs.jobs(&filter).await.expect("a read");
        found.into_iter().map(|r| r.job_id).collect()
    };
    let troubled = claimed(jobs.as_ref()).await;
    assert_eq!(needing(0).await, [], "a job alone needs nobody");
    let mut raised = batch([2], JobStatus::Validating);
    raised.projection.attention = vec![attention()];
    jobs.append(&troubled, &raised).await.expect("the lease holds");

    create(jobs.as_ref(), 2, 1).await;
    let worker = worker(jobs.as_ref()).await;
    let live = jobs.claim(&worker, 1).await.expect("a claim").remove(0).lease;
    end(jobs.as_ref(), &live).await;
    // The suite's jobs end 90 seconds after the beginning.
    assert_eq!(needing(89).await, std::slice::from_ref(&troubled.job_id));
    assert_eq!(needing(90).await, [live.job_id.clone(), troubled.job_id.clone()]);
    let mut commit = settlement(&live.job_id, commit_plan);
    commit.plan.vm_id = vm_id(2);
    jobs.create(commit).await.expect("nothing stands against it");
    assert_eq!(needing(90).await, std::slice::from_ref(&troubled.job_id));

    let mut failed = ending(3);
    failed.projection.status = JobStatus::Failed;
    failed.projection.attention = vec![attention()];
    jobs.append(&troubled, &failed).await.expect("the lease holds");
    assert_eq!(needing(90).await, [troubled.job_id], "also when it has ended");
}

/// The mark is taken off together with the entry that says who did it and why, or not at all.
pub async fn a_quarantine_is_cleared_with_a_reason_or_not_at_all(harness: &dyn Harness) {
    let inventory = harness.inventory();
    inventory
        .put_vm(&report(1, &["volume-1", "volume-2"]), base(), &operator())
        .await
        .expect("a good report");
    let clear = async |vm: usize, volume: &str| {
        inventory
            .clear_quarantine(
                &vm_id(vm),
                &id(volume),
                &operator(),
                "checked by hand: 'ok' \u{1F4A5}",
            )
            .await
            .expect("a write")
    };
    assert!(!clear(1, "volume-1").await, "it is not marked");
    inventory
        .mark_resync(&id("volume-1"), ResyncMark::Needed)
        .await
        .expect("a write");
    assert!(!clear(2, "volume-1").await, "it is of another VM");
    assert!(clear(1, "volume-1").await);
    assert!(!clear(1, "volume-1").await, "it is cleared already");
    let vm = inventory
        .vm(&vm_id(1))
        .await
        .expect("a read")
        .expect("it is known");
    let marked = vm.disks.iter().filter_map(|d| d.replica.as_ref());
    assert_eq!(marked.filter(|r| r.needs_full_resync).count(), 0);
    let audit = harness.audit().audit(&clears()).await.expect("a read");
    assert_eq!(audit.len(), 1, "{audit:?}");
    assert_eq!((audit[0].at, audit[0].actor.as_str()), (base(), "operator"));
    assert_eq!(audit[0].object, "volume volume-1");
    assert_eq!(audit[0].vm_id.as_deref(), Some(vm_id(1).as_str()));
    assert_eq!(audit[0].reason, "checked by hand: 'ok' \u{1F4A5}");
}

/// A job may be about to bring the replica back, marked for a reason that it knows.
pub async fn a_quarantine_is_not_cleared_under_an_active_job(harness: &dyn Harness) {
    let (jobs, inventory) = (harness.jobs(), harness.inventory());
    let put = inventory
        .put_vm(&report(1, &["volume-1", "volume-2"]), base(), &operator())
        .await;
    put.expect("a good report");
    inventory
        .mark_resync(&id("volume-1"), ResyncMark::Needed)
        .await
        .expect("a write");
    let lease = claimed(jobs.as_ref()).await;
    let clear = async || {
        let volume = id("volume-1");
        inventory
            .clear_quarantine(&vm_id(1), &volume, &operator(), "why not")
            .await
    };
    let refused = clear().await;
    assert!(
        matches!(&refused, Err(ClearError::Active { job_id, .. }) if *job_id == lease.job_id),
        "{refused:?}"
    );
    assert_eq!(harness.audit().audit(&clears()).await.expect("a read"), []);
    end(jobs.as_ref(), &lease).await;
    assert!(clear().await.expect("a write"));
}

/// Whoever asks something of a job is named in the audit, with what was decided and why.
pub async fn what_is_asked_of_a_job_is_audited(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let lease = claimed(jobs.as_ref()).await;
    let decide = JobRequest::Decide {
        code: AttentionCode::RevertFailed,
        object: Some("volume 1".to_owned()),
        decision: Decision::Force,
        reason: "nobody needs it".to_owned(),
    };
    for request in [decide, JobRequest::Cancel, JobRequest::Cancel] {
        ask(jobs.as_ref(), &lease.job_id, "anna", request).await;
    }
    let of_anna = AuditFilter {
        actor: Some("anna".to_owned()),
        limit: 10,
        ..AuditFilter::default()
    };
    let told = harness.audit().audit(&of_anna).await.expect("a read");
    let actions: Vec<&str> = told.iter().map(|e| e.action.as_str()).collect();
    assert_eq!(actions, ["cancel", "decide"], "newest first, and each once");
    assert!(
        told.iter()
            .all(|e| e.actor == "anna" && e.object == format!("job {}", lease.job_id))
    );
    for words in ["force", "volume 1", "nobody needs it"] {
        assert!(told[1].reason.contains(words), "{}", told[1].reason);
    }
}

/// Quarantines that were cleared by hand.
fn clears() -> AuditFilter {
    AuditFilter {
        action: Some("clear_quarantine".to_owned()),
        limit: 10,
        ..AuditFilter::default()
    }
}

async fn ask(jobs: &dyn JobStore, job: &JobId, by: &str, request: JobRequest) -> RequestOutcome {
    let by = Actor::named(by);
    jobs.submit_request(job, &by, &request).await.expect("a write")
}

/// The batch that ends a job, with the entry number `seq`.
fn ending(seq: u64) -> Batch {
    let mut last = batch([], JobStatus::Completed);
    last.events.push(entry(seq, Event::Completed));
    last
}

/// A job that settles a live failover of [`plan`] 1.
fn settlement(live: &JobId, form: impl Fn(&crate::Plan, Settled) -> crate::Plan) -> NewJob {
    let settled = Settled {
        job: live.clone(),
        vm: id("vm-1"),
        snapshots: vec![Some(id("snapshot-1")), None],
        before: None,
    };
    let plan = form(&plan(1), settled);
    assert!(matches!(plan.errand, Errand::Commit(_) | Errand::Rollback(_)));
    NewJob {
        plan,
        ..new_job(1, 60)
    }
}
