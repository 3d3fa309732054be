//! Asking the writer of the replicas: to let go of them, and to go on.
//!
//! The intent is journaled before the first call, so that whoever takes the job over knows that the writer may have
//! been asked. The key never changes, so asking again is harmless.

use failover_domain::RequestKey;

use super::giving_up::MayPass;
use super::{Run, StepEnd};
use crate::event::{Event, StepError, StepErrorKind};
use crate::journal::Stop;
use crate::plan::StepKind;
use crate::step::Evidence;
use crate::writer::{WriterAnswer, WriterCall, WriterWish};

impl Run<'_> {
    /// Whether the step has the writer do something, and no command of the cloud.
    pub(super) fn asks_the_writer(&self) -> bool {
        matches!(self.step.kind, StepKind::Quiesce | StepKind::Resume)
    }

    pub(super) async fn ask(&mut self, wish: WriterWish) -> Result<Option<StepEnd>, Stop> {
        if self.is_halted() {
            return Ok(Some(StepEnd::Halted));
        }
        let job = self.job;
        let key = RequestKey::derive(&job.job_id, self.step.id.as_str(), 0);
        let state = job.journal.state().await;
        if state.open_attempt(&self.step.id).is_none() {
            let intent = Event::StepIntended {
                step: self.step.clone(),
                attempt: state.next_attempt(&self.step.id),
                key,
                command: format!("{} the writer of the replicas", wish.as_str()),
                creates: None,
                forced: false,
            };
            job.journal.record(intent).await?;
        }
        let call = WriterCall {
            wish,
            job_id: job.job_id.clone(),
            vm_id: job.plan.vm_id.clone(),
            oma: job.plan.oma.clone(),
            replicas: job.plan.disks.iter().map(|d| d.volume.clone()).collect(),
            key,
        };
        let answer = job.journal.unless_stopped(self.parts().writer.ask(&call)).await?;
        self.follow_answer(wish, answer).await
    }

    async fn follow_answer(
        &mut self,
        wish: WriterWish,
        answer: WriterAnswer,
    ) -> Result<Option<StepEnd>, Stop> {
        let error = |kind, why: &str| StepError {
            kind,
            message: format!("the migration tool, asked to {}: {why}", wish.as_str()),
            refusal: None,
        };
        match answer {
            WriterAnswer::Done => {
                self.evidence = Evidence::Succeeded;
                Ok(None)
            }
            WriterAnswer::NotYet(why) => self.wait(&format!("the migration tool: {why}")).await,
            WriterAnswer::Refused(why) => {
                self.try_later(error(StepErrorKind::Refused, &why), MayPass::No)
                    .await
            }
            WriterAnswer::Unknown(why) => {
                self.try_later(error(StepErrorKind::Unavailable, &why), MayPass::Yes)
                    .await
            }
        }
    }
}
