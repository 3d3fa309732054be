//! The migration tool lets go of the replicas before they leave the OMA, and is told when they are back.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use failover_access::Actor;
use failover_domain::{AttentionCode, JobStatus, StrategyRequest};
use failover_engine::FailureCode;
use failover_engine::ports::JobRecord;
use failover_engine::service::Settlement;
use failover_engine::writer::{ReplicaWriter, WriterAnswer, WriterCall, WriterWish};
use lab::Lab;
use ossea_sim::cloud::log::Effect;

/// A migration tool with prepared answers; when they are used up it does what it is asked.
#[derive(Default)]
struct Tool {
    quiesce: Mutex<VecDeque<WriterAnswer>>,
    resume: Mutex<VecDeque<WriterAnswer>>,
    calls: Mutex<Vec<WriterCall>>,
}

#[async_trait]
impl ReplicaWriter for Tool {
    fn hears(&self, _: WriterWish) -> bool {
        true
    }

    async fn ask(&self, call: &WriterCall) -> WriterAnswer {
        self.calls
            .lock()
            .expect("no test fails in here")
            .push(call.clone());
        let answers = match call.wish {
            WriterWish::Quiesce => &self.quiesce,
            WriterWish::Resume => &self.resume,
        };
        let next = answers.lock().expect("no test fails in here").pop_front();
        next.unwrap_or(WriterAnswer::Done)
    }
}

impl Tool {
    fn asked(&self, wish: WriterWish) -> Vec<WriterCall> {
        let calls = self.calls.lock().expect("no test fails in here");
        calls.iter().filter(|c| c.wish == wish).cloned().collect()
    }
}

async fn lab_with(quiesce: Vec<WriterAnswer>, resume: Vec<WriterAnswer>) -> (Lab, Arc<Tool>) {
    let mut lab = Lab::new().await;
    let tool = Arc::new(Tool {
        quiesce: Mutex::new(quiesce.into()),
        resume: Mutex::new(resume.into()),
        calls: Mutex::default(),
    });
    lab.parts.writer = Arc::clone(&tool) as _;
    (lab, tool)
}

fn unknown() -> WriterAnswer {
    WriterAnswer::Unknown("no answer within 60 s".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_test_asks_to_quiesce_and_then_to_resume() {
    let (lab, tool) = lab_with(vec![], vec![]).await;
    let job = lab.start_short_test(StrategyRequest::Auto).await;
    let record = lab.run(&job).await;
    assert_eq!(record.projection.status, JobStatus::Completed);
    let (quiesce, resume) = (tool.asked(WriterWish::Quiesce), tool.asked(WriterWish::Resume));
    assert_eq!((quiesce.len(), resume.len()), (1, 1));
    assert_ne!(quiesce[0].key, resume[0].key);
    let replicas: Vec<_> = lab.replicas().into_iter().map(|(id, _)| id).collect();
    assert_eq!(quiesce[0].replicas, replicas);
    lab.assert_everything_is_back(&job).await;
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_is_not_done_yet_is_waited_for_under_the_same_key() {
    let not_yet = WriterAnswer::NotYet("flushing".to_owned());
    let (lab, tool) = lab_with(vec![not_yet.clone(), unknown(), not_yet], vec![]).await;
    let job = lab.start().await;
    let record = lab.run(&job).await;
    assert_eq!(record.projection.status, JobStatus::Completed, "{record:#?}");
    let asked = tool.asked(WriterWish::Quiesce);
    assert_eq!(asked.len(), 4);
    assert!(
        asked.iter().all(|call| call.key == asked[0].key),
        "the tool does it once"
    );
    lab.assert_moved(&job).await;
    assert_eq!(
        tool.asked(WriterWish::Resume),
        [],
        "a moved VM is not replicated any more"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_touched_when_the_tool_does_not_let_go() {
    let refused = vec![WriterAnswer::Refused("a synchronisation runs (409)".to_owned())];
    for answers in [refused, vec![unknown(); 10]] {
        let (lab, tool) = lab_with(answers, vec![]).await;
        let job = lab.start().await;
        let record = lab.run(&job).await;
        let failure = record.projection.failure.expect("a failed job says why");
        assert_eq!(
            failure.code,
            FailureCode::VolumeNotAvailable,
            "{}",
            failure.message
        );
        assert!(failure.message.contains("migration tool"), "{}", failure.message);
        assert_eq!(lab.effects(), [], "nothing is touched");
        assert_eq!(tool.asked(WriterWish::Resume).len(), 1, "it may have let go");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resume_that_is_not_taken_is_repeated_and_told_to_people() {
    let refused = WriterAnswer::Refused("out of order (409)".to_owned());
    let (lab, tool) = lab_with(vec![], vec![unknown(), refused.clone(), unknown(), refused]).await;
    let job = lab.start_short_test(StrategyRequest::Auto).await;
    let worker = lab.worker();
    let told = |r: &JobRecord| {
        r.projection
            .attention
            .iter()
            .any(|a| a.code == AttentionCode::ResumeFailed)
    };
    lab.until(&job, told).await;
    let on_oma = lab.volumes(&job).await;
    assert!(
        on_oma.iter().all(|v| v.custody.as_str() == "oma"),
        "the replicas are home meanwhile"
    );
    let record = lab.until(&job, |r| r.projection.status.is_final()).await;
    worker.kill();
    assert_eq!(record.projection.status, JobStatus::Completed);
    assert!(record.projection.attention.is_empty());
    let asked = tool.asked(WriterWish::Resume);
    assert_eq!(asked.len(), 5);
    assert!(asked.iter().all(|call| call.key == asked[0].key));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_tells_the_tool_that_the_replicas_are_back() {
    let (lab, tool) = lab_with(vec![], vec![]).await;
    let live = lab.start().await;
    lab.run(&live).await;
    let service = lab.parts.service();
    let rollback = service
        .settle(&live, Settlement::Rollback, &Actor::named("operator"))
        .await
        .expect("it can");
    lab.run(&rollback).await;
    let resume = tool.asked(WriterWish::Resume);
    assert_eq!(resume.len(), 1);
    assert_eq!(resume[0].job_id, rollback);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_while_it_asks_is_replaced_by_one_that_asks_under_the_same_key() {
    let (mut lab, tool) = lab_with(vec![WriterAnswer::NotYet("flushing".to_owned()); 20], vec![]).await;
    lab.look_every = std::time::Duration::from_millis(10);
    let job = lab.start().await;
    let first = lab.worker();
    lab.until(&job, |_| !tool.asked(WriterWish::Quiesce).is_empty())
        .await;
    first.kill();
    let record = lab.run(&job).await;
    assert_eq!(record.projection.status, JobStatus::Completed);
    assert!(record.epoch > 1);
    let asked = tool.asked(WriterWish::Quiesce);
    assert!(asked.iter().all(|call| call.key == asked[0].key));
    assert!(lab.count(|e| matches!(e, Effect::VmCreated { .. })) == 1);
}
