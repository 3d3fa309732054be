//! What a rule concludes.

use std::time::Duration;

use ossea::OsseaError;
use serde_json::{Value, json};

/// How many problems a message spells out; the details have all of them.
const SPELLED_OUT: usize = 5;

/// What a rule concludes.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The condition holds.
    Pass { message: String, details: Value },
    /// The condition does not hold.
    Fail {
        message: String,
        details: Value,
        remedy: String,
    },
    /// The rule could not find out.
    CannotTell { why: String, remedy: String },
}

/// One thing that is wrong, and what to do about it. A rule gathers all of them.
#[derive(Debug)]
pub(crate) struct Problem {
    what: String,
    remedy: String,
}

impl Problem {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl Outcome {
    pub(crate) fn pass(message: impl Into<String>, details: Value) -> Self {
        Outcome::Pass {
            message: message.into(),
            details,
        }
    }

    pub(crate) fn fail(message: impl Into<String>, remedy: impl Into<String>, details: Value) -> Self {
        Outcome::Fail {
            message: message.into(),
            remedy: remedy.into(),
            details,
        }
    }

    /// Passes when there is no problem; otherwise tells all of them. `details` must be an object or null.
    pub(crate) fn of(problems: Vec<Problem>, message_when_passed: impl Into<String>, details: Value) -> Self {
        if problems.is_empty() {
            return Outcome::pass(message_when_passed, details);
        }
        let mut details = if details.is_null() { json!({}) } else { details };
        details["problems"] = problems.iter().map(|p| Value::from(p.what.as_str())).collect();
        let spelled: Vec<&str> = problems
            .iter()
            .take(SPELLED_OUT)
            .map(|p| p.what.as_str())
            .collect();
        let mut message = spelled.join("; ");
        if problems.len() > SPELLED_OUT {
            message = format!("{message}; and {} more problems", problems.len() - SPELLED_OUT);
        }
        let mut remedies: Vec<&str> = Vec::new();
        for problem in &problems {
            if !remedies.contains(&problem.remedy.as_str()) {
                remedies.push(&problem.remedy);
            }
        }
        Outcome::Fail {
            message,
            remedy: remedies.join(" "),
            details,
        }
    }

    pub(crate) fn overdue(deadline: Duration) -> Self {
        Outcome::CannotTell {
            why: format!("no answer within {} s", deadline.as_secs()),
            remedy: "Find out why the cloud answers so slowly (load, network, proxy), then check again."
                .to_owned(),
        }
    }
}

/// The inventory does not have the VM, so a rule over its parts has nothing to look at. `vm_existence` tells
/// the remedy at length.
pub(crate) fn unknown_vm() -> Outcome {
    Outcome::CannotTell {
        why: "the source VM is not in the inventory".to_owned(),
        remedy: "Import the VM into the inventory, or let the migration tool report it.".to_owned(),
    }
}

impl From<OsseaError> for Outcome {
    fn from(error: OsseaError) -> Self {
        Outcome::CannotTell {
            why: error.to_string(),
            remedy: remedy_of(&error).to_owned(),
        }
    }
}

/// What a person does about a cloud that fails us.
pub(crate) fn remedy_of(error: &OsseaError) -> &'static str {
    match error {
        OsseaError::Unreachable(_) => {
            "Check the cloud's URL in the configuration, and name resolution, routes, firewalls and TLS \
             certificates between this host and the management server."
        }
        OsseaError::Throttled { .. } => {
            "Wait and check again; raise the account's API limit (api.throttling.max) if it happens often."
        }
        OsseaError::Busy(_) => {
            "Wait until the management server takes work again (maintenance or shutdown), then check again."
        }
        OsseaError::Unauthorized(_) => {
            "Check API key and secret key, that the user is enabled, this host's clock, and that the user's role \
             allows the command named in the message."
        }
        OsseaError::Malformed(_) => {
            "Check that the configured URL is CloudStack's API endpoint (usually ending in /client/api) and not a \
             web page or a proxy's error page."
        }
        OsseaError::Refused(_) => "Mend what the cloud says, then check again.",
        OsseaError::NotFound(_) => {
            "Check the ids in the configuration and in the inventory against the cloud."
        }
        OsseaError::OutcomeUnknown(_) => "Check again.",
    }
}
