//! `jobs`.

use clap::{ArgGroup, Args, Subcommand};
use failover_domain::{AttentionCode, Decision, JobId, JobStatus};

use super::{Page, span};

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List jobs, newest first.
    List {
        /// Only this status; "active" stands for all that have not ended. Repeatable, or several with commas.
        #[arg(long, value_delimiter = ',', value_parser = status)]
        status: Vec<String>,
        /// Only this source VM: VMware UUID or exact name.
        #[arg(long)]
        vm: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Show one job in full.
    Show {
        /// The job.
        job: JobId,
        /// Follow the job to its end. The exit code is then 0 only for a completed job.
        #[arg(long)]
        watch: bool,
    },
    /// Show a job's journal.
    Events {
        /// The job.
        job: JobId,
        /// Only entries after this number.
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: u64,
    },
    /// Stop a job and bring the replicas back to the OMA.
    Cancel {
        /// The job.
        job: JobId,
        /// Agree that what the guest has written is discarded. Needed once the destination VM of a live failover was
        /// started.
        #[arg(long)]
        discard_guest_writes: bool,
    },
    /// Try at once what waits for its next attempt, and take up what was kept for inspection.
    Retry {
        /// The job.
        job: JobId,
    },
    /// Move the deadline of a test's window.
    #[command(group(ArgGroup::new("deadline").required(true).args(["by", "until"])))]
    Extend {
        /// The test's job.
        job: JobId,
        /// By how much, such as 30m, from the present deadline or, when that is past, from now.
        #[arg(long, value_name = "TIME", value_parser = span)]
        by: Option<String>,
        /// To which instant, such as 2026-01-31T18:00:00Z.
        #[arg(long, value_name = "INSTANT")]
        until: Option<String>,
    },
    /// Decide about an attention. `jobs show` and `attention` print the commands that fit.
    Decide {
        /// The job.
        job: JobId,
        #[command(flatten)]
        decided: Decided,
    },
    /// Make a completed live failover final: its rollback points are deleted.
    Commit {
        /// The live failover.
        job: JobId,
        /// Follow the commit to its end. The exit code is then 0 only for a completed job.
        #[arg(long)]
        watch: bool,
    },
    /// Undo a completed live failover: the destination VM is destroyed with what its guest wrote, and the replicas return to
    /// the OMA.
    Rollback {
        /// The live failover.
        job: JobId,
        /// Agree that what the guest has written since the failover is discarded.
        #[arg(long)]
        discard_guest_writes: bool,
        /// Follow the rollback to its end. The exit code is then 0 only for a completed job.
        #[arg(long)]
        watch: bool,
    },
}

/// What is decided about which attention.
#[derive(Debug, Args)]
pub(crate) struct Decided {
    /// The attention's code, such as REVERT_FAILED.
    #[arg(value_parser = attention)]
    pub(crate) attention: AttentionCode,
    /// retry, keep (for inspection) or force (give the rollback point up).
    #[arg(value_parser = decision)]
    pub(crate) decision: Decision,
    /// The object, such as "volume ID"; needed where several attentions of that code are open.
    #[arg(long)]
    pub(crate) object: Option<String>,
    /// Why, for those who read it later; needed for keep and force.
    #[arg(long, required_if_eq_any([("decision", "keep"), ("decision", "force")]))]
    pub(crate) reason: Option<String>,
}

/// A code as the API writes it, in any case.
fn attention(text: &str) -> Result<AttentionCode, String> {
    let code = text.to_ascii_uppercase().replace('-', "_");
    serde_json::from_value(serde_json::Value::String(code)).map_err(|e| e.to_string())
}

fn decision(text: &str) -> Result<Decision, String> {
    text.parse().map_err(|e: failover_domain::IdError| e.to_string())
}

/// A status or `active`, checked before it is sent.
fn status(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text == "active" {
        return Ok(text.to_owned());
    }
    match text.parse::<JobStatus>() {
        Ok(status) => Ok(status.to_string()),
        Err(error) => Err(format!("{error}, or active")),
    }
}
