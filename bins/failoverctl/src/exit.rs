//! How the program ends: exit codes and errors. `docs/failoverctl.md` documents them.

use std::process::ExitCode;

use failover_api::dto::Problem;

/// How a command that was carried out ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// What was asked for is done.
    Done,
    /// The job ended as failed.
    JobFailed,
    /// The job is completed, and leaves something that a person must see to.
    NotClean,
    /// The answer is no: not ready, or not all was taken.
    Refused,
    /// A critical check of the cloud failed.
    CheckFailed,
    /// The audit is not as it was written.
    ChainBroken,
    /// A view was ended by Ctrl-C.
    Interrupted,
}

impl End {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            End::Done => 0,
            End::JobFailed => 1,
            End::Refused => 4,
            End::CheckFailed => 5,
            End::NotClean => 6,
            End::ChainBroken => 7,
            End::Interrupted => 130,
        })
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CtlError {
    /// The command line, or a file that it names, is wrong.
    #[error("{0}")]
    Usage(String),
    /// The API cannot be reached, or what answers is not the API.
    #[error("{0}")]
    Unreachable(String),
    /// The API said no, in a problem document.
    #[error("{}", .problem.detail)]
    Problem {
        /// The document.
        problem: Box<Problem>,
        /// The document as it came.
        body: String,
    },
    /// A name that several VMs, or none, have.
    #[error("{0}")]
    Lookup(String),
    /// Standard output cannot be written to.
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl CtlError {
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            CtlError::Usage(_) => 2,
            CtlError::Unreachable(_) => 3,
            // A problem with a 5xx status is not a refusal: the server could not do its part.
            CtlError::Problem { problem, .. } if problem.status >= 500 => 1,
            CtlError::Problem { .. } | CtlError::Lookup(_) => 4,
            CtlError::Output(_) => 1,
        })
    }
}
