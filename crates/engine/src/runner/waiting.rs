//! Waiting: for a job of the cloud, for a state in between, for a cloud that does not answer.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{AttentionCode, Severity};
use ossea::{JobReport, OsseaError, Priority};

use super::{Run, StepEnd};
use crate::attention;
use crate::event::{StepError, StepErrorKind};
use crate::journal::Stop;
use crate::plan::{Direction, Step, StepKind};
use crate::state::OpenAttempt;
use crate::step::{Evidence, LookError};

impl Run<'_> {
    /// Waits for the cloud's job of an attempt to end, however long that takes: giving up on a command that is
    /// under way would mean acting against it.
    pub(super) async fn await_job(&mut self, open: &OpenAttempt) -> Result<Evidence, Stop> {
        let accepted = open.cloud_job.is_some();
        let begun = self.job.parts.clock.now();
        self.polls = 0;
        let mut wait =
            self.job
                .watch
                .follow(&open.key.job_id(), open.api_name(), self.priority(), self.origin);
        let mut is_urgent = self.priority() == Priority::WayBack;
        loop {
            let report = tokio::select! {
                biased;
                report = self.job.journal.unless_stopped(wait.next()) => report?,
                // From now on the way back waits for this job.
                () = self.job.halt.cancelled(), if !is_urgent => {
                    is_urgent = true;
                    wait.raise(Priority::WayBack);
                    continue;
                }
            };
            if let Ok(known) = &report {
                if *known != JobReport::NotKnown {
                    // The command has arrived, whatever became of its reply.
                    self.unsent_since = None;
                }
                self.cloud_answers().await?;
            }
            match report {
                Ok(JobReport::Pending) => {}
                Ok(JobReport::Succeeded { .. }) => return Ok(Evidence::Succeeded),
                Ok(JobReport::Failed(refusal)) => return Ok(Evidence::Failed(refusal)),
                Ok(JobReport::Interrupted { .. }) => return Ok(Evidence::Interrupted),
                Ok(JobReport::NotKnown) if accepted => return Ok(Evidence::Interrupted),
                // A command without a job is never known; its repetition does no harm.
                Ok(JobReport::NotKnown) if self.step.kind == StepKind::DeleteScratchRoot => {
                    return Ok(Evidence::NeverAccepted);
                }
                // A request may still be on its way, and a create command makes its object before its job. Only
                // when its signature has expired it is taken for lost.
                Ok(JobReport::NotKnown) => {
                    let waited = (self.job.parts.clock.now() - begun).to_std().unwrap_or_default();
                    if waited >= self.job.parts.settings.lost_after {
                        return Ok(Evidence::NeverAccepted);
                    }
                }
                Err(error) => {
                    self.note_silence(&error.to_string()).await?;
                }
            }
        }
    }

    /// A look failed: the cloud or the database does not answer as it should.
    pub(super) async fn look_failed(&mut self, error: &LookError) -> Result<Option<StepEnd>, Stop> {
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
    pub(super) async fn silence(&mut self, why: &str) -> Result<Option<StepEnd>, Stop> {
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

    /// The cloud does not know the request, which was certainly lost. The way there gives up when that goes on for longer
    /// than the budget; the way back tells people and goes on sending.
    pub(super) async fn lost_for_too_long(&mut self) -> Result<Option<StepEnd>, Stop> {
        let Some(since) = self.unsent_since else {
            return Ok(None);
        };
        self.silent_since = Some(since);
        let why = "commands do not arrive at the cloud";
        if !self.note_silence(why).await? || self.step.direction == Direction::Return {
            return Ok(None);
        }
        self.evidence = Evidence::NeverAccepted;
        self.silence(why).await
    }

    pub(super) async fn may_give_up(&self) -> bool {
        let state = self.job.journal.state().await;
        state.open_attempt(&self.step.id).is_none() || self.evidence == Evidence::NeverAccepted
    }

    /// Notes that something does not answer; returns whether that is so for longer than the budget.
    pub(super) async fn note_silence(&mut self, why: &str) -> Result<bool, Stop> {
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

    pub(super) async fn cloud_answers(&mut self) -> Result<(), Stop> {
        self.silent_since = None;
        if self.unsent_since.is_some() {
            return Ok(());
        }
        attention::clear(&self.job.journal, AttentionCode::CloudUnavailable).await
    }

    /// Something is in between. It is waited for until the step's deadline.
    pub(super) async fn wait(&mut self, reason: &str) -> Result<Option<StepEnd>, Stop> {
        let now = self.job.parts.clock.now();
        let since = *self.waiting_since.get_or_insert(now);
        if now >= self.deadline(since).await {
            let message = format!("not reached in time: {reason}");
            let kind = match self.step.kind {
                StepKind::VerifyBoot => StepErrorKind::BootNotVerified,
                StepKind::Validate
                | StepKind::Quiesce
                | StepKind::TakeInventory
                | StepKind::VmSnapshot
                | StepKind::VerifyRollbackPoints
                | StepKind::TestWindow
                | StepKind::RevertVmSnapshot
                | StepKind::DeleteVmSnapshot
                | StepKind::Quarantine { .. }
                | StepKind::Resume
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
    pub(super) async fn deadline(&self, waiting_since: DateTime<Utc>) -> DateTime<Utc> {
        let plus = |at: DateTime<Utc>, d: Duration| at + TimeDelta::from_std(d).unwrap_or(TimeDelta::MAX);
        if matches!(self.step.kind, StepKind::StartVm | StepKind::VerifyBoot) {
            let state = self.job.journal.state().await;
            let start = Step::new(Direction::Forward, StepKind::StartVm);
            let begun = state.steps.get(&start.id).map_or(waiting_since, |r| r.since);
            return plus(begun, Duration::from_secs(self.job.plan.boot.within_seconds));
        }
        plus(waiting_since, self.job.parts.settings.settle_budget)
    }

    /// Waits before the next look: short at first, longer later, so that short jobs are seen early and long
    /// ones cost few calls.
    pub(super) async fn pause_before_poll(&mut self) -> Result<(), Stop> {
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
