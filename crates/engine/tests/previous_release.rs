//! What the release before wrote is read: its jobs go on under this one.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod lab;

use failover_domain::{AttentionCode, JobType};
use failover_engine::plan::{CommitPolicy, Errand};
use failover_engine::{Event, JobState, Plan};
use lab::Lab;
use serde_json::{Value, json};

/// A plan of form 1: no errand, and no inventory before the first touch.
fn of_form_1(plan: &Plan) -> Value {
    let mut plan = serde_json::to_value(plan).expect("a plan is JSON");
    plan["version"] = json!(1);
    plan.as_object_mut().expect("it is an object").remove("errand");
    for stage in plan["stages"].as_array_mut().expect("a list") {
        for lane in stage["lanes"].as_array_mut().expect("a list") {
            lane["steps"]
                .as_array_mut()
                .expect("a list")
                .retain(|step| step["kind"] != "take_inventory");
        }
    }
    plan
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_the_release_before_is_that_of_a_live_failover_that_waits_for_a_person() {
    let lab = Lab::new().await;
    let job = lab.start().await;
    let plan = lab
        .store
        .plan(&job)
        .await
        .expect("the store answers")
        .expect("it exists");
    let read: Plan = serde_json::from_value(of_form_1(&plan)).expect("form 1 is read");
    assert_eq!((read.version, read.job_type), (1, JobType::Live));
    let commit = CommitPolicy::Manual;
    assert_eq!(read.errand, Errand::Live { commit });
    assert_eq!(JobState::new(&read).before, None);
}

#[test]
fn journal_entries_of_the_release_before_are_read() {
    let cleared: Event = serde_json::from_value(json!({
        "event": "attention_cleared", "code": "DETACH_FAILED",
    }))
    .expect("it is read");
    let all = Event::AttentionCleared {
        code: AttentionCode::DetachFailed,
        object: None,
    };
    assert_eq!(cleared, all, "all attentions of the code are meant");
    for entry in [
        json!({"event": "cancel_heard", "by": "operator"}),
        json!({"event": "step_intended", "attempt": 0, "key": "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10",
               "command": "stopVirtualMachine vm-1 forced", "creates": null,
               "step": {"id": "return/vm/stop-vm", "kind": "stop_vm", "direction": "return"}}),
        json!({"event": "failed", "resting": [],
               "cause": {"code": "CANCELLED", "step": null, "message": "m", "cloud": null, "remedy": "r"}}),
        json!({"event": "attention_raised", "attention": {
            "code": "DETACH_FAILED", "severity": "error", "message": "m", "objects": ["volume 1"],
            "choices": ["c"], "since": "2026-01-05T08:00:00Z"}}),
    ] {
        let read = serde_json::from_value::<Event>(entry.clone());
        assert!(read.is_ok(), "{entry}: {read:?}");
    }
}
