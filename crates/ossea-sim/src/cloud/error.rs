//! The cloud's errors: code, text, and who may read the text.

use serde::{Deserialize, Serialize};

use crate::settings::Role;

/// Where an error was raised; it decides whether plain users see its text on the synchronous path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// By the command itself: everybody reads the text.
    Command,
    /// By a service underneath: only root admins read the text of codes 530, 533 and 534.
    Service,
}

/// An error as CloudStack answers it, in an HTTP answer or as the result of a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{text} ({code})")]
pub struct ApiError {
    /// The HTTP status and `errorcode`.
    pub code: u32,
    /// The `cserrorcode`, absent in a plain 401.
    pub cs_code: Option<u32>,
    /// The text.
    pub text: String,
    /// How long to wait, for 429 only.
    pub retry_after_ms: Option<u64>,
    pub(crate) origin: Origin,
}

/// What users read instead of the text of a masked error.
const MASKED: &str = "Internal error executing command, please contact your system administrator";

impl ApiError {
    fn new(code: u32, cs_code: u32, origin: Origin, text: impl Into<String>) -> Self {
        Self {
            code,
            cs_code: Some(cs_code),
            text: text.into(),
            retry_after_ms: None,
            origin,
        }
    }

    /// 431 of a service: a precondition is not met.
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(431, 4350, Origin::Service, text)
    }

    /// 530 of a service.
    pub(crate) fn runtime(text: impl Into<String>) -> Self {
        Self::new(530, 4250, Origin::Service, text)
    }

    /// 535: the account has too much of something.
    pub(crate) fn over_limit(text: impl Into<String>) -> Self {
        Self::new(535, 4370, Origin::Command, text)
    }

    /// An error that a command raises itself, or a fault rule dictates.
    pub(crate) fn of_command(code: u32, text: impl Into<String>) -> Self {
        Self::new(code, 9999, Origin::Command, text)
    }

    /// 531: the caller's account may not do this. In a job it would be a 530.
    pub(crate) fn denied(text: impl Into<String>) -> Self {
        Self::new(531, 4365, Origin::Service, text)
    }

    /// 431: a parameter names an object that never was.
    pub(crate) fn unknown_entity(command: &str, parameter: &str, value: &str) -> Self {
        Self::of_command(
            431,
            format!(
                "Unable to execute API command {} due to invalid value. Invalid parameter {parameter} \
                 value={value} due to incorrect long value format, or entity does not exist or due to \
                 incorrect parameter annotation for the field in api cmd class.",
                command.to_lowercase()
            ),
        )
    }

    /// 431: a parameter is missing.
    pub(crate) fn missing(command: &str, parameter: &str) -> Self {
        Self::of_command(
            431,
            format!(
                "Unable to execute API command {} due to missing parameter {parameter}",
                command.to_lowercase()
            ),
        )
    }

    /// 429: too many requests.
    pub(crate) fn throttled(retry_after_ms: u64) -> Self {
        let text = format!(
            "The given user has reached his/her account api limit, please retry after {retry_after_ms} ms."
        );
        Self {
            retry_after_ms: Some(retry_after_ms),
            ..Self::new(429, 4545, Origin::Command, text)
        }
    }

    /// 503: the management server takes no new jobs.
    pub(crate) fn busy() -> Self {
        Self::of_command(
            503,
            "Maintenance or shutdown has been initiated on this management server. Can not accept new jobs",
        )
    }

    /// 533: no host has room.
    pub(crate) fn no_capacity() -> Self {
        let text = "Unable to create a deployment, no destination found";
        Self {
            cs_code: Some(4325),
            ..Self::of_command(533, text)
        }
    }

    /// 535: a limit of the account.
    pub(crate) fn limit_reached() -> Self {
        let text = "Maximum number of resources of the account exceeded";
        Self {
            cs_code: Some(4370),
            ..Self::of_command(535, text)
        }
    }

    /// 401: credentials, signature, expiry, or a command that does not exist.
    #[cfg(feature = "http")]
    pub(crate) fn unauthorized() -> Self {
        let text = "unable to verify user credentials and/or request signature";
        Self {
            cs_code: None,
            ..Self::new(401, 9999, Origin::Command, text)
        }
    }

    /// 401: the caller's role does not have the command.
    pub(crate) fn forbidden(command: &str) -> Self {
        Self::of_command(
            401,
            format!("The given command '{command}' either does not exist, is not available for user."),
        )
    }

    /// The error as a caller of `role` reads it in a synchronous answer.
    pub(crate) fn read_by(self, role: Role) -> Self {
        match (role, self.origin, self.code) {
            (Role::User, Origin::Service, 530 | 533 | 534) => Self {
                text: MASKED.to_owned(),
                ..self
            },
            (Role::User | Role::RootAdmin, Origin::Service | Origin::Command, _) => self,
        }
    }
}
