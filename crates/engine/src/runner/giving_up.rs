//! What follows from a refusal, a block or a deadline: try later, hold, or give up. On the way back nothing is
//! ever given up.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use chrono::TimeDelta;
use failover_domain::{AttentionCode, Severity};
use ossea::Refusal;

use super::{Run, StepEnd};
use crate::attention;
use crate::event::{Event, StepError, StepErrorKind};
use crate::journal::Stop;
use crate::plan::{Direction, OnBootFailure, StepKind};
use crate::step::Evidence;

impl Run<'_> {
    /// The cloud refused an attempt. Some refusals pass: detach time-outs, capacity, a busy agent.
    pub(super) async fn refused(&mut self, refusal: Refusal) -> Result<Option<StepEnd>, Stop> {
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
    pub(super) async fn give_up(&mut self, error: StepError) -> Result<Option<StepEnd>, Stop> {
        if self.step.kind == StepKind::VerifyBoot
            && error.kind == StepErrorKind::BootNotVerified
            && self.job.plan.boot.on_failure == OnBootFailure::Hold
        {
            return self.hold(&error).await;
        }
        self.try_later(error, MayPass::No).await
    }

    /// Leaves the VM as it is for a person to look at, and goes on verifying.
    pub(super) async fn hold(&mut self, error: &StepError) -> Result<Option<StepEnd>, Stop> {
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

    pub(super) async fn try_later(
        &mut self,
        error: StepError,
        may_pass: MayPass,
    ) -> Result<Option<StepEnd>, Stop> {
        let settings = &self.job.parts.settings;
        let tries = self.job.journal.state().await.tries(&self.step.id);
        match self.step.direction {
            Direction::Forward if may_pass == MayPass::No || tries >= settings.forward_attempts => {
                self.fail(error).await
            }
            Direction::Forward => {
                let pause = self.jittered(settings.backoff(tries), tries);
                self.delay(error, pause).await?;
                if self.is_halted() {
                    return Ok(Some(StepEnd::Halted));
                }
                self.job.journal.pause(pause).await?;
                Ok(None)
            }
            Direction::Return => {
                let tries = self.job.journal.state().await.tries_since_asked(&self.step.id);
                let pause = self.jittered(settings.backoff(tries), tries);
                self.delay(error, pause).await?;
                Ok(Some(StepEnd::Delayed))
            }
        }
    }

    /// Jitter that follows from the job, the step and the attempt: it differs between those that failed together, and is
    /// the same when a run is repeated.
    fn jittered(&self, pause: Duration, tries: u32) -> Duration {
        let mut hasher = DefaultHasher::new();
        (self.job.job_id.as_str(), self.step.id.as_str(), tries).hash(&mut hasher);
        let share = f64::from(hasher.finish() as u32) / f64::from(u32::MAX);
        pause.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * share)
    }

    pub(super) async fn delay(&mut self, error: StepError, pause: Duration) -> Result<(), Stop> {
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

    pub(super) async fn fail(&mut self, error: StepError) -> Result<Option<StepEnd>, Stop> {
        self.job
            .journal
            .record(Event::StepFailed {
                step: self.step.clone(),
                error,
            })
            .await?;
        Ok(Some(StepEnd::Failed))
    }
}

/// Whether a refusal may pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MayPass {
    Yes,
    No,
}

/// The pauses of steps that failed together are spread over a fifth of their length to either side.
const SPREAD: f64 = 0.2;
