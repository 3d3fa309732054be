//! `token` and `audit`.

use clap::{Args, Subcommand};
use failover_access::{AuditHead, Role, TokenName};

use super::span;

/// `token`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token. Its secret is shown once and kept nowhere.
    Create {
        /// The name, by which jobs and the audit know whoever uses it.
        name: TokenName,
        /// What its bearer may do: viewer, operator or admin.
        #[arg(long)]
        role: Role,
        /// After which time it is worth nothing, such as 90days. It never expires when left out.
        #[arg(long, value_name = "TIME", value_parser = span)]
        expires_in: Option<String>,
        /// Only for this source VM: VMware UUID or exact name. Repeatable.
        #[arg(long)]
        vm: Vec<String>,
    },
    /// List all tokens, revoked and expired ones too.
    List,
    /// Make a token worthless at once and for good.
    Revoke {
        /// Its id, or the name of one that is not revoked.
        token: String,
    },
}

/// `audit`, with or without a command.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    #[command(flatten)]
    pub(crate) list: AuditListArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List rows, the newest first. The same as without a command.
    List(AuditListArgs),
    /// Print rows as JSON, one a line, the oldest first.
    Export(AuditFilterArgs),
    /// Check that no row was changed, removed, added or exchanged. Exit code 7 where one was.
    Verify {
        /// The end that an earlier check printed: it must still be there.
        #[arg(long, value_name = "SEQ:HASH", value_parser = head)]
        head: Option<AuditHead>,
    },
}

/// Which rows are listed.
#[derive(Debug, Args)]
pub(crate) struct AuditListArgs {
    #[command(flatten)]
    pub(crate) filter: AuditFilterArgs,
    /// At most so many rows.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
    /// Go on after the list that ended with this cursor.
    #[arg(long)]
    pub(crate) cursor: Option<u64>,
}

/// Which rows are wanted.
#[derive(Debug, Args)]
pub(crate) struct AuditFilterArgs {
    /// Only what is about this source VM: VMware UUID or exact name.
    #[arg(long)]
    pub(crate) vm: Option<String>,
    /// Only what this token's bearer did.
    #[arg(long, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    /// Only what was done so, such as start_live.
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only from this instant on, such as 2026-01-31T18:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) since: Option<String>,
    /// Only before this instant.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) until: Option<String>,
}

fn instant(text: &str) -> Result<String, String> {
    match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "{error}; allowed is an instant such as 2026-01-31T18:00:00Z"
        )),
    }
}

fn head(text: &str) -> Result<AuditHead, String> {
    let head = text.split_once(':').and_then(|(seq, hash)| {
        let (seq, hash) = (seq.parse().ok()?, hash.to_owned());
        (hash.len() == 64).then_some(AuditHead { seq, hash })
    });
    head.ok_or_else(|| "an end has the form SEQ:HASH, as audit verify prints it".to_owned())
}
