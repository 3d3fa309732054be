//! What travels through the stack.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use failover_domain::RequestKey;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::line::Claim;
use crate::command::Repetition;
use crate::urgency::Priority;

/// Whether a call can change anything. It decides the HTTP method and what a lost reply means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing changes: the call may be repeated.
    Read,
    /// The cloud may change: a lost reply is an unknown outcome.
    Change,
}

/// Named values in the order in which they are written.
pub(crate) type Parameters = Vec<(String, String)>;

/// One call, before it is signed. Shared, because every layer that may send again keeps it.
#[derive(Debug)]
pub(crate) struct Call {
    /// The command as CloudStack spells it.
    pub(crate) command: &'static str,
    /// What the call can do.
    pub(crate) effect: Effect,
    /// The key of a change.
    pub(crate) key: Option<RequestKey>,
    /// What a change does when it is executed twice.
    pub(crate) repetition: Repetition,
    /// Everything but `command`, `response` and what the signature adds.
    pub(crate) parameters: Parameters,
}

impl Call {
    /// A call that changes nothing.
    pub(crate) fn read(command: &'static str, parameters: Parameters) -> Arc<Self> {
        debug_assert!(command.starts_with("list") || command.starts_with("query"));
        Arc::new(Self {
            command,
            effect: Effect::Read,
            key: None,
            repetition: Repetition::Harmless,
            parameters,
        })
    }

    /// A call that may change the cloud.
    pub(crate) fn change(
        command: &'static str,
        key: RequestKey,
        repetition: Repetition,
        parameters: Parameters,
    ) -> Arc<Self> {
        Arc::new(Self {
            command,
            effect: Effect::Change,
            key: Some(key),
            repetition,
            parameters,
        })
    }
}

/// A call that somebody has made. All its sendings share what is said here.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// What is asked.
    pub(crate) call: Arc<Call>,
    /// How urgently.
    pub(crate) priority: Priority,
    /// When, by our clock. The validity of a change begins here, however often and late it is sent.
    pub(crate) at: DateTime<Utc>,
    /// It is not sent after this.
    pub(crate) give_up: Instant,
}

impl Asked {
    /// What decides about its turn.
    pub(crate) fn claim(&self) -> Claim {
        Claim {
            priority: self.priority,
            effect: self.call.effect,
        }
    }
}

/// A named value.
pub(crate) fn parameter(name: impl Into<String>, value: impl ToString) -> (String, String) {
    (name.into(), value.to_string())
}

/// A call with its signature, in the form encoding that serves as query and as body.
#[derive(Debug)]
pub(crate) struct SignedRequest {
    pub(crate) effect: Effect,
    pub(crate) form: String,
}

/// An HTTP answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The cloud's clock.
    pub(crate) date: Option<DateTime<Utc>>,
    /// The `Retry-After` header, where it gives seconds.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no whole [`Reply`]. What it means depends on the call's [`Effect`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection came about, so the request was not sent.
    #[error("{0}")]
    NotSent(String),
    /// The time in which the request would have been valid had passed before it was sent.
    #[error("not sent: it was called for more than {0:?} ago")]
    TooLate(Duration),
    /// The connection broke after the request may have been sent.
    #[error("the connection broke before the answer was complete: {0}")]
    Lost(String),
    /// The answer is longer than any answer should be.
    #[error("the answer is longer than {limit_bytes} bytes")]
    TooLong {
        /// Where reading stopped.
        limit_bytes: usize,
    },
}

/// The content of a successful answer's envelope.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Map<String, Value>);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const KEY: &str = "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10";

    /// A change of a kind that may be repeated, with a minute to be sent in.
    pub(crate) fn asked(priority: Priority) -> Asked {
        asking(
            Call::change(
                "detachVolume",
                KEY.parse().unwrap(),
                Repetition::Refused,
                Vec::new(),
            ),
            priority,
        )
    }

    /// A call with a minute to be sent in.
    pub(crate) fn asking(call: Arc<Call>, priority: Priority) -> Asked {
        Asked {
            call,
            priority,
            at: DateTime::UNIX_EPOCH,
            give_up: Instant::now() + Duration::from_secs(60),
        }
    }
}
