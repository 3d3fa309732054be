//! Async jobs and the queues that serialise the work on a VM.
//!
//! ```text
//! accepted ─▶ checked ─▶ queued ─▶ running ─▶ ended ─▶ forgotten (24 h)
//!                │         │          │ restart, cancelled, stuck
//!                └─────────┴──────────┴─▶ ended with an error
//! ```
//! A command's preconditions are checked when its job begins, *before* it waits in the queue of its VM, and hardly
//! again afterwards, as in the real cloud: what was allowed when it was asked for may be wrong when its turn comes.

use std::borrow::Cow;
use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{AsyncJobId, CloudVmId, SnapshotId};
use serde::{Deserialize, Serialize};

use super::Cloud;
use super::command::ApiCommand;
use super::error::ApiError;
use super::objects::{Snapshot, Vm, VmSnapshot, Volume};
use crate::faults::{RuleId, WorkFault};

/// `job.expire.minutes`: finished jobs are forgotten so long after their end, others after their creation.
pub(crate) const JOB_LIFE: TimeDelta = TimeDelta::hours(24);

/// `job.cancel.threshold.minutes`: a queue item that holds up others for longer is cancelled.
pub(crate) const QUEUE_PATIENCE: TimeDelta = TimeDelta::minutes(60);

/// What a job works on, as `jobinstancetype` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobObject {
    /// VirtualMachine, Volume, Snapshot or VmSnapshot.
    pub kind: Cow<'static, str>,
    /// The object's id.
    pub id: String,
}

impl JobObject {
    /// The kind whose jobs do not tell the id of their object (cloudstack-api.md section 3.1).
    pub(crate) const VM_SNAPSHOT: &'static str = "VmSnapshot";
}

/// An async job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The id.
    pub id: AsyncJobId,
    /// The command.
    pub command: ApiCommand,
    /// What it works on.
    pub object: Option<JobObject>,
    /// When it was accepted.
    pub created: DateTime<Utc>,
    /// Where it stands.
    pub phase: Phase,
    /// The order of acceptance.
    pub(crate) sequence: u64,
    /// The VM in whose queue it is.
    pub(crate) queue: Option<CloudVmId>,
    /// A fault that awaits it.
    pub(crate) fault: Option<(RuleId, WorkFault)>,
}

impl Job {
    /// Whether it works on the object of this kind and id.
    pub fn is_on(&self, kind: &str, id: &str) -> bool {
        let object = self.object.as_ref();
        object.is_some_and(|object| object.kind.eq_ignore_ascii_case(kind) && object.id == id)
    }
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// It waits for the VM's earlier work.
    Queued,
    /// Its work is under way.
    Running {
        /// When it began.
        since: DateTime<Utc>,
    },
    /// It is over.
    Ended {
        /// When.
        at: DateTime<Utc>,
        /// How.
        outcome: JobOutcome,
    },
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum JobOutcome {
    /// With this result.
    Succeeded(JobResult),
    /// With this error.
    Failed(ApiError),
    /// Cut off: a failed job without a result.
    CutOff {
        /// The `jobresultcode`.
        code: u32,
    },
}

/// The result of a job: its object as it was when the job ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum JobResult {
    Vm(Box<Vm>),
    Volume(Box<Volume>),
    Snapshot(Box<Snapshot>),
    VmSnapshot(Box<VmSnapshot>),
    Success,
}

/// What happens at an instant of the cloud's agenda.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Due {
    /// The job's work is over.
    JobEnds(AsyncJobId),
    /// A snapshot has left the primary storage: its volume is free again.
    SnapshotLeavesPrimary(AsyncJobId),
    /// A snapshot whose job did not wait for it is on secondary storage.
    SnapshotIsBackedUp(SnapshotId),
    /// The job has held its queue for [`QUEUE_PATIENCE`].
    QueueLosesPatience(AsyncJobId),
    /// The job is forgotten.
    JobExpires(AsyncJobId),
    /// The guest of this run powers off by itself.
    GuestPowersOff { vm: CloudVmId, run: u64 },
    /// The guest of this run writes again.
    GuestWrites { vm: CloudVmId, run: u64 },
    /// A destroyed VM is past recovering.
    ExpungeDelayIsOver(CloudVmId),
}

impl Due {
    /// Whether a caller may wait for it; guests write, jobs expire and VMs are expunged without anybody.
    pub(crate) fn is_progress(&self) -> bool {
        match self {
            Due::JobEnds(_)
            | Due::SnapshotLeavesPrimary(_)
            | Due::SnapshotIsBackedUp(_)
            | Due::QueueLosesPatience(_)
            | Due::GuestPowersOff { .. } => true,
            Due::JobExpires(_) | Due::GuestWrites { .. } | Due::ExpungeDelayIsOver(_) => false,
        }
    }
}

impl Cloud {
    /// Makes a job of an accepted command, checks its preconditions, and lets it run or wait.
    pub(crate) fn start_job(
        &mut self,
        id: AsyncJobId,
        command: ApiCommand,
        object: Option<JobObject>,
        fault: Option<(RuleId, WorkFault)>,
    ) {
        let checked = self.check(&command, object.as_ref());
        self.job_sequence += 1;
        let queue = checked.as_ref().ok().cloned().flatten();
        let (sequence, created, phase) = (self.job_sequence, self.time, Phase::Queued);
        let job = Job {
            id: id.clone(),
            command,
            object,
            created,
            phase,
            sequence,
            queue,
            fault,
        };
        self.unfinished.insert(sequence, id.clone());
        if let Some(object) = &job.object {
            self.pending
                .entry(object.id.clone())
                .or_default()
                .push(id.clone());
        }
        let queue = job.queue.clone();
        self.jobs.insert(id.clone(), job);
        self.plan(self.time + JOB_LIFE, Due::JobExpires(id.clone()));
        match (checked, queue) {
            (Err(error), _) => self.end_job(&id, JobOutcome::Failed(error)),
            (Ok(_), None) => self.run_job(&id),
            (Ok(_), Some(vm)) => {
                let waiting = self.queues.entry(vm).or_default();
                waiting.push_back(id.clone());
                match waiting.front().cloned() {
                    Some(first) if first != id => self.grow_impatient_with(&first),
                    Some(_) | None => self.run_job(&id),
                }
            }
        }
    }

    /// Begins the work of a job whose turn has come.
    fn run_job(&mut self, id: &AsyncJobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.phase = Phase::Running { since: self.time };
        let (command, fault) = (job.command.clone(), job.fault.clone());
        let held_up = job
            .queue
            .as_ref()
            .and_then(|vm| self.queues.get(vm))
            .map_or(0, VecDeque::len)
            > 1;
        match self.begin(id, &command) {
            Err(error) => self.end_job(id, JobOutcome::Failed(error)),
            Ok(seconds) => {
                let mut ends = self.time + self.settings.time(seconds);
                match fault {
                    Some((rule, WorkFault::Delay { seconds })) => {
                        self.faults.fired(rule);
                        ends += TimeDelta::seconds(i64::from(seconds));
                        self.plan(ends, Due::JobEnds(id.clone()));
                    }
                    Some((rule, WorkFault::JobStuck)) => self.faults.fired(rule),
                    Some(_) | None => self.plan(ends, Due::JobEnds(id.clone())),
                }
                if held_up {
                    self.grow_impatient_with(id);
                }
            }
        }
    }

    /// The instant at which the job's work was to be over has come.
    pub(crate) fn job_is_due(&mut self, id: &AsyncJobId) {
        let Some(job) = self.running(id) else { return };
        let (command, fault) = (job.command.clone(), job.fault.clone());
        let outcome = match fault {
            None => self.finish_on_host(id, &command),
            Some((rule, effect)) => self.finish_with_fault(id, &command, rule, effect),
        };
        self.end_job(id, outcome);
    }

    /// Writes down how a job ended and lets the next one of its queue begin.
    pub(crate) fn end_job(&mut self, id: &AsyncJobId, outcome: JobOutcome) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.phase = Phase::Ended {
            at: self.time,
            outcome,
        };
        let (sequence, queue, object) = (job.sequence, job.queue.clone(), job.object.clone());
        let forgotten = matches!(job.fault, Some((_, WorkFault::JobPurged { .. })));
        self.unfinished.remove(&sequence);
        if let Some(object) = object
            && let Some(pending) = self.pending.get_mut(&object.id)
        {
            pending.retain(|other| other != id);
            if pending.is_empty() {
                self.pending.remove(&object.id);
            }
        }
        if forgotten {
            self.jobs.remove(id);
        } else {
            self.plan(self.time + JOB_LIFE, Due::JobExpires(id.clone()));
        }
        if let Some(vm) = queue {
            self.leave_queue(&vm, id);
        }
    }

    fn leave_queue(&mut self, vm: &CloudVmId, id: &AsyncJobId) {
        let Some(waiting) = self.queues.get_mut(vm) else {
            return;
        };
        let was_first = waiting.front() == Some(id);
        waiting.retain(|other| other != id);
        let next = waiting.front().cloned();
        match next {
            None => {
                self.queues.remove(vm);
            }
            Some(next) if was_first => self.run_job(&next),
            Some(_) => {}
        }
    }

    /// Plans the end of the patience with a job that holds up others.
    fn grow_impatient_with(&mut self, first: &AsyncJobId) {
        if let Some(Job {
            phase: Phase::Running { since },
            ..
        }) = self.jobs.get(first)
        {
            let at = (*since + QUEUE_PATIENCE).max(self.time);
            self.plan(at, Due::QueueLosesPatience(first.clone()));
        }
    }

    /// Cancels a job that still holds up others.
    pub(crate) fn lose_patience(&mut self, id: &AsyncJobId) {
        let Some(job) = self.running(id) else { return };
        let command = job.command.clone();
        let others = job
            .queue
            .as_ref()
            .and_then(|vm| self.queues.get(vm))
            .map_or(0, VecDeque::len);
        if others > 1 {
            self.abandon(&command, id);
            self.end_job(id, JobOutcome::CutOff { code: 0 });
        }
    }

    /// Forgets a job whose life is over; unfinished work is cancelled with it.
    pub(crate) fn expire_job(&mut self, id: &AsyncJobId) {
        let Some(job) = self.jobs.get(id) else { return };
        match &job.phase {
            Phase::Ended { at, .. } if *at + JOB_LIFE > self.time => return,
            Phase::Ended { .. } => {}
            // The id was used again after an earlier job of this id had been forgotten.
            Phase::Queued | Phase::Running { .. } if job.created + JOB_LIFE > self.time => return,
            Phase::Queued => self.end_job(id, JobOutcome::CutOff { code: 0 }),
            Phase::Running { .. } => {
                let command = job.command.clone();
                self.abandon(&command, id);
                self.end_job(id, JobOutcome::CutOff { code: 0 });
            }
        }
        self.jobs.remove(id);
    }

    /// The job, if its work is under way.
    pub(crate) fn running(&self, id: &AsyncJobId) -> Option<&Job> {
        self.jobs
            .get(id)
            .filter(|job| matches!(job.phase, Phase::Running { .. }))
    }
}
