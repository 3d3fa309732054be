//! What an operator's request means to a job.

use chrono::{DateTime, Utc};
use failover_domain::{Attention, AttentionCode, Decision};

use super::super::{JobState, Standing};
use crate::plan::{Direction, Plan};
use crate::request::JobRequest;

impl JobState {
    /// What a request means.
    pub(super) fn hear(&mut self, plan: &Plan, at: DateTime<Utc>, by: &str, request: &JobRequest) {
        match request {
            JobRequest::Cancel => {
                self.cancelled_by.get_or_insert_with(|| by.to_owned());
            }
            JobRequest::EndTest => {
                self.test_ended_by.get_or_insert_with(|| by.to_owned());
            }
            JobRequest::Extend { deadline } => {
                if let Some(window) = &mut self.window {
                    window.move_deadline(*deadline, at);
                    self.progress = self.progress.max(window.progress_then);
                }
            }
            JobRequest::Retry => {
                for disk in &mut self.disks {
                    disk.decision = disk.decision.filter(|d| *d == Decision::Force);
                }
                self.try_again_at(at);
            }
            JobRequest::Decide {
                code,
                object,
                decision,
                ..
            } => {
                let about =
                    |a: &Attention| a.code == *code && (object.is_none() || a.object() == object.as_deref());
                self.attention.retain(|a| !about(a));
                self.decide(plan, at, *code, object.as_deref(), *decision);
            }
        }
    }

    /// A decision about one replica that cannot be reverted, or about all of them when no volume is named. Other
    /// attentions know no decision but to try again.
    fn decide(
        &mut self,
        plan: &Plan,
        at: DateTime<Utc>,
        code: AttentionCode,
        object: Option<&str>,
        decision: Decision,
    ) {
        let is_about_reverting = matches!(
            code,
            AttentionCode::RevertFailed | AttentionCode::DirtyReplicaOnOma | AttentionCode::KeptForInspection
        );
        let named = object.and_then(|o| plan.disks.iter().position(|d| d.object() == o));
        for (place, disk) in self.disks.iter_mut().enumerate() {
            if is_about_reverting && disk.needs_revert() && named.is_none_or(|n| n == place) {
                disk.decision = match decision {
                    Decision::Retry => None,
                    Decision::Keep | Decision::Force => Some(decision),
                };
            }
        }
        self.try_again_at(at);
    }

    /// Steps of the way back that wait for their next attempt wait no longer, and the pauses between attempts are short
    /// again.
    fn try_again_at(&mut self, at: DateTime<Utc>) {
        for record in self.steps.values_mut() {
            if record.step.direction == Direction::Return {
                record.delays = 0;
            }
            if let Standing::Delayed { retry_at, .. } = &mut record.standing {
                *retry_at = at.min(*retry_at);
            }
        }
    }
}
