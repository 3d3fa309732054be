//! How the work of a job ends: well, without its host, or as a fault has it.

use failover_domain::AsyncJobId;

use super::Cloud;
use super::command::ApiCommand;
use super::conditions::Agent;
use super::error::ApiError;
use super::jobs::JobOutcome;
use super::objects::BootFailure;
use super::unlucky::Misfortune;
use crate::faults::{RuleId, Work, WorkFault};

impl Cloud {
    pub(super) fn finish_on_host(&mut self, id: &AsyncJobId, command: &ApiCommand) -> JobOutcome {
        match self.conditions.agent {
            Agent::Connected => self.finish_well(id, command),
            Agent::Unreachable => self.finish_without_agent(id, command),
        }
    }

    pub(super) fn finish_well(&mut self, id: &AsyncJobId, command: &ApiCommand) -> JobOutcome {
        self.finish_as(id, command, None)
    }

    fn finish_as(&mut self, id: &AsyncJobId, command: &ApiCommand, boot: Option<BootFailure>) -> JobOutcome {
        match self.finish(id, command, boot) {
            Ok(result) => JobOutcome::Succeeded(result),
            Err(error) => {
                self.abandon(command, id);
                JobOutcome::Failed(error)
            }
        }
    }

    pub(super) fn finish_with_fault(
        &mut self,
        id: &AsyncJobId,
        command: &ApiCommand,
        rule: RuleId,
        fault: WorkFault,
    ) -> JobOutcome {
        let (work, outcome) = match fault {
            WorkFault::JobFails { code, text, work } => {
                (work, JobOutcome::Failed(ApiError::of_command(code, text)))
            }
            WorkFault::JobInterrupted { work } => (work, JobOutcome::CutOff { code: 530 }),
            WorkFault::JobCancelled { work } => (work, JobOutcome::CutOff { code: 0 }),
            WorkFault::JobPurged { work } => (work, JobOutcome::CutOff { code: 530 }),
            WorkFault::DetachTimeout => (Work::NotDone, JobOutcome::Failed(self.detach_timed_out(command))),
            WorkFault::Unattachable => (Work::NotDone, JobOutcome::Failed(self.attach_failed(command))),
            WorkFault::DeviceBusy => (Work::NotDone, JobOutcome::Failed(self.device_is_busy(command))),
            WorkFault::NoCapacity => (Work::NotDone, JobOutcome::Failed(ApiError::no_capacity())),
            WorkFault::LimitReached => (Work::NotDone, JobOutcome::Failed(ApiError::limit_reached())),
            WorkFault::AgentUnreachable => {
                self.faults.fired(rule);
                return self.finish_without_agent(id, command);
            }
            WorkFault::GuestDoesNotBoot { how } => {
                return match self.check_agent(command) {
                    Ok(()) => {
                        self.faults.fired(rule);
                        self.finish_as(id, command, Some(how))
                    }
                    Err(_) => self.finish_on_host(id, command),
                };
            }
            WorkFault::GuestDoesNotStop => {
                return self.finish_unluckily(id, command, rule, Misfortune::GuestDoesNotStop);
            }
            WorkFault::Unrevertable => {
                return self.finish_unluckily(id, command, rule, Misfortune::Unrevertable);
            }
            WorkFault::ExpungeFails => {
                return self.finish_unluckily(id, command, rule, Misfortune::ExpungeFails);
            }
            // These have struck already.
            WorkFault::Delay { .. } | WorkFault::JobStuck | WorkFault::WrongNetwork { .. } => {
                return self.finish_on_host(id, command);
            }
        };
        self.faults.fired(rule);
        match work {
            Work::NotDone => self.abandon(command, id),
            Work::Done => {
                if let Err(error) = self.finish(id, command, None) {
                    self.abandon(command, id);
                    return JobOutcome::Failed(error);
                }
            }
        }
        outcome
    }
}
