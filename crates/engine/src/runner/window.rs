//! The open window of a test: until its deadline, or until a person ends it. The deadline is in the journal, so that
//! whichever worker has the job finds it. The test VM is looked at meanwhile, and changes of it are journaled.

use chrono::{DateTime, Utc};
use failover_domain::{AtWindowEnd, AttentionCode, Severity, TestWindow};

use super::{Run, StepEnd};
use crate::attention;
use crate::event::{ClosingReason, Event, StepFacts, VmHealth};
use crate::journal::Stop;
use crate::plan::TestErrand;
use crate::state::JobState;
use crate::step::test_window::health;

impl Run<'_> {
    /// Keeps the window open until it is over.
    pub(super) async fn keep_window_open(&mut self) -> Result<StepEnd, Stop> {
        let job = self.job;
        let Some(test) = job.plan.test() else {
            return Err(Stop::Broken(
                "a test window is in a plan that is no test".to_owned(),
            ));
        };
        if job.journal.state().await.window.is_none() {
            let window = TestWindow::open(job.parts.clock.now(), test.window());
            job.journal.record(Event::WindowOpened { window }).await?;
        }
        let _idle = job.idle.one_more();
        let mut look_at = job.parts.clock.now();
        loop {
            let state = job.journal.state().await;
            let now = job.parts.clock.now();
            if let Some(why) = closing_reason(&state, test, now) {
                if self.close_window(&state, why).await? {
                    return Ok(StepEnd::Done);
                }
                // A request came at the last moment: an extension counts, although the deadline has passed meanwhile.
                let soon = job.parts.settings.poll_interval;
                job.journal.pause_or_request(soon, &state).await?;
                continue;
            }
            if job.halt.is_cancelled() {
                return Ok(StepEnd::Halted);
            }
            self.remind(&state, now).await?;
            if now >= look_at {
                self.look_at_guest(&state).await?;
                look_at = failover_domain::window::later(now, job.parts.settings.health_interval);
            }
            let next = state.window.map(|w| w.deadline).filter(|d| *d > now);
            let next = next.map_or(look_at, |deadline| deadline.min(look_at));
            let pause = (next - now).to_std().unwrap_or_default();
            tokio::select! {
                biased;
                paused = job.journal.pause_or_request(pause, &state) => paused?,
                () = job.halt.cancelled() => {}
            }
        }
    }

    /// Whether the window is closed; it is not when a request must be heard first.
    async fn close_window(&mut self, state: &JobState, why: ClosingReason) -> Result<bool, Stop> {
        let journal = &self.job.journal;
        attention::clear(journal, AttentionCode::TestWindowOver).await?;
        attention::clear(journal, AttentionCode::TestVmUnhealthy).await?;
        let step = self.step.clone();
        let facts = StepFacts::WindowClosed { why };
        journal.end(state, Event::StepDone { step, facts }).await
    }

    /// Tells people that the window is over, where nothing happens by itself then.
    async fn remind(&self, state: &JobState, now: DateTime<Utc>) -> Result<(), Stop> {
        let Some(window) = state.window else { return Ok(()) };
        if now < window.deadline {
            return attention::clear(&self.job.journal, AttentionCode::TestWindowOver).await;
        }
        let vm = &self.job.plan.vm.name;
        let message = format!(
            "The window of the test is over since {}, and test VM {vm} still runs: its replicas are not synchronised \
             meanwhile",
            window.deadline
        );
        let choices = [
            "End the test: the replicas return to the OMA.",
            "Extend the window.",
        ];
        attention::raise(
            &self.job.journal,
            AttentionCode::TestWindowOver,
            Severity::Warning,
            message,
            vec![format!("VM {vm}")],
            &choices,
            now,
        )
        .await
    }

    /// Looks at the test VM. A cloud that does not answer says nothing about it.
    async fn look_at_guest(&self, state: &JobState) -> Result<(), Stop> {
        let job = self.job;
        let seen = match health(&self.view(state)).await {
            Ok(seen) => seen,
            Err(error) => {
                tracing::warn!(job_id = %job.job_id, error = %error, "The test VM cannot be looked at now.");
                return Ok(());
            }
        };
        let is_new = state.health.as_ref() != Some(&seen);
        let is_well = matches!(seen, VmHealth::Well { .. });
        if is_new {
            let health = seen.clone();
            job.journal.record(Event::HealthSeen { health }).await?;
        }
        // At each look, not only at a new one: a worker may have died between the entries.
        if is_new || is_well {
            attention::clear(&job.journal, AttentionCode::TestVmUnhealthy).await?;
        }
        if is_well {
            return Ok(());
        }
        let vm = &job.plan.vm.name;
        let message = format!("Test VM {vm} is {} while its window is open", seen.words());
        let choices = [
            "Look at its console; the test goes on until its window is over.",
            "End the test: the replicas return to the OMA.",
        ];
        let now = job.parts.clock.now();
        attention::raise(
            &job.journal,
            AttentionCode::TestVmUnhealthy,
            Severity::Warning,
            message,
            vec![format!("VM {vm}")],
            &choices,
            now,
        )
        .await
    }
}

/// Why the window is to be closed now, if so.
fn closing_reason(state: &JobState, test: &TestErrand, now: DateTime<Utc>) -> Option<ClosingReason> {
    if let Some(by) = &state.test_ended_by {
        return Some(ClosingReason::TestEnded { by: by.clone() });
    }
    let is_over = state.window.is_some_and(|window| now >= window.deadline);
    (is_over && test.at_window_end == AtWindowEnd::CleanUp).then_some(ClosingReason::WindowOver)
}
