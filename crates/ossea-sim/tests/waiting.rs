//! Many jobs are waited for with few calls, and whatever becomes of a job is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use failover_domain::AsyncJobId;
use ossea::{
    Accepted, Command, JobReport, JobWatch, MockOsseaClient, Origin, OsseaClient, OsseaError, Priority,
    WatchSettings,
};
use ossea_sim::faults::Work;
use ossea_sim::{FaultRule, RuleId, WayFault, WorkFault};
use support::Caller;

/// Counts the calls of a command without spoiling any.
fn count(caller: &Caller, command: &str) -> RuleId {
    caller
        .cloud
        .add_fault(FaultRule::on(command, WayFault::Busy).nth(u32::MAX))
}

fn counted(caller: &Caller, rule: RuleId) -> usize {
    caller.cloud.fault(rule).unwrap().matched.try_into().unwrap()
}

fn watch(caller: &Caller) -> JobWatch {
    JobWatch::new(Arc::new(caller.cloud.clone()), WatchSettings::default())
}

async fn deploy(caller: &Caller, name: &str) -> AsyncJobId {
    let deployment = caller.deployment(name, &["test-l2"]);
    let accepted = caller
        .submit(Command::DeployVirtualMachine(Box::new(deployment)))
        .await;
    match accepted.unwrap() {
        Accepted::Job { job, .. } => job,
        Accepted::Done => panic!("a deployment has a job"),
    }
}

fn follow(watch: &JobWatch, job: &AsyncJobId) -> ossea::JobWait {
    watch.follow(job, "deployVirtualMachine", Priority::WayThere, Origin::Accepted)
}

/// The calls that it takes to wait for so many deployments at once: lists and queries.
async fn calls_for(jobs: usize) -> (usize, usize) {
    let caller = Caller::of_sample();
    let (lists, queries) = (
        count(&caller, "listAsyncJobs"),
        count(&caller, "queryAsyncJobResult"),
    );
    let mut submitted = Vec::new();
    for number in 0..jobs {
        submitted.push(deploy(&caller, &format!("vm-{number}")).await);
    }
    let watch = watch(&caller);
    let mut waits: Vec<_> = submitted.iter().map(|job| follow(&watch, job)).collect();
    for wait in &mut waits {
        assert!(matches!(wait.end().await, JobReport::Succeeded { .. }));
    }
    (counted(&caller, lists), counted(&caller, queries))
}

#[tokio::test(start_paused = true)]
async fn a_thousand_jobs_need_as_many_lists_as_ten() {
    let (lists_for_ten, _) = calls_for(10).await;
    let (lists, queries) = calls_for(1000).await;
    // A deployment takes 20 s, and there is at most one list a second.
    assert!((2..=21).contains(&lists_for_ten), "{lists_for_ten} lists");
    assert!((2..=21).contains(&lists), "{lists} lists");
    // The first look at a kind of command of which nothing is known, and the result.
    assert!(queries <= 2 * 1000, "{queries} queries");
}

#[tokio::test(start_paused = true)]
async fn what_is_learnt_saves_looks() {
    let caller = Caller::of_sample();
    let queries = count(&caller, "queryAsyncJobResult");
    let watch = watch(&caller);
    for number in 0..8 {
        let job = deploy(&caller, &format!("vm-{number}")).await;
        follow(&watch, &job).end().await;
    }
    let before = counted(&caller, queries);
    let job = deploy(&caller, "vm-last").await;
    let submitted = tokio::time::Instant::now();
    follow(&watch, &job).end().await;
    assert!(counted(&caller, queries) - before <= 4);
    let late = submitted.elapsed().saturating_sub(Duration::from_secs(20));
    assert!(
        late <= Duration::from_millis(1500),
        "found {late:?} after its end"
    );
}

#[tokio::test(start_paused = true)]
async fn every_end_is_told_whichever_way_the_jobs_are_looked_at() {
    for companions in [0, 5] {
        let caller = Caller::of_sample();
        let watch = watch(&caller);
        let ends = [
            (None, "succeeded"),
            (
                Some(WorkFault::JobFails {
                    code: 530,
                    text: "no".to_owned(),
                    work: Work::NotDone,
                }),
                "failed",
            ),
            (
                Some(WorkFault::JobInterrupted { work: Work::Done }),
                "interrupted",
            ),
            (Some(WorkFault::JobPurged { work: Work::Done }), "not known"),
        ];
        let mut others = Vec::new();
        for number in 0..companions {
            let job = deploy(&caller, &format!("other-{number}")).await;
            others.push(follow(&watch, &job));
        }
        for (number, (fault, expected)) in ends.into_iter().enumerate() {
            if let Some(fault) = fault {
                caller
                    .cloud
                    .add_fault(FaultRule::on("deployVirtualMachine", fault));
            }
            let job = deploy(&caller, &format!("vm-{number}")).await;
            let mut wait = follow(&watch, &job);
            let mut told = wait.next().await.unwrap();
            while told == JobReport::Pending {
                told = wait.next().await.unwrap();
            }
            let told = match told {
                JobReport::Pending => "pending",
                JobReport::Succeeded { .. } => "succeeded",
                JobReport::Failed(_) => "failed",
                JobReport::Interrupted { .. } => "interrupted",
                JobReport::NotKnown => "not known",
            };
            assert_eq!(told, expected, "with {companions} others");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_not_known_is_asked_for_again_until_nobody_waits() {
    let caller = Caller::of_sample();
    let queries = count(&caller, "queryAsyncJobResult");
    let watch = watch(&caller);
    let never_sent = caller.key().job_id();
    let mut wait = watch.follow(&never_sent, "attachVolume", Priority::WayBack, Origin::Earlier);
    for _ in 0..3 {
        assert!(matches!(wait.next().await, Ok(JobReport::NotKnown)));
    }
    drop(wait);
    let asked = counted(&caller, queries);
    tokio::time::advance(Duration::from_secs(600)).await;
    assert_eq!(counted(&caller, queries), asked);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_does_not_answer_is_told_and_asked_again() {
    for others in [0, 5] {
        let caller = Caller::of_sample();
        let watch = watch(&caller);
        let mut waits = Vec::new();
        for number in 0..=others {
            let job = deploy(&caller, &format!("vm-{number}")).await;
            waits.push(follow(&watch, &job));
        }
        for command in ["listAsyncJobs", "queryAsyncJobResult"] {
            let lost = FaultRule::on(command, WayFault::LostReply).nth(2).times(4);
            caller.cloud.add_fault(lost);
        }
        let mut unreachable = 0;
        for wait in &mut waits {
            loop {
                match wait.next().await {
                    Err(OsseaError::Unreachable(_)) => unreachable += 1,
                    Ok(JobReport::Pending) => {}
                    Ok(JobReport::Succeeded { .. }) => break,
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(unreachable > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn two_who_wait_for_one_job_hear_the_same() {
    let caller = Caller::of_sample();
    let watch = watch(&caller);
    let job = deploy(&caller, "vm").await;
    let (mut one, mut other) = (follow(&watch, &job), follow(&watch, &job));
    let (first, second) = tokio::join!(one.end(), other.end());
    assert!(matches!(first, JobReport::Succeeded { .. }));
    assert_eq!(first, second);
}

#[tokio::test(start_paused = true)]
async fn a_watch_at_rest_begins_anew() {
    let caller = Caller::of_sample();
    let watch = watch(&caller);
    for name in ["one", "two"] {
        let job = deploy(&caller, name).await;
        assert!(matches!(
            follow(&watch, &job).end().await,
            JobReport::Succeeded { .. }
        ));
        tokio::time::advance(Duration::from_secs(60)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_management_server_is_told_to_all() {
    let caller = Caller::of_sample();
    let watch = watch(&caller);
    let mut waits = Vec::new();
    for number in 0..20 {
        let job = deploy(&caller, &format!("vm-{number}")).await;
        waits.push(follow(&watch, &job));
    }
    caller.cloud.restart(Work::NotDone);
    for wait in &mut waits {
        assert!(matches!(wait.end().await, JobReport::Interrupted { code: 530 }));
    }
    assert_eq!(caller.cloud.pending_jobs().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_never_lists_its_jobs_is_asked_for_each() {
    let caller = Caller::of_sample();
    let refused = WayFault::Refuse {
        code: 401,
        text: "not available for user".to_owned(),
    };
    caller
        .cloud
        .add_fault(FaultRule::on("listAsyncJobs", refused).forever());
    let watch = watch(&caller);
    let mut waits = Vec::new();
    for number in 0..10 {
        let job = deploy(&caller, &format!("vm-{number}")).await;
        waits.push(follow(&watch, &job));
    }
    let begun = tokio::time::Instant::now();
    for wait in &mut waits {
        assert!(matches!(wait.end().await, JobReport::Succeeded { .. }));
    }
    assert!(
        begun.elapsed() <= Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_seen_again_after_an_error_is_told_so() {
    let caller = Caller::of_sample();
    let lost = FaultRule::on("queryAsyncJobResult", WayFault::LostReply).nth(3);
    caller.cloud.add_fault(lost);
    let watch = watch(&caller);
    let job = deploy(&caller, "vm").await;
    let mut wait = follow(&watch, &job);
    assert_eq!(wait.next().await, Ok(JobReport::Pending));
    assert!(matches!(wait.next().await, Err(OsseaError::Unreachable(_))));
    assert_eq!(wait.next().await, Ok(JobReport::Pending));
    assert!(matches!(wait.next().await, Ok(JobReport::Succeeded { .. })));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_survives_a_query_that_breaks() {
    let asked = Arc::new(AtomicU32::new(0));
    let mut mock = MockOsseaClient::new();
    let times = Arc::clone(&asked);
    mock.expect_with_priority().returning(move |_| {
        let mut door = MockOsseaClient::new();
        let times = Arc::clone(&times);
        door.expect_job()
            .returning(move |_| match times.fetch_add(1, Ordering::Relaxed) {
                0 => panic!("the first query breaks, as a test of what then happens"),
                _ => Ok(JobReport::Succeeded { object: None }),
            });
        Arc::new(door)
    });
    let watch = JobWatch::new(Arc::new(mock), WatchSettings::default());
    let job = "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10".parse().unwrap();
    let mut wait = follow(&watch, &job);
    let begun = tokio::time::Instant::now();
    assert!(matches!(wait.next().await, Err(OsseaError::Unreachable(_))));
    assert!(
        begun.elapsed() >= WatchSettings::default().shortest,
        "no hot loop"
    );
    assert!(matches!(wait.end().await, JobReport::Succeeded { .. }));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
