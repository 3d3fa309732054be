//! The runs: one failure on the way there, then the same with a second one on the way back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use failover_access::Actor;
use failover_domain::{JobId, JobStatus, StrategyRequest};
use failover_engine::plan::{Direction, Step, StepKind};
use failover_engine::ports::{Custody, JobRecord, ResourceState, VolumeRow};
use failover_engine::service::Settlement;
use failover_engine::state::Standing;
use failover_engine::{Event, FailureCode};
use ossea_sim::FaultRule;
use ossea_sim::cloud::log::LogEvent;

use crate::lab::{Lab, RunningWorker};
use crate::mishap::{DISK, Mishap, Tool, back, meddle, there};

/// For how long the second failure lasts before somebody mends it.
pub(crate) const LASTS: Duration = Duration::from_secs(15 * 60);

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    Live,
    Test(StrategyRequest),
    Rollback,
}

/// One row of the table.
pub(crate) struct Row {
    /// The step of the way there that fails; none where the way back is planned.
    pub(crate) there: Option<StepKind>,
    /// The step of the way back that fails too.
    pub(crate) back: Option<StepKind>,
    /// Where the replicas are and what a person is told while the second failure lasts.
    pub(crate) meanwhile: Option<(String, String)>,
    /// How it ends, once the second failure is mended.
    pub(crate) end: String,
    pub(crate) custody: String,
    pub(crate) left: String,
    pub(crate) attention: String,
}

/// All rows of a plan.
pub(crate) async fn rows(plan: Plan) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut failures: Vec<Option<StepKind>> = vec![];
    if plan != Plan::Live {
        failures.push(None);
    }
    if plan != Plan::Rollback {
        failures.extend(steps_there(plan).await.into_iter().map(Some));
    }
    for failing in failures {
        let alone = Trial::begin(plan, failing, None).await;
        let record = alone.end().await;
        let steps_back = alone.steps_back().await;
        rows.push(alone.row(&record, failing, None, None).await);
        for second in steps_back {
            let earlier = alone.calls_before_the_way_back(&back(second)).await;
            let trial = Trial::begin(plan, failing, Some((second, earlier))).await;
            let meanwhile = trial.meanwhile().await;
            trial.mend();
            let record = trial.end().await;
            rows.push(trial.row(&record, failing, Some(second), Some(meanwhile)).await);
        }
    }
    rows
}

/// The steps of the way there, one disk for all.
async fn steps_there(plan: Plan) -> Vec<StepKind> {
    let trial = Trial::begin(plan, None, None).await;
    let stored = trial.lab.store.plan(&trial.job).await.expect("the store answers");
    trial.worker.kill();
    let plan = stored.expect("the job exists");
    let mut steps: Vec<StepKind> = plan.steps().map(|s| s.kind).collect();
    steps.retain(|kind| kind.disk().is_none_or(|disk| disk == DISK));
    // In the order of the plan, the destination VM before the disks that wait for it.
    steps
}

struct Trial {
    lab: Lab,
    job: JobId,
    worker: RunningWorker,
    tool: Arc<Tool>,
    second: Option<(StepKind, ossea_sim::RuleId)>,
    /// When the rules were made; calls before count for none of them.
    rules_since: DateTime<Utc>,
}

impl Trial {
    async fn begin(plan: Plan, failing: Option<StepKind>, second: Option<(StepKind, u32)>) -> Self {
        let mut lab = Lab::new().await;
        let tool = Arc::new(Tool::default());
        lab.parts.writer = Arc::clone(&tool) as _;
        let live = match plan {
            Plan::Rollback => {
                let live = lab.start().await;
                lab.run(&live).await;
                Some(live)
            }
            Plan::Live | Plan::Test(_) => None,
        };
        let first = failing.map(there);
        let rules_since = lab.parts.clock.now();
        // The rule of the way back stands first: it strikes only after the calls of the way there.
        let mut rule = None;
        if let Some((kind, earlier)) = second {
            match back(kind) {
                Mishap::Cloud(fault) => rule = Some((kind, lab.fault(fault.nth(earlier + 1)))),
                Mishap::Tool(wish) => tool.refuse(wish),
                Mishap::Person(_) => unreachable!("no step of the way back is spoilt by a person"),
            }
        }
        match &first {
            Some(Mishap::Cloud(fault)) => {
                lab.fault(fault.clone());
            }
            Some(Mishap::Tool(wish)) => tool.refuse(*wish),
            Some(Mishap::Person(_)) | None => {}
        }
        let job = match (plan, live) {
            (Plan::Rollback, Some(live)) => {
                let service = lab.parts.service();
                service
                    .settle(&live, Settlement::Rollback, &Actor::named("operator"))
                    .await
                    .expect("a completed failover can be rolled back")
            }
            (Plan::Test(strategy), _) => lab.start_short_test(strategy).await,
            (Plan::Live | Plan::Rollback, _) => lab.start().await,
        };
        lab.look_every = Duration::from_millis(50);
        // What a person does before the job looks comes before the worker.
        let (before, after) = match first {
            Some(Mishap::Person(meddling)) if failing == Some(StepKind::Validate) => (Some(meddling), None),
            Some(Mishap::Person(meddling)) => (None, Some(meddling)),
            Some(Mishap::Cloud(_) | Mishap::Tool(_)) | None => (None, None),
        };
        if let Some(meddling) = before {
            meddle(&lab, &job, meddling).await;
        }
        let worker = lab.worker();
        if let Some(meddling) = after {
            meddle(&lab, &job, meddling).await;
        }
        Self {
            lab,
            job,
            worker,
            tool,
            second: rule,
            rules_since,
        }
    }

    async fn end(&self) -> JobRecord {
        let record = self
            .lab
            .until(&self.job, |r| r.projection.status.is_final())
            .await;
        self.worker.kill();
        record
    }

    /// What holds when the second failure has lasted for a while.
    async fn meanwhile(&self) -> (String, String) {
        match self.second {
            Some((kind, rule)) => {
                self.lab.until(&self.job, |_| self.lab.fired(rule) > 0).await;
                assert!(self.lab.fired(rule) > 0, "{kind:?} was not spoilt");
            }
            None => {
                self.lab.until(&self.job, |_| self.tool.has_refused()).await;
            }
        }
        let until = self.lab.parts.clock.now() + LASTS;
        let record = self
            .lab
            .until(&self.job, |_| self.lab.parts.clock.now() > until)
            .await;
        assert!(
            !record.projection.status.is_final(),
            "the way back is never given up: {record:#?}"
        );
        self.wait_for_a_graceful_turn().await;
        let custody = custody_of(&self.lab.volumes(&self.job).await);
        (custody, attention_of(&record))
    }

    /// Stops are tried gracefully and by force in turn, with pauses left to chance; the first one after the mending is to be
    /// a graceful one.
    async fn wait_for_a_graceful_turn(&self) {
        let stop = Step::new(Direction::Return, StepKind::StopVm).id;
        if self
            .second
            .as_ref()
            .is_none_or(|(kind, _)| *kind != StepKind::StopVm)
        {
            return;
        }
        loop {
            let state = self.lab.state(&self.job).await;
            let record = state.steps.get(&stop).expect("it was tried");
            if record.forced && matches!(record.standing, Standing::Delayed { .. }) {
                return;
            }
            self.lab.parts.clock.sleep(self.lab.look_every).await;
        }
    }

    fn mend(&self) {
        self.lab.clear_faults();
        self.tool.mend();
    }

    /// The kinds of steps that the way back took, one disk for all where it was among them.
    async fn steps_back(&self) -> Vec<StepKind> {
        let state = self.lab.state(&self.job).await;
        let mut steps: Vec<_> = state
            .steps
            .values()
            .filter(|r| r.step.direction == Direction::Return && r.step.kind.disk().is_none_or(|d| d == DISK))
            .filter(|r| r.attempts > 0)
            .map(|r| (r.since, r.step.kind))
            .collect();
        steps.sort();
        steps.into_iter().map(|(_, kind)| kind).collect()
    }

    /// How many calls that the second failure would strike came before the way back.
    async fn calls_before_the_way_back(&self, mishap: &Mishap) -> u32 {
        let Mishap::Cloud(FaultRule { command, object, .. }) = mishap else {
            return 0;
        };
        let began = self.began_to_return().await;
        let is_earlier = |entry: &&ossea_sim::cloud::log::LogEntry| match &entry.event {
            LogEvent::Call(call) => {
                let concerns = object.as_ref().is_none_or(|o| call.objects.contains(o));
                self.rules_since <= entry.at && entry.at <= began && call.command == *command && concerns
            }
            LogEvent::Effect { .. } | LogEvent::Restarted { .. } => false,
        };
        let log = self.lab.cloud.log();
        u32::try_from(log.iter().filter(is_earlier).count()).expect("a test makes few calls")
    }

    async fn began_to_return(&self) -> DateTime<Utc> {
        let events = self.lab.events(&self.job).await;
        let began = events
            .iter()
            .find(|e| matches!(e.event, Event::ReturnBegan { .. } | Event::ClosingBegan { .. }));
        began.expect("every trial turns back").at
    }

    async fn row(
        &self,
        record: &JobRecord,
        there: Option<StepKind>,
        back: Option<StepKind>,
        meanwhile: Option<(String, String)>,
    ) -> Row {
        let state = self.lab.state(&self.job).await;
        assert_failed_at(record, there);
        let mut left: BTreeMap<String, usize> = BTreeMap::new();
        for row in self.lab.ledger(&self.job).await {
            if row.state != ResourceState::Removed {
                *left.entry(row.kind.words().to_owned()).or_default() += 1;
            }
        }
        let differences = state.comparison.as_ref().map_or(0, |c| c.differences.len());
        if differences > 0 {
            left.insert("difference(s) from before".to_owned(), differences);
        }
        let left: Vec<String> = left.into_iter().map(|(what, n)| format!("{n} {what}")).collect();
        let end = match record.projection.status {
            JobStatus::Completed => "completed".to_owned(),
            JobStatus::Failed => "failed".to_owned(),
            status @ (JobStatus::Pending
            | JobStatus::Validating
            | JobStatus::Executing
            | JobStatus::Snapshotting
            | JobStatus::CreatingVm
            | JobStatus::SwitchingVolume
            | JobStatus::PoweringOn
            | JobStatus::Cleanup
            | JobStatus::Reverting) => panic!("the job has not ended, it is {status}"),
        };
        Row {
            there,
            back,
            meanwhile,
            end,
            custody: custody_of(&self.lab.volumes(&self.job).await),
            left: if left.is_empty() {
                "nothing".to_owned()
            } else {
                left.join(", ")
            },
            attention: attention_of(record),
        }
    }
}

/// The failure happened where it was meant to, and nowhere else.
fn assert_failed_at(record: &JobRecord, meant: Option<StepKind>) {
    let failure = record.projection.failure.as_ref();
    match (meant, failure) {
        (None, None) => {}
        // Nothing fails in a window; it is cancelled.
        (Some(StepKind::TestWindow), Some(failure)) => assert_eq!(failure.code, FailureCode::Cancelled),
        (Some(kind), Some(failure)) => {
            let step = Step::new(Direction::Forward, kind).id;
            assert_eq!(failure.step, Some(step), "{}", failure.message);
        }
        (meant, failure) => panic!("{meant:?} was to fail, the job has {failure:?}"),
    }
}

/// Where the replicas are, in words: `3 on the OMA`.
fn custody_of(volumes: &[VolumeRow]) -> String {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for volume in volumes {
        let place = match &volume.custody {
            Custody::Oma { device } if *device == volume.oma_device => "on the OMA",
            Custody::Oma { .. } => "on the OMA at another device",
            Custody::Detached => "on no VM",
            Custody::Destination { .. } => "on the destination VM",
        };
        let dirty = if volume.dirty { ", not yet reverted" } else { "" };
        *places.entry(format!("{place}{dirty}")).or_default() += 1;
    }
    let parts: Vec<String> = places
        .into_iter()
        .map(|(place, n)| format!("{n} {place}"))
        .collect();
    parts.join("; ")
}

fn attention_of(record: &JobRecord) -> String {
    let code = |a: &failover_domain::Attention| {
        serde_json::to_value(a.code)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .expect("a code is a word")
    };
    let mut codes: Vec<String> = record.projection.attention.iter().map(code).collect();
    codes.sort();
    codes.dedup();
    if codes.is_empty() {
        "none".to_owned()
    } else {
        codes.join(", ")
    }
}
