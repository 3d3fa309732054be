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

mod asking;
mod giving_up;
mod waiting;
mod window;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use failover_domain::{JobId, RequestKey};
use ossea::{
    Accepted, Command, ErrorClass, JobReport, JobWatch, Origin, OsseaError, Priority, Refusal, StopMode,
};
use tokio_util::sync::CancellationToken;

use crate::event::{CreatedObject, Event, StepError, StepErrorKind};
use crate::journal::{JobJournal, Stop};
use crate::parts::EngineParts;
use crate::plan::{Direction, Plan, Step, StepKind};
use crate::state::JobState;
use crate::step::{Evidence, Observation, View, observe};
use crate::worker::IdleJobs;
use giving_up::MayPass;

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
    /// The collaborators of the way there.
    pub(crate) parts: EngineParts,
    /// The same for the way back, whose calls go first.
    pub(crate) parts_back: EngineParts,
    /// Waits for the cloud's jobs, for all jobs of the worker together.
    pub(crate) watch: JobWatch,
    /// Counts the jobs of the worker that only wait: for the cloud to answer, or in an open test window.
    pub(crate) idle: IdleJobs,
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
    /// Since when the cloud answers reads at most, and takes no command.
    unsent_since: Option<DateTime<Utc>>,
    /// Since when the state is in between.
    waiting_since: Option<DateTime<Utc>>,
    /// Whether this run sent the command of the open attempt, or found it in the journal.
    origin: Origin,
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
        unsent_since: None,
        waiting_since: None,
        origin: Origin::Earlier,
        polls: 0,
    };
    if step.kind == StepKind::TestWindow {
        return run.keep_window_open().await;
    }
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
            && !self.asks_the_writer()
            && let Some(open) = state.open_attempt(&self.step.id)
        {
            self.evidence = self.await_job(open).await?;
            self.last_command = Some(open.command.clone());
        }
        let looked = {
            let state = self.job.journal.state().await;
            observe(self.step, &self.view(&state)).await
        };
        match looked {
            Ok(observation) => {
                self.cloud_answers().await?;
                self.follow(observation).await
            }
            Err(error) => self.look_failed(&error).await,
        }
    }

    fn view<'b>(&'b self, state: &'b JobState) -> View<'b> {
        View {
            parts: self.parts(),
            job_id: &self.job.job_id,
            plan: &self.job.plan,
            state,
            evidence: &self.evidence,
            now: self.job.parts.clock.now(),
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
            Observation::Ask(wish) => self.ask(wish).await,
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
            // One restart of the management server is nothing; a job that is cut off again and again is a failure.
            Evidence::Interrupted if again => {
                let message = format!("the cloud cut off {command} before it had an effect");
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
                    if let Some(end) = self.lost_for_too_long().await? {
                        return Ok(Some(end));
                    }
                    // The intent was committed long ago: whether the job is still ours must be known anew.
                    let entitled_at = self.job.parts.clock.now();
                    self.job.journal.confirm_lease().await?;
                    return self.submit(entitled_at, key, &command).await;
                }
            }
            Evidence::None | Evidence::Succeeded | Evidence::Interrupted | Evidence::NeverAccepted => {}
        }
        let attempt = self.job.journal.state().await.next_attempt(&self.step.id);
        let key = RequestKey::derive(&self.job.job_id, self.step.id.as_str(), attempt);
        let creates = created_by(self.step.kind, &command);
        let forced = matches!(
            command,
            Command::StopVirtualMachine {
                mode: StopMode::Forced,
                ..
            }
        );
        let text = command.to_string();
        let intent = Event::StepIntended {
            step: self.step.clone(),
            attempt,
            key,
            command: text,
            creates,
            forced,
        };
        // Asked before the commit that proves the lease, so that the request is valid from no later instant: a worker that
        // is stopped between the commit and the sending must not be listened to when another one has taken over.
        let entitled_at = self.job.parts.clock.now();
        self.job.journal.record(intent).await?;
        self.submit(entitled_at, key, &command).await
    }

    async fn submit(
        &mut self,
        entitled_at: DateTime<Utc>,
        key: RequestKey,
        command: &Command,
    ) -> Result<Option<StepEnd>, Stop> {
        self.last_command = Some(command.to_string());
        self.origin = Origin::Earlier;
        let sent = self.parts().cloud.submit_as_of(entitled_at, &key, command).await;
        if proves_that_commands_arrive(&sent) {
            self.unsent_since = None;
        }
        match sent {
            Ok(Accepted::Job { job, created }) => {
                self.origin = Origin::Accepted;
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
                let now = self.job.parts.clock.now();
                self.silent_since = Some(*self.unsent_since.get_or_insert(now));
                self.silence(&error.to_string()).await
            }
            ErrorClass::Unknown | ErrorClass::Gone => {
                let now = self.job.parts.clock.now();
                self.unsent_since.get_or_insert(now);
                // `turn` asks for the job by its key, then looks.
                self.pause_before_poll().await?;
                Ok(None)
            }
            ErrorClass::Refused => {
                // A key that the cloud knows already is refused too: then the first request is the one that counts.
                let known = self.parts().cloud.job(&key.job_id()).await;
                if matches!(known, Ok(JobReport::NotKnown)) {
                    self.evidence = Evidence::Failed(refusal_of(&error));
                }
                Ok(None)
            }
        }
    }

    fn is_halted(&self) -> bool {
        self.step.direction == Direction::Forward && self.job.halt.is_cancelled()
    }

    /// How urgent the calls of this step are. A halted step of the way there is what the way back waits for.
    fn priority(&self) -> Priority {
        match self.step.direction {
            Direction::Forward if !self.is_halted() => Priority::WayThere,
            Direction::Forward | Direction::Return => Priority::WayBack,
        }
    }

    /// The collaborators with which this step works.
    fn parts(&self) -> &EngineParts {
        match self.priority() {
            Priority::WayBack => &self.job.parts_back,
            Priority::WayThere | Priority::Background => &self.job.parts,
        }
    }
}

/// Whether the cloud has taken a command, or refused it by a rule of its own. A lost reply proves neither.
fn proves_that_commands_arrive(sent: &Result<Accepted, OsseaError>) -> bool {
    match sent {
        Ok(_) => true,
        Err(error) => match error.class() {
            ErrorClass::Refused => true,
            ErrorClass::Retry | ErrorClass::Gone | ErrorClass::Unknown => false,
        },
    }
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
        Command::CreateVmSnapshot { name, .. } => Some(CreatedObject::VmSnapshot { name: name.clone() }),
        Command::StartVirtualMachine { .. }
        | Command::StopVirtualMachine { .. }
        | Command::DestroyVirtualMachine { .. }
        | Command::AttachVolume { .. }
        | Command::DetachVolume { .. }
        | Command::DeleteVolume { .. }
        | Command::RevertSnapshot { .. }
        | Command::DeleteSnapshot { .. }
        | Command::ExpungeVirtualMachine { .. }
        | Command::RecoverVirtualMachine { .. }
        | Command::RevertToVmSnapshot { .. }
        | Command::DeleteVmSnapshot { .. }
        | Command::AddNic { .. }
        | Command::RemoveNic { .. }
        | Command::UpdateDefaultNic { .. }
        | Command::CreateTags { .. }
        | Command::DeleteTags { .. } => None,
    }
}
