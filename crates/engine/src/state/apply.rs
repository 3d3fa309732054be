//! The one function that decides what a journal entry means.

mod hearing;
mod learning;

use failover_domain::{JobStatus, JobType};

use super::{IllegalEvent, JobState, OpenAttempt, Phase, Standing, StepRecord};
use crate::event::{Event, StoredEvent};
use crate::plan::{Direction, Plan, Step, StepKind};
use crate::ports::Custody;

impl JobState {
    /// Takes one journal entry in.
    ///
    /// # Errors
    /// [`IllegalEvent`] when the entry cannot follow; the state is then unchanged in everything that counts,
    /// and the caller drops it.
    pub fn apply(&mut self, plan: &Plan, stored: &StoredEvent) -> Result<(), IllegalEvent> {
        let illegal = |reason: String| IllegalEvent {
            seq: stored.seq,
            event: serde_json::to_string(&stored.event).unwrap_or_else(|e| e.to_string()),
            reason,
        };
        if stored.seq != self.last_seq + 1 {
            return Err(illegal(format!(
                "the entry before it has the number {}",
                self.last_seq
            )));
        }
        self.check_phase(&stored.event).map_err(&illegal)?;
        match &stored.event {
            Event::Accepted { .. } => {}
            Event::TakenUp { .. } => {
                self.started_at.get_or_insert(stored.at);
                if self.phase == Phase::Pending {
                    self.phase = Phase::Forward;
                }
            }
            Event::StageEntered { stage } => self.enter_stage(plan, *stage).map_err(&illegal)?,
            Event::StageFinished { stage } => self.finish_stage(plan, *stage).map_err(&illegal)?,
            Event::StepIntended {
                step,
                attempt,
                key,
                command,
                creates,
                forced,
            } => {
                let open = OpenAttempt {
                    attempt: *attempt,
                    key: *key,
                    command: command.clone(),
                    cloud_job: None,
                    created: None,
                };
                self.stand(stored, step, Standing::Open(open));
                self.note_intent(step, creates.as_ref());
                if let Some(record) = self.steps.get_mut(&step.id) {
                    record.forced = *forced;
                    record.doubted |= *forced;
                }
                self.advance_return(plan, step).map_err(&illegal)?;
            }
            Event::StepSubmitted {
                step,
                cloud_job,
                created,
            } => {
                let record = self.steps.get_mut(&step.id);
                let Some(Standing::Open(open)) = record.map(|r| &mut r.standing) else {
                    return Err(illegal("no attempt of the step is open".to_owned()));
                };
                open.cloud_job.clone_from(cloud_job);
                open.created.clone_from(created);
                self.note_created(plan, step.kind, created.as_deref());
            }
            Event::StepDone { step, facts } => {
                self.note_forced_stop(step, facts);
                self.stand(stored, step, Standing::Done { facts: facts.clone() });
                self.learn(plan, step.kind, facts).map_err(&illegal)?;
                self.advance_within_stage(plan).map_err(&illegal)?;
                self.advance_return(plan, step).map_err(&illegal)?;
            }
            Event::StepDelayed {
                step,
                error,
                retry_at,
            } => {
                self.stand(
                    stored,
                    step,
                    Standing::Delayed {
                        error: error.clone(),
                        retry_at: *retry_at,
                    },
                );
            }
            Event::StepFailed { step, error } => {
                self.stand(stored, step, Standing::Failed { error: error.clone() });
            }
            Event::CancelHeard { by } => self.cancelled_by = Some(by.clone()),
            Event::RequestHeard { number, by, request } => {
                self.heard = *number;
                self.hear(plan, stored.at, by, request);
            }
            Event::WindowOpened { window } => {
                self.window = Some(*window);
                self.progress = self.progress.max(window.progress_then);
            }
            Event::HealthSeen { health } => self.health = Some(health.clone()),
            Event::ReturnBegan { cause } => {
                self.phase = Phase::Returning;
                self.failure = Some(cause.clone());
                self.begin_cleanup(plan).map_err(&illegal)?;
            }
            Event::ClosingBegan { why } => {
                if self.stages_finished != plan.stages.len() {
                    return Err(illegal(format!("{} stages are finished", self.stages_finished)));
                }
                self.phase = Phase::Returning;
                self.closing = Some(why.clone());
                self.begin_cleanup(plan).map_err(&illegal)?;
            }
            Event::AttentionRaised { attention } => {
                self.attention
                    .retain(|a| !a.is(attention.code, attention.object()));
                self.attention.push(attention.clone());
            }
            Event::AttentionCleared { code, object } => match object {
                Some(object) => self.attention.retain(|a| !a.is(*code, Some(object))),
                None => self.attention.retain(|a| a.code != *code),
            },
            Event::Completed => {
                self.phase = Phase::Completed;
                self.become_status(plan.job_type, JobStatus::Completed)
                    .map_err(&illegal)?;
                self.progress = 100.0;
                self.completed_at = Some(stored.at);
                self.attention.clear();
            }
            Event::Closed { comparison, resting } => {
                self.phase = Phase::Completed;
                for status in JobStatus::sequence(plan.job_type) {
                    if self.is_behind(plan.job_type, *status) {
                        self.become_status(plan.job_type, *status).map_err(&illegal)?;
                    }
                }
                self.progress = 100.0;
                self.comparison.clone_from(comparison);
                self.resting.clone_from(resting);
                self.completed_at = Some(stored.at);
            }
            Event::Failed {
                cause,
                comparison,
                resting,
            } => {
                self.phase = Phase::Failed;
                self.become_status(plan.job_type, JobStatus::Failed)
                    .map_err(&illegal)?;
                self.progress = 0.0;
                self.failure = Some(cause.clone());
                self.comparison.clone_from(comparison);
                self.resting.clone_from(resting);
                self.completed_at = Some(stored.at);
            }
        }
        self.last_seq = stored.seq;
        Ok(())
    }

    /// Which entries may come in which phase.
    fn check_phase(&self, event: &Event) -> Result<(), String> {
        let step_phase = |step: &Step| match step.direction {
            Direction::Forward => self.phase == Phase::Forward,
            Direction::Return => self.phase == Phase::Returning,
        };
        let under_way = matches!(self.phase, Phase::Forward | Phase::Returning);
        let legal = match event {
            Event::Accepted { .. } => self.phase == Phase::Pending && self.last_seq == 0,
            Event::TakenUp { .. } => self.last_seq > 0 && !self.has_ended(),
            Event::StageEntered { .. }
            | Event::StageFinished { .. }
            | Event::WindowOpened { .. }
            | Event::HealthSeen { .. }
            | Event::ReturnBegan { .. }
            | Event::ClosingBegan { .. } => self.phase == Phase::Forward,
            // A worker may bring a request before its first entry is written.
            Event::RequestHeard { number, .. } => {
                self.last_seq > 0 && !self.has_ended() && *number > self.heard
            }
            Event::StepIntended { step, .. }
            | Event::StepSubmitted { step, .. }
            | Event::StepDone { step, .. }
            | Event::StepDelayed { step, .. }
            | Event::StepFailed { step, .. } => step_phase(step),
            Event::CancelHeard { .. } | Event::AttentionRaised { .. } | Event::AttentionCleared { .. } => {
                under_way
            }
            Event::Completed => self.phase == Phase::Forward,
            Event::Closed { .. } => self.phase == Phase::Returning && self.closing.is_some(),
            Event::Failed { .. } => self.phase == Phase::Returning && self.closing.is_none(),
        };
        if legal {
            Ok(())
        } else {
            Err(format!("the job is in phase {:?}", self.phase))
        }
    }

    /// The customer's word for the time after the destination VM was in use; live failovers have none.
    fn begin_cleanup(&mut self, plan: &Plan) -> Result<(), String> {
        // A job that settles a live failover has no way there.
        if plan.settles().is_some() && self.status == JobStatus::Pending {
            self.become_status(plan.job_type, JobStatus::Executing)?;
        }
        if self.status.may_become(plan.job_type, JobStatus::Cleanup) {
            self.become_status(plan.job_type, JobStatus::Cleanup)?;
        }
        Ok(())
    }

    /// From `cleanup` to `reverting`, as soon as more is done than stopping the VM.
    fn advance_return(&mut self, plan: &Plan, step: &Step) -> Result<(), String> {
        let reverting = JobStatus::Reverting;
        if step.direction == Direction::Return
            && step.kind != StepKind::StopVm
            && self.status.may_become(plan.job_type, reverting)
        {
            self.become_status(plan.job_type, reverting)?;
        }
        if step.direction == Direction::Return && self.status == reverting {
            let from = reverting.progress(plan.job_type).unwrap_or(self.progress);
            let home = self
                .disks
                .iter()
                .filter(|d| matches!(d.custody, Custody::Oma { .. }))
                .count();
            #[expect(clippy::cast_precision_loss, reason = "a VM has 33 disks at most")]
            let share = home as f64 / self.disks.len().max(1) as f64;
            self.progress = self.progress.max(from + (100.0 - from) * 0.9 * share);
        }
        Ok(())
    }

    fn enter_stage(&mut self, plan: &Plan, stage: usize) -> Result<(), String> {
        if stage != self.stages_finished || stage >= plan.stages.len() {
            return Err(format!(
                "{} of {} stages are finished",
                self.stages_finished,
                plan.stages.len()
            ));
        }
        self.stage = Some(stage);
        let first = plan.stages[stage].statuses(plan.job_type).first().copied();
        if let Some(first) = first {
            self.become_status(plan.job_type, first)?;
        }
        self.advance_within_stage(plan)
    }

    fn finish_stage(&mut self, plan: &Plan, stage: usize) -> Result<(), String> {
        let Some(planned) = plan.stages.get(stage).filter(|_| self.stage == Some(stage)) else {
            return Err(format!("the stage under way is {:?}", self.stage));
        };
        if let Some(step) = planned
            .lanes
            .iter()
            .flat_map(|l| &l.steps)
            .find(|s| !self.is_done(&s.id))
        {
            return Err(format!("step {} is not done", step.id));
        }
        for status in planned.statuses(plan.job_type) {
            if self.is_behind(plan.job_type, status) {
                self.become_status(plan.job_type, status)?;
            }
        }
        self.stages_finished = stage + 1;
        Ok(())
    }

    fn is_behind(&self, job_type: JobType, status: JobStatus) -> bool {
        let place = |s| JobStatus::sequence(job_type).iter().position(|x| *x == s);
        place(self.status) < place(status)
    }

    /// Moves the status to that of the least advanced lane, and the progress with the finished steps.
    fn advance_within_stage(&mut self, plan: &Plan) -> Result<(), String> {
        let Some(stage) = self
            .stage
            .and_then(|s| plan.stages.get(s))
            .filter(|_| self.phase == Phase::Forward)
        else {
            return Ok(());
        };
        for status in stage.statuses(plan.job_type) {
            let earlier_done = stage
                .lanes
                .iter()
                .filter(|l| l.status == self.status)
                .flat_map(|l| &l.steps)
                .all(|s| self.is_done(&s.id));
            if earlier_done && self.is_behind(plan.job_type, status) {
                self.become_status(plan.job_type, status)?;
            }
        }
        self.progress = self.progress.max(self.fine_progress(plan));
        Ok(())
    }

    /// The figure of the status, moved towards the next one by the share of the status's work that is done.
    fn fine_progress(&self, plan: &Plan) -> f64 {
        let from = self.status.progress(plan.job_type).unwrap_or(self.progress);
        let sequence = JobStatus::sequence(plan.job_type);
        let next = sequence.iter().skip_while(|s| **s != self.status).nth(1);
        let to = next
            .and_then(|s| s.progress(plan.job_type))
            .filter(|to| *to > from)
            .unwrap_or(from);
        let (mut done, mut all) = (0_u64, 0_u64);
        for lane in plan
            .stages
            .iter()
            .flat_map(|s| &s.lanes)
            .filter(|l| l.status == self.status)
        {
            for step in &lane.steps {
                let weight = step.kind.expected_seconds();
                all += weight;
                done += if self.is_done(&step.id) { weight } else { 0 };
            }
        }
        if all == 0 || done == all {
            // The next figure belongs to the next status; a finished one stays below it.
            return if all == 0 { from } else { from + (to - from) * 0.99 };
        }
        #[expect(clippy::cast_precision_loss, reason = "sums of seconds are far below 2^52")]
        let share = done as f64 / all as f64;
        from + (to - from) * share
    }

    fn become_status(&mut self, job_type: JobType, to: JobStatus) -> Result<(), String> {
        if self.status != to {
            self.status = self.status.change_to(job_type, to).map_err(|e| e.to_string())?;
            self.progress = self.progress.max(to.progress(job_type).unwrap_or(self.progress));
        }
        Ok(())
    }

    fn stand(&mut self, stored: &StoredEvent, step: &Step, standing: Standing) {
        let begun = u32::from(matches!(standing, Standing::Open(_)));
        let put_off = u32::from(matches!(standing, Standing::Delayed { .. }));
        let record = self.steps.entry(step.id.clone()).or_insert_with(|| StepRecord {
            step: step.clone(),
            attempts: 0,
            delays: 0,
            forced: false,
            doubted: false,
            standing: standing.clone(),
            since: stored.at,
            until: stored.at,
        });
        if matches!(record.standing, Standing::Done { .. }) {
            record.since = stored.at;
        }
        record.attempts += begun;
        record.delays += put_off;
        record.standing = standing;
        record.until = stored.at;
    }
}
