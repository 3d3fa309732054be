//! What travels through the stack.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use failover_domain::RequestKey;
use serde_json::{Map, Value};

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
            parameters,
        })
    }

    /// A call that may change the cloud.
    pub(crate) fn change(command: &'static str, key: RequestKey, parameters: Parameters) -> Arc<Self> {
        Arc::new(Self {
            command,
            effect: Effect::Change,
            key: Some(key),
            parameters,
        })
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
