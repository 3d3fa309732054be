//! What a caller of the HTTP client would see of a reply, whatever happens to it on the way.

use std::time::Duration;

use ossea::OsseaError;

use super::convert;
use crate::cloud::error::ApiError;
use crate::cloud::{Damage, Delivery, Reply};
use crate::faults::Garbage;

/// What a caller may conclude from an answer that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Nothing can have changed.
    Read,
    /// The cloud may have changed.
    Change,
}

impl Call {
    /// No answer came.
    fn unanswered(self, why: String) -> OsseaError {
        match self {
            Call::Read => OsseaError::Unreachable(why),
            Call::Change => OsseaError::OutcomeUnknown(why),
        }
    }

    /// What came is no answer.
    fn unreadable(self, why: String) -> OsseaError {
        match self {
            Call::Read => OsseaError::Malformed(why),
            Call::Change => OsseaError::OutcomeUnknown(why),
        }
    }
}

/// What the caller sees, and after which time, if it waits no longer than until `deadline`.
pub(super) fn seen<T>(
    command: &str,
    call: Call,
    reply: Reply<T>,
    deadline: Duration,
) -> (Duration, Result<T, OsseaError>) {
    let (after, seen) = arrived(command, call, reply);
    match after {
        Some(after) if after < deadline => (after, seen),
        Some(_) | None => (deadline, Err(call.unanswered("no answer in time".to_owned()))),
    }
}

/// What arrives in the end, if ever, for a caller of endless patience.
fn arrived<T>(command: &str, call: Call, reply: Reply<T>) -> (Option<Duration>, Result<T, OsseaError>) {
    let after = Some(reply.after);
    let broke = || call.unanswered(format!("the connection broke during {command}"));
    match reply.delivery {
        Delivery::Answer(answer) => (after, answer.map_err(convert::error)),
        Delivery::Damaged(answer, Damage::Dribbled(over)) => {
            (Some(reply.after + over), answer.map_err(convert::error))
        }
        Delivery::Damaged(_, Damage::Cut) => (after, Err(broke())),
        Delivery::Damaged(answer, Damage::Short) => (after, Err(half_read(command, call, answer))),
        Delivery::Damaged(_, Damage::Stalled) => (None, Err(broke())),
        Delivery::Garbage(body) => (after, Err(call.unreadable(garbage(command, body)))),
        Delivery::Nothing => (after, Err(broke())),
    }
}

/// The status alone tells that these were refused before anything was done; half a body tells nothing.
fn half_read<T>(command: &str, call: Call, answer: Result<T, ApiError>) -> OsseaError {
    let text = "not in CloudStack's form, perhaps from a proxy";
    match answer.map_err(|error| error.code) {
        Err(code @ (401 | 429 | 503)) => convert::error(ApiError::of_command(code, text)),
        Ok(_) | Err(_) => call.unreadable(format!("{command} was answered with half of an answer")),
    }
}

fn garbage(command: &str, body: Garbage) -> String {
    let body = match body {
        Garbage::Html => "HTML",
        Garbage::CutJson => "JSON that is cut",
        Garbage::Empty => "nothing",
        Garbage::Binary => "neither JSON nor HTML",
        Garbage::Huge => "more than is read",
        Garbage::WrongEnvelope => "the envelope of another command",
    };
    format!("{command} was answered with {body}")
}
