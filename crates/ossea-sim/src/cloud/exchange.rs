//! One request and its reply, between the caller and the cloud: where faults of the way strike.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Cloud;
use super::command::{Accepted, ApiCommand};
use super::error::ApiError;
use super::log::CallRecord;
use crate::faults::{CallKind, FaultEffect, Garbage, RestartMoment, RuleId, WayFault, Work, WorkFault};

/// What the caller gets to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply<T> {
    /// How long the cloud takes to answer.
    pub after: Duration,
    /// What arrives then.
    pub delivery: Delivery<T>,
}

/// What arrives at the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery<T> {
    /// An answer of CloudStack.
    Answer(Result<T, ApiError>),
    /// The same, damaged on its way.
    Damaged(Result<T, ApiError>, Damage),
    /// Something that is no answer of CloudStack.
    Garbage(Garbage),
    /// Nothing: the connection breaks.
    Nothing,
}

/// What happens to an answer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It comes in small pieces over this time, whole.
    Dribbled(Duration),
    /// The connection breaks after its first half.
    Cut,
    /// Its first half comes as if it were the whole.
    Short,
    /// Nothing more comes after its first half.
    Stalled,
}

impl<T> Reply<T> {
    fn damaged(self, damage: Damage) -> Self {
        let delivery = match self.delivery {
            Delivery::Answer(answer) => Delivery::Damaged(answer, damage),
            Delivery::Damaged(..) | Delivery::Garbage(_) | Delivery::Nothing => self.delivery,
        };
        Self { delivery, ..self }
    }

    fn at_once(delivery: Delivery<T>) -> Self {
        Self {
            after: Duration::ZERO,
            delivery,
        }
    }
}

impl Cloud {
    /// A command arrives (unless a fault loses it). `key` is the client's `customjobid`.
    pub fn submit(&mut self, now: DateTime<Utc>, key: Option<&str>, command: ApiCommand) -> Reply<Accepted> {
        self.submit_with(now, key, command, None)
    }

    /// A command arrives that may bring its fault along.
    pub fn submit_with(
        &mut self,
        now: DateTime<Utc>,
        key: Option<&str>,
        command: ApiCommand,
        fault: Option<FaultEffect>,
    ) -> Reply<Accepted> {
        self.advance(now);
        if let Err(error) = self.count_call() {
            return self.refuse(key, &command, error);
        }
        let objects = self.objects_of(&command);
        match self.fault_of(command.api_name(), call_kind(&command), &objects, fault) {
            None => self.process(key, command, None),
            Some((rule, FaultEffect::Work(fault))) => self.process(key, command, Some((rule, fault))),
            Some((rule, FaultEffect::Way(fault))) => {
                self.faults.fired(rule);
                self.submit_on_a_bad_way(key, command, fault)
            }
        }
    }

    fn submit_on_a_bad_way(
        &mut self,
        key: Option<&str>,
        command: ApiCommand,
        fault: WayFault,
    ) -> Reply<Accepted> {
        match fault {
            WayFault::Refuse { code, text } => self.refuse(key, &command, ApiError::of_command(code, text)),
            WayFault::Throttled { retry_after_ms } => {
                self.refuse(key, &command, ApiError::throttled(retry_after_ms))
            }
            WayFault::Busy => {
                let error = self.no_new_jobs(&command);
                self.refuse(key, &command, error)
            }
            WayFault::LostRequest => Reply::at_once(Delivery::Nothing),
            WayFault::LostReply => Reply {
                delivery: Delivery::Nothing,
                ..self.process(key, command, None)
            },
            WayFault::Garbage {
                work: Work::NotDone,
                body,
            } => Reply::at_once(Delivery::Garbage(body)),
            WayFault::Garbage {
                work: Work::Done,
                body,
            } => Reply {
                delivery: Delivery::Garbage(body),
                ..self.process(key, command, None)
            },
            WayFault::DribbledAnswer { seconds } => {
                let over = Duration::from_secs(u64::from(seconds));
                self.process(key, command, None).damaged(Damage::Dribbled(over))
            }
            WayFault::CutAnswer => self.process(key, command, None).damaged(Damage::Cut),
            WayFault::ShortAnswer => self.process(key, command, None).damaged(Damage::Short),
            WayFault::StalledAnswer => self.process(key, command, None).damaged(Damage::Stalled),
            WayFault::Restart { when, work } => {
                match when {
                    RestartMoment::Before => {}
                    RestartMoment::After => drop(self.process(key, command, None)),
                }
                self.restart(self.time, work);
                Reply::at_once(Delivery::Nothing)
            }
            WayFault::SlowAnswer { seconds } => {
                let reply = self.process(key, command, None);
                Reply {
                    after: reply.after + Duration::from_secs(u64::from(seconds)),
                    ..reply
                }
            }
        }
    }

    /// A read arrives. `objects` are the ids and names that it asks for.
    pub fn read<T>(
        &mut self,
        now: DateTime<Utc>,
        command: &str,
        objects: &[String],
        look: impl FnOnce(&Cloud) -> Result<T, ApiError>,
    ) -> Reply<T> {
        self.read_with(now, command, objects, None, look)
    }

    /// A read arrives that may bring its fault along.
    pub fn read_with<T>(
        &mut self,
        now: DateTime<Utc>,
        command: &str,
        objects: &[String],
        fault: Option<FaultEffect>,
        look: impl FnOnce(&Cloud) -> Result<T, ApiError>,
    ) -> Reply<T> {
        self.advance(now);
        let refused = |error| Reply::at_once(Delivery::Answer(Err(error)));
        if let Err(error) = self.count_call() {
            return refused(error);
        }
        let Some((rule, FaultEffect::Way(fault))) = self.fault_of(command, CallKind::Read, objects, fault)
        else {
            return Reply::at_once(Delivery::Answer(look(self)));
        };
        self.faults.fired(rule);
        match fault {
            WayFault::Refuse { code, text } => refused(ApiError::of_command(code, text)),
            WayFault::Throttled { retry_after_ms } => refused(ApiError::throttled(retry_after_ms)),
            WayFault::Busy => refused(ApiError::busy()),
            WayFault::LostRequest | WayFault::LostReply => Reply::at_once(Delivery::Nothing),
            WayFault::Garbage {
                work: Work::Done | Work::NotDone,
                body,
            } => Reply::at_once(Delivery::Garbage(body)),
            WayFault::SlowAnswer { seconds } => Reply {
                after: Duration::from_secs(u64::from(seconds)),
                delivery: Delivery::Answer(look(self)),
            },
            WayFault::DribbledAnswer { seconds } => {
                let over = Duration::from_secs(u64::from(seconds));
                Reply::at_once(Delivery::Damaged(look(self), Damage::Dribbled(over)))
            }
            WayFault::CutAnswer => Reply::at_once(Delivery::Damaged(look(self), Damage::Cut)),
            WayFault::ShortAnswer => Reply::at_once(Delivery::Damaged(look(self), Damage::Short)),
            WayFault::StalledAnswer => Reply::at_once(Delivery::Damaged(look(self), Damage::Stalled)),
            WayFault::Restart {
                when: RestartMoment::Before | RestartMoment::After,
                work,
            } => {
                self.restart(self.time, work);
                Reply::at_once(Delivery::Nothing)
            }
        }
    }

    /// What is to go wrong with a call: what it brings along, or else what a rule says. Rules count it in any case.
    fn fault_of(
        &mut self,
        command: &str,
        call: CallKind,
        objects: &[String],
        of_the_request: Option<FaultEffect>,
    ) -> Option<(RuleId, FaultEffect)> {
        let of_a_rule = self.faults.arrive(command, call, objects);
        let of_the_request = of_the_request
            .filter(|effect| effect.concerns(call))
            .map(|effect| (RuleId::OF_THE_REQUEST, effect));
        of_the_request.or(of_a_rule)
    }

    /// Processes a command that has arrived, and records the call.
    fn process(
        &mut self,
        key: Option<&str>,
        command: ApiCommand,
        fault: Option<(RuleId, WorkFault)>,
    ) -> Reply<Accepted> {
        if let Err(error) = self.check_maintenance(&command) {
            return self.refuse(key, &command, error);
        }
        let after = self.reply_time(&command, fault.as_ref());
        let record = self.record_of(key, &command);
        let place = self.log.record_call(self.time, record);
        let answer = self
            .accept(key, command, fault)
            .map_err(|e| e.read_by(self.settings.role));
        if let Err(error) = &answer {
            self.log.refused(place, error.code);
        }
        // Work that takes no time is over before the answer leaves.
        self.advance(self.time);
        Reply {
            after,
            delivery: Delivery::Answer(answer),
        }
    }

    fn refuse(&mut self, key: Option<&str>, command: &ApiCommand, error: ApiError) -> Reply<Accepted> {
        let record = CallRecord {
            refused: Some(error.code),
            ..self.record_of(key, command)
        };
        self.log.record_call(self.time, record);
        Reply::at_once(Delivery::Answer(Err(error)))
    }

    fn record_of(&self, key: Option<&str>, command: &ApiCommand) -> CallRecord {
        CallRecord {
            command: command.api_name().to_owned(),
            key: key.map(str::to_owned),
            objects: self.objects_of(command),
            refused: None,
        }
    }

    /// How long the answer takes: only a command without a job works before it answers.
    fn reply_time(&self, command: &ApiCommand, fault: Option<&(RuleId, WorkFault)>) -> Duration {
        let Some(command) = command.at_once() else {
            return Duration::ZERO;
        };
        let work = self.settings.time(self.seconds_at_once(command));
        let longer = match fault {
            Some((_, WorkFault::Delay { seconds })) => Duration::from_secs(u64::from(*seconds)),
            Some(_) | None => Duration::ZERO,
        };
        work.to_std().unwrap_or_default() + longer
    }
}

fn call_kind(command: &ApiCommand) -> CallKind {
    match command.at_once() {
        Some(_) => CallKind::WithoutJob,
        None => CallKind::WithJob,
    }
}
