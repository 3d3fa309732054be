//! Runs one step: look, intend, submit, await, look again. The same function goes on after a crash.
//!
//! ```text
//!        ┌──────────────── look at the cloud ◀───────────────┐
//!        │ done            │ act                             │
//!        ▼                 ▼                                 │
//!   journal done    journal intent ─▶ submit ─▶ await job ───┘
//! ```
//!
//! What may race with what: lanes of the same job run side by side and share only the journal, whose entries
//! are written one at a time. Another worker may believe that it owns the job; its intent fails at the epoch,
//! and a request that it sent just before carries the same key, which the cloud refuses the second time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{AttentionCode, JobId, RequestKey, Severity};
use ossea::{Accepted, Command, ErrorClass, JobReport, OsseaError, Refusal};
use rand::Rng;
use tokio_util::sync::CancellationToken;

use crate::attention;
use crate::event::{CreatedObject, Event, StepError, StepErrorKind};
use crate::journal::{JobJournal, Stop};
use crate::parts::EngineParts;
use crate::plan::{Direction, OnBootFailure, Plan, Step, StepKind};
use crate::state::OpenAttempt;
use crate::step::{Evidence, LookError, Observation, View, observe};

/// How a run of a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StepEnd {
    /// Its postcondition was observed and journaled.
    Done,
    /// It was given up; journaled.
    Failed,
    /// It waits for its next attempt; journaled. Only on the way back.
    Delayed,
    /// It was told to halt at a safe point; nothing of it is under way.
    Halted,
}

/// Everything that the steps of one job share.
pub(crate) struct JobContext {
    pub(crate) parts: EngineParts,
    pub(crate) job_id: JobId,
    pub(crate) plan: Arc<Plan>,
    pub(crate) journal: JobJournal,
    /// Told when the way there must not begin anything new: another lane failed, or the job is cancelled.
    pub(crate) halt: CancellationToken,
}

/// What is remembered between the looks of one run.
struct Run<'a> {
    job: &'a JobContext,
    step: &'a Step,
    evidence: Evidence,
    /// The command whose job ended last, to tell progress from going in circles.
    last_command: Option<String>,
    /// Since when the cloud does not answer.
    silent_since: Option<DateTime<Utc>>,
    /// Since when the state is in between.
    waiting_since: Option<DateTime<Utc>>,
    polls: u32,
}

/// Runs a step until it is done, given up, delayed or halted.
pub(crate) async fn run_step(job: &JobContext, step: &Step) -> Result<StepEnd, Stop> {
    let mut run = Run {
        job,
        step,
        evidence: Evidence::None,
        last_command: None,
        silent_since: None,
        waiting_since: None,
        polls: 0,
    };
    loop {
        if let Some(end) = run.turn().await? {
            return Ok(end);
        }
    }
}

impl Run<'_> {
    /// One look and what follows from it. `None` means: look again.
    async fn turn(&mut self) -> Result<Option<StepEnd>, Stop> {
        let state = self.job.journal.state().await;
        if self.evidence == Evidence::None
            && let Some(open) = state.open_attempt(&self.step.id)
        {
            self.evidence = self.await_job(open).await?;
            self.last_command = Some(open.command.clone());
        }
        let looked = {
            let state = self.job.journal.state().await;
            let view = View {
                parts: &self.job.parts,
                job_id: &self.job.job_id,
                plan: &self.job.plan,
                state: &state,
                evidence: &self.evidence,
                now: self.job.parts.clock.now(),
            };
            observe(self.step, &view).await
        };
        match looked {
            Ok(observation) => {
                self.cloud_answers().await?;
                self.follow(observation).await
            }
            Err(error) => self.look_failed(&error).await,
        }
    }

    async fn follow(&mut self, observation: Observation) -> Result<Option<StepEnd>, Stop> {
        match observation {
            Observation::Done(facts) => {
                self.job
                    .journal
                    .record(Event::StepDone {
                        step: self.step.clone(),
                        facts,
                    })
                    .await?;
                Ok(Some(StepEnd::Done))
            }
            Observation::Wait(reason) => self.wait(&reason).await,
            Observation::Blocked(error) => self.give_up(error).await,
            Observation::Act(command) => self.act(command).await,
        }
    }

    /// Acts, unless the last attempt has shown that the same command leads nowhere.
    async fn act(&mut self, command: Command) -> Result<Option<StepEnd>, Stop> {
        self.waiting_since = None;
        if self.is_halted() {
            return Ok(Some(StepEnd::Halted));
        }
        let again = self.last_command.as_deref() == Some(command.to_string().as_str());
        let evidence = std::mem::replace(&mut self.evidence, Evidence::None);
        match evidence {
            Evidence::Failed(refusal) => return self.refused(refusal).await,
            Evidence::Succeeded if again => {
                let message = format!("the cloud reported success of {command}, but its effect is not there");
                let error = StepError {
                    kind: StepErrorKind::Blocked,
                    message,
                    refusal: None,
                };
                return self.try_later(error, MayPass::Yes).await;
            }
            // The first request was lost on the way: the very same request, with the same key, goes again. For a
            // create command the look before has shown that nothing was created.
            Evidence::NeverAccepted if again => {
                let state = self.job.journal.state().await;
                if let Some(open) = state.open_attempt(&self.step.id) {
                    let key = open.key;
                    return self.submit(key, &command).await;
                }
            }
            Evidence::None | Evidence::Succeeded | Evidence::Interrupted | Evidence::NeverAccepted => {}
        }
        let attempt = self.job.journal.state().await.next_attempt(&self.step.id);
        let key = RequestKey::derive(&self.job.job_id, self.step.id.as_str(), attempt);
        let creates = created_by(self.step.kind, &command);
        let text = command.to_string();
        let intent = Event::StepIntended {
            step: self.step.clone(),
            attempt,
            key,
            command: text,
            creates,
        };
        self.job.journal.record(intent).await?;
        self.submit(key, &command).await
    }

    async fn submit(&mut self, key: RequestKey, command: &Command) -> Result<Option<StepEnd>, Stop> {
        self.last_command = Some(command.to_string());
        match self.job.parts.cloud.submit(&key, command).await {
            Ok(Accepted::Job { job, created }) => {
                let submitted = Event::StepSubmitted {
                    step: self.step.clone(),
                    cloud_job: Some(job),
                    created,
                };
                self.job.journal.record(submitted).await?;
                self.cloud_answers().await?;
                Ok(None)
            }
            Ok(Accepted::Done) => {
                self.evidence = Evidence::Succeeded;
                self.cloud_answers().await?;
                Ok(None)
            }
            Err(error) => self.submit_failed(key, error).await,
        }
    }

    async fn submit_failed(&mut self, key: RequestKey, error: OsseaError) -> Result<Option<StepEnd>, Stop> {
        tracing::warn!(job_id = %self.job.job_id, step = %self.step.id, request_key = %key, error = %error, "The command was not accepted.");
        match error.class() {
            ErrorClass::Retry => {
                // Certainly not processed; the same key goes again after a pause.
                self.evidence = Evidence::NeverAccepted;
                self.silence(&error.to_string()).await
            }
            ErrorClass::Unknown | ErrorClass::Gone => {
                // `turn` asks for the job by its key, then looks.
                self.pause_before_poll().await?;
                Ok(None)
            }
            ErrorClass::Refused => {
                // A key that the cloud knows already is refused too: then the first request is the one that counts.
                let known = self.job.parts.cloud.job(&key.job_id()).await;
                if matches!(known, Ok(JobReport::NotKnown)) {
                    self.evidence = Evidence::Failed(refusal_of(&error));
                }
                Ok(None)
            }
        }
    }

    /// Waits for the cloud's job of an attempt to end, however long that takes: giving up on a command that is
    /// under way would mean acting against it.
    async fn await_job(&mut self, open: &OpenAttempt) -> Result<Evidence, Stop> {
        let job_id = open.key.job_id();
        let accepted = open.cloud_job.is_some();
        let mut not_known = 0;
        self.polls = 0;
        loop {
            let report = self.job.parts.cloud.job(&job_id).await;
            if report.is_ok() {
                self.cloud_answers().await?;
            }
            match report {
                Ok(JobReport::Pending) => {}
                Ok(JobReport::Succeeded { .. }) => return Ok(Evidence::Succeeded),
                Ok(JobReport::Failed(refusal)) => return Ok(Evidence::Failed(refusal)),
                Ok(JobReport::Interrupted { .. }) => return Ok(Evidence::Interrupted),
                Ok(JobReport::NotKnown) if accepted => return Ok(Evidence::Interrupted),
                // A request may still be on its way; three looks apart it is taken for lost.
                Ok(JobReport::NotKnown) if not_known >= 2 => return Ok(Evidence::NeverAccepted),
                Ok(JobReport::NotKnown) => not_known += 1,
                Err(error) => {
                    self.note_silence(&error.to_string()).await?;
                }
            }
            self.pause_before_poll().await?;
        }
    }

    /// A look failed: the cloud or the database does not answer as it should.
    async fn look_failed(&mut self, error: &LookError) -> Result<Option<StepEnd>, Stop> {
        match error {
            LookError::Cloud(OsseaError::Refused(refusal)) => {
                self.evidence = Evidence::None;
                self.refused(refusal.clone()).await
            }
            LookError::Cloud(error) => self.silence(&error.to_string()).await,
            LookError::Store(error) => self.silence(&error.to_string()).await,
        }
    }

    /// The cloud does not answer. The way there gives up after the budget where nothing is under way; the way
    /// back raises an attention and goes on.
    async fn silence(&mut self, why: &str) -> Result<Option<StepEnd>, Stop> {
        let over_budget = self.note_silence(why).await?;
        if over_budget && self.step.direction == Direction::Forward && self.may_give_up().await {
            let message = format!(
                "not available within {:?}: {why}",
                self.job.parts.settings.unavailable_budget
            );
            return self
                .fail(StepError {
                    kind: StepErrorKind::Unavailable,
                    message,
                    refusal: None,
                })
                .await;
        }
        if self.is_halted() && self.may_give_up().await {
            return Ok(Some(StepEnd::Halted));
        }
        self.pause_before_poll().await?;
        Ok(None)
    }

    async fn may_give_up(&self) -> bool {
        let state = self.job.journal.state().await;
        state.open_attempt(&self.step.id).is_none() || self.evidence == Evidence::NeverAccepted
    }

    /// Notes that something does not answer; returns whether that is so for longer than the budget.
    async fn note_silence(&mut self, why: &str) -> Result<bool, Stop> {
        let now = self.job.parts.clock.now();
        let since = *self.silent_since.get_or_insert(now);
        let silent = (now - since).to_std().unwrap_or_default();
        let over_budget = silent >= self.job.parts.settings.unavailable_budget;
        if over_budget {
            let message = format!("Step {} waits since {since}: {why}", self.step.id);
            let choices =
                ["Make the cloud reachable and its credentials valid again; the job goes on by itself."];
            let code = AttentionCode::CloudUnavailable;
            attention::raise(
                &self.job.journal,
                code,
                Severity::Error,
                message,
                Vec::new(),
                &choices,
                now,
            )
            .await?;
        }
        Ok(over_budget)
    }

    async fn cloud_answers(&mut self) -> Result<(), Stop> {
        self.silent_since = None;
        attention::clear(&self.job.journal, AttentionCode::CloudUnavailable).await
    }

    /// Something is in between. It is waited for until the step's deadline.
    async fn wait(&mut self, reason: &str) -> Result<Option<StepEnd>, Stop> {
        let now = self.job.parts.clock.now();
        let since = *self.waiting_since.get_or_insert(now);
        if now >= self.deadline(since).await {
            let message = format!("not reached in time: {reason}");
            let kind = match self.step.kind {
                StepKind::VerifyBoot => StepErrorKind::BootNotVerified,
                StepKind::Validate
                | StepKind::Quiesce
                | StepKind::DetachFromOma { .. }
                | StepKind::Snapshot { .. }
                | StepKind::CreateVm
                | StepKind::VerifyNetworks
                | StepKind::DetachScratchRoot
                | StepKind::DeleteScratchRoot
                | StepKind::Attach { .. }
                | StepKind::VerifyDisks
                | StepKind::StartVm
                | StepKind::StopVm
                | StepKind::DetachFromDestination { .. }
                | StepKind::Revert { .. }
                | StepKind::ReturnToOma { .. }
                | StepKind::DestroyVm
                | StepKind::DeleteSnapshot { .. } => StepErrorKind::TimedOut,
            };
            return self
                .give_up(StepError {
                    kind,
                    message,
                    refusal: None,
                })
                .await;
        }
        if self.is_halted() {
            return Ok(Some(StepEnd::Halted));
        }
        self.pause_before_poll().await?;
        Ok(None)
    }

    /// Until when a state in between is waited for. Booting is counted from the start command.
    async fn deadline(&self, waiting_since: DateTime<Utc>) -> DateTime<Utc> {
        let plus = |at: DateTime<Utc>, d: Duration| at + TimeDelta::from_std(d).unwrap_or(TimeDelta::MAX);
        if matches!(self.step.kind, StepKind::StartVm | StepKind::VerifyBoot) {
            let state = self.job.journal.state().await;
            let start = Step::new(Direction::Forward, StepKind::StartVm);
            let begun = state.steps.get(&start.id).map_or(waiting_since, |r| r.since);
            return plus(begun, Duration::from_secs(self.job.plan.boot.within_seconds));
        }
        plus(waiting_since, self.job.parts.settings.settle_budget)
    }

    /// The cloud refused an attempt. Some refusals pass: detach time-outs, capacity, a busy agent.
    async fn refused(&mut self, refusal: Refusal) -> Result<Option<StepEnd>, Stop> {
        let may_pass = if matches!(refusal.code, 530 | 533 | 534) {
            MayPass::Yes
        } else {
            MayPass::No
        };
        let message = "the cloud refused it".to_owned();
        let error = StepError {
            kind: StepErrorKind::Refused,
            message,
            refusal: Some(refusal),
        };
        self.try_later(error, may_pass).await
    }

    /// The step is blocked or timed out. On the way back nothing is ever given up.
    async fn give_up(&mut self, error: StepError) -> Result<Option<StepEnd>, Stop> {
        if self.step.kind == StepKind::VerifyBoot
            && error.kind == StepErrorKind::BootNotVerified
            && self.job.plan.boot.on_failure == OnBootFailure::Hold
        {
            return self.hold(&error).await;
        }
        self.try_later(error, MayPass::No).await
    }

    /// Leaves the VM as it is for a person to look at, and goes on verifying.
    async fn hold(&mut self, error: &StepError) -> Result<Option<StepEnd>, Stop> {
        let now = self.job.parts.clock.now();
        let vm = &self.job.plan.vm.name;
        let message = format!(
            "Destination VM {vm} did not pass boot verification and is held: {}",
            error.message
        );
        let choices = [
            "Look at its console and mend the guest; the job completes by itself once the boot is verified.",
            "Cancel the job: the VM is stopped, the replicas are reverted and return to the OMA.",
        ];
        let code = AttentionCode::BootNotVerified;
        let objects = vec![format!("VM {vm}")];
        attention::raise(
            &self.job.journal,
            code,
            Severity::Error,
            message,
            objects,
            &choices,
            now,
        )
        .await?;
        if self.is_halted() {
            return Ok(Some(StepEnd::Halted));
        }
        self.pause_before_poll().await?;
        Ok(None)
    }

    async fn try_later(&mut self, error: StepError, may_pass: MayPass) -> Result<Option<StepEnd>, Stop> {
        let settings = &self.job.parts.settings;
        let attempts = self.job.journal.state().await.next_attempt(&self.step.id);
        match self.step.direction {
            Direction::Forward if may_pass == MayPass::No || attempts >= settings.forward_attempts => {
                self.fail(error).await
            }
            Direction::Forward => {
                let pause = jittered(settings.backoff(attempts));
                self.delay(error, pause).await?;
                if self.is_halted() {
                    return Ok(Some(StepEnd::Halted));
                }
                self.job.journal.pause(pause).await?;
                Ok(None)
            }
            Direction::Return => {
                let pause = jittered(settings.backoff(attempts.max(1)));
                self.delay(error, pause).await?;
                Ok(Some(StepEnd::Delayed))
            }
        }
    }

    async fn delay(&mut self, error: StepError, pause: Duration) -> Result<(), Stop> {
        let retry_at = self.job.parts.clock.now() + TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX);
        self.evidence = Evidence::None;
        self.last_command = None;
        self.job
            .journal
            .record(Event::StepDelayed {
                step: self.step.clone(),
                error,
                retry_at,
            })
            .await
    }

    async fn fail(&mut self, error: StepError) -> Result<Option<StepEnd>, Stop> {
        self.job
            .journal
            .record(Event::StepFailed {
                step: self.step.clone(),
                error,
            })
            .await?;
        Ok(Some(StepEnd::Failed))
    }

    fn is_halted(&self) -> bool {
        self.step.direction == Direction::Forward && self.job.halt.is_cancelled()
    }

    /// Waits before the next look: short at first, longer later, so that short jobs are seen early and long
    /// ones cost few calls.
    async fn pause_before_poll(&mut self) -> Result<(), Stop> {
        let settings = &self.job.parts.settings;
        let growth = 1.3_f64.powi(i32::try_from(self.polls.min(20)).unwrap_or(20));
        let pause = settings
            .cloud_poll_min
            .mul_f64(growth)
            .min(settings.cloud_poll_max);
        self.polls += 1;
        self.job.journal.pause(pause).await
    }
}

/// Whether a refusal may pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MayPass {
    Yes,
    No,
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.8..1.2))
}

fn refusal_of(error: &OsseaError) -> Refusal {
    match error {
        OsseaError::Refused(refusal) => refusal.clone(),
        OsseaError::Unauthorized(text) => Refusal {
            code: 401,
            text: text.clone(),
        },
        OsseaError::Unreachable(_)
        | OsseaError::Throttled { .. }
        | OsseaError::Busy(_)
        | OsseaError::NotFound(_)
        | OsseaError::Malformed(_)
        | OsseaError::OutcomeUnknown(_) => Refusal {
            code: 0,
            text: error.to_string(),
        },
    }
}

/// The object that a command creates, for the ledger.
fn created_by(kind: StepKind, command: &Command) -> Option<CreatedObject> {
    match command {
        Command::DeployVirtualMachine(vm) => Some(CreatedObject::Vm {
            name: vm.name.clone(),
        }),
        Command::CreateSnapshot { name, .. } => kind.disk().map(|disk| CreatedObject::Snapshot {
            disk,
            name: name.clone(),
        }),
        Command::StartVirtualMachine { .. }
        | Command::StopVirtualMachine { .. }
        | Command::DestroyVirtualMachine { .. }
        | Command::AttachVolume { .. }
        | Command::DetachVolume { .. }
        | Command::DeleteVolume { .. }
        | Command::RevertSnapshot { .. }
        | Command::DeleteSnapshot { .. } => None,
    }
}
