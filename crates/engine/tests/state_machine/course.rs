//! A job whose journal a test writes entry by entry, and the entries.

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{
    Attention, AttentionCode, Decision, JobId, JobType, RequestKey, Severity, StrategyRequest,
};
use failover_engine::event::{CreatedObject, StepError, StepErrorKind, StepFacts};
use failover_engine::plan::{Direction, Settled, Step, StepKind};
use failover_engine::ports::{Custody, ResourceKind, ResourceState};
use failover_engine::request::JobRequest;
use failover_engine::state::{IllegalEvent, JobState};
use failover_engine::{Event, Failure, FailureCode, Plan, StoredEvent};

use crate::lab::Lab;

/// The real plan of the sample VM with three disks.
pub(crate) async fn live() -> Plan {
    let lab = Lab::new().await;
    let job = lab.start().await;
    lab.store.plan(&job).await.expect("a read").expect("it exists")
}

/// The real plan of a test of that VM.
pub(crate) async fn test(strategy: StrategyRequest) -> Plan {
    let lab = Lab::new().await;
    let job = lab.start_test(strategy).await;
    lab.store.plan(&job).await.expect("a read").expect("it exists")
}

pub(crate) fn settled() -> Settled {
    Settled {
        job: JobId::new(JobType::Live, &crate::lab::vm_id(), start(), 0),
        vm: "destination".parse().expect("an id"),
        snapshots: vec![Some("snapshot-0".parse().expect("an id")), None, None],
        before: None,
    }
}

pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_755_530_108, 0).expect("a fixed instant is in range")
}

pub(crate) fn there(kind: StepKind) -> Step {
    Step::new(Direction::Forward, kind)
}

pub(crate) fn back(kind: StepKind) -> Step {
    Step::new(Direction::Return, kind)
}

pub(crate) fn intent(step: Step, creates: Option<CreatedObject>, forced: bool) -> Event {
    Event::StepIntended {
        step,
        attempt: 0,
        key: RequestKey::derive(&settled().job, "a step", 0),
        command: "aCommand of a test".to_owned(),
        creates,
        forced,
    }
}

pub(crate) fn intended(step: Step) -> Event {
    intent(step, None, false)
}

pub(crate) fn creating(step: Step, creates: CreatedObject) -> Event {
    intent(step, Some(creates), false)
}

pub(crate) fn forced_stop() -> Event {
    intent(back(StepKind::StopVm), None, true)
}

pub(crate) fn submitted(step: Step, created: Option<&str>) -> Event {
    Event::StepSubmitted {
        step,
        cloud_job: None,
        created: created.map(str::to_owned),
    }
}

pub(crate) fn done(step: Step) -> Event {
    let facts = match step.kind {
        StepKind::CreateVm => StepFacts::VmCreated {
            vm: "destination".parse().expect("an id"),
            scratch_root: Some("scratch".parse().expect("an id")),
        },
        StepKind::Snapshot { disk } => StepFacts::SnapshotTaken {
            disk,
            snapshot: format!("snapshot-{disk}").parse().expect("an id"),
        },
        StepKind::VmSnapshot => StepFacts::VmSnapshotTaken {
            vm_snapshot: "vm-snapshot".parse().expect("an id"),
        },
        StepKind::TakeInventory => StepFacts::InventoryTaken {
            survey: Box::default(),
        },
        StepKind::Attach { disk } | StepKind::ReturnToOma { disk } => StepFacts::Attached {
            disk,
            device: u32::try_from(disk).expect("small"),
        },
        StepKind::Validate
        | StepKind::Quiesce
        | StepKind::DetachFromOma { .. }
        | StepKind::VerifyNetworks
        | StepKind::DetachScratchRoot
        | StepKind::DeleteScratchRoot
        | StepKind::VerifyDisks
        | StepKind::VerifyRollbackPoints
        | StepKind::StartVm
        | StepKind::VerifyBoot
        | StepKind::TestWindow
        | StepKind::StopVm
        | StepKind::RevertVmSnapshot
        | StepKind::DeleteVmSnapshot
        | StepKind::DetachFromDestination { .. }
        | StepKind::Revert { .. }
        | StepKind::Quarantine { .. }
        | StepKind::Resume
        | StepKind::DestroyVm
        | StepKind::DeleteSnapshot { .. } => StepFacts::Plain,
    };
    Event::StepDone { step, facts }
}

pub(crate) fn error() -> StepError {
    StepError {
        kind: StepErrorKind::Unavailable,
        message: "busy".to_owned(),
        refusal: None,
    }
}

pub(crate) fn delayed(step: Step, retry_at: DateTime<Utc>) -> Event {
    Event::StepDelayed {
        step,
        error: error(),
        retry_at,
    }
}

pub(crate) fn cause() -> Failure {
    Failure {
        code: FailureCode::Cancelled,
        step: None,
        message: "cancelled".to_owned(),
        cloud: None,
        remedy: String::new(),
    }
}

pub(crate) fn failed() -> Event {
    Event::Failed {
        cause: cause(),
        comparison: None,
        resting: Vec::new(),
    }
}

pub(crate) fn closed() -> Event {
    Event::Closed {
        comparison: None,
        resting: Vec::new(),
    }
}

pub(crate) fn asked(number: u64, request: JobRequest) -> Event {
    Event::RequestHeard {
        number,
        by: "operator".to_owned(),
        request,
    }
}

pub(crate) fn decided(number: u64, object: Option<String>, decision: Decision) -> Event {
    asked(
        number,
        JobRequest::Decide {
            code: AttentionCode::RevertFailed,
            object,
            decision,
            reason: "a test".to_owned(),
        },
    )
}

pub(crate) fn attention(code: AttentionCode, object: &str) -> Attention {
    Attention {
        code,
        severity: Severity::Critical,
        message: String::new(),
        objects: vec![object.to_owned()],
        choices: Vec::new(),
        decisions: Vec::new(),
        since: start(),
    }
}

/// A job whose journal is written one entry a second.
#[derive(Clone)]
pub(crate) struct Course {
    pub(crate) plan: Plan,
    pub(crate) state: JobState,
}

impl Course {
    /// Before its first entry.
    pub(crate) fn of(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            state: JobState::new(plan),
        }
    }

    /// Taken up by a worker.
    pub(crate) fn begun(plan: &Plan) -> Self {
        Self::of(plan).and([accepted(), taken_up()])
    }

    /// On the way back.
    pub(crate) fn returning(plan: &Plan) -> Self {
        Self::begun(plan).and([Event::ReturnBegan { cause: cause() }])
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        let second = i64::try_from(self.state.last_seq).expect("a short journal");
        start() + TimeDelta::seconds(second)
    }

    pub(crate) fn apply(&mut self, event: Event) -> Result<(), IllegalEvent> {
        let seq = self.state.last_seq + 1;
        let at = self.now();
        self.state.apply(&self.plan, &StoredEvent { seq, at, event })
    }

    /// After these entries, which may follow.
    pub(crate) fn and(mut self, events: impl IntoIterator<Item = Event>) -> Self {
        for event in events {
            self.apply(event).expect("the entry may follow");
        }
        self
    }

    /// Why an entry may not follow.
    pub(crate) fn refusal(&self, event: Event) -> String {
        let mut tried = self.clone();
        tried.apply(event).expect_err("the entry may not follow").reason
    }

    /// After a whole stage of the plan.
    pub(crate) fn and_stage(self, stage: usize) -> Self {
        let lanes = self.plan.stages[stage].lanes.clone();
        let steps = lanes.into_iter().flat_map(|lane| lane.steps);
        let entered = std::iter::once(Event::StageEntered { stage });
        let finished = std::iter::once(Event::StageFinished { stage });
        let events: Vec<Event> = entered.chain(steps.map(done)).chain(finished).collect();
        self.and(events)
    }

    /// After all stages of the plan.
    pub(crate) fn and_all_stages(self) -> Self {
        (0..self.plan.stages.len()).fold(self, Course::and_stage)
    }

    pub(crate) fn custody(&self) -> Vec<&Custody> {
        self.state.disks.iter().map(|disk| &disk.custody).collect()
    }

    pub(crate) fn dirty(&self) -> Vec<bool> {
        self.state.disks.iter().map(|disk| disk.dirty).collect()
    }

    pub(crate) fn decisions(&self) -> Vec<Option<Decision>> {
        self.state.disks.iter().map(|disk| disk.decision).collect()
    }

    pub(crate) fn resource(&self, kind: ResourceKind, name: &str) -> Option<(Option<&str>, ResourceState)> {
        let row = self.state.resource(kind, name)?;
        Some((row.cloud_id.as_deref(), row.state))
    }
}

pub(crate) fn accepted() -> Event {
    Event::Accepted {
        by: "operator".to_owned(),
    }
}

pub(crate) fn taken_up() -> Event {
    Event::TakenUp {
        worker: "worker".to_owned(),
        epoch: 1,
    }
}
