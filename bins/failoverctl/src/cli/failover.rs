//! `plan` and `failover`.

use clap::{Args, Subcommand, ValueEnum};
use failover_api::dto::engine::OnBootFailure;
use failover_api::dto::{CommitPolicyView, Grade};
use failover_domain::{JobId, StrategyRequest};

use super::{mapping, span};

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// The plan of a live failover.
    Live(LiveArgs),
    /// The plan of a test failover.
    Test(TestArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum FailoverCommand {
    /// A permanent switch to the cloud.
    Live {
        #[command(flatten)]
        live: LiveArgs,
        #[command(flatten)]
        run: RunArgs,
    },
    /// A limited run on networks that are isolated from production, undone afterwards.
    Test {
        #[command(flatten)]
        test: TestArgs,
        #[command(flatten)]
        run: RunArgs,
    },
    /// End a test now: its VM is stopped, its writes are undone, and the replicas return to the OMA.
    End {
        /// The test's job.
        job: JobId,
    },
}

/// What is done with a failover that could start.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Show what would be done and change nothing, as `plan` does.
    #[arg(long, conflicts_with = "watch")]
    pub(crate) dry_run: bool,
    /// Follow the job to its end. The exit code is then 0 only for a completed job.
    #[arg(long)]
    pub(crate) watch: bool,
}

/// What every failover is asked for.
#[derive(Debug, Args)]
pub(crate) struct WishArgs {
    /// VMware UUID or exact name.
    pub(crate) vm: String,
    /// Map a source network to a cloud network (id or exact name) for this job alone. In a test only networks that are
    /// marked as test networks are taken.
    #[arg(long, visible_alias = "network", value_name = "SRC=NET", value_parser = mapping)]
    pub(crate) map: Vec<(String, String)>,
    /// Pass over any number of failed warnings; without this the score must be 80 or more. Critical checks protect data and
    /// always count.
    #[arg(long)]
    pub(crate) skip_validation: bool,
    /// What proves a boot, beyond the state Running: address, ping, tcp:PORT. Repeatable.
    #[arg(long, value_name = "GRADE")]
    pub(crate) boot_grade: Vec<Grade>,
    /// Within which time the boot must be proved, such as 5m.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) boot_within: Option<String>,
    /// What happens otherwise: undo everything, or leave the VM running for a person to look at.
    #[arg(long, value_enum, default_value_t = BootFailure::Rollback)]
    pub(crate) on_boot_failure: BootFailure,
}

/// What a live failover is asked for.
#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    #[command(flatten)]
    pub(crate) wishes: WishArgs,
    /// What becomes of it once it is completed, when nobody says anything: manual keeps the rollback points until somebody
    /// commits it or rolls it back; commit-after=TIME and rollback-after=TIME do that by themselves (1m to 90days).
    #[arg(long, value_name = "POLICY", default_value = "manual", value_parser = commit_policy)]
    pub(crate) commit_policy: CommitPolicyView,
}

/// What a test failover is asked for.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(crate) wishes: WishArgs,
    /// How long the test window is open, such as 30m or 1h30m (10s to 30days); one hour when left out.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) duration: Option<String>,
    /// Keep the test running when its window is over, until somebody ends it. Otherwise it is cleaned up then.
    #[arg(long)]
    pub(crate) keep: bool,
    /// How the rollback point is made: auto, vm_snapshot or volume_snapshots.
    #[arg(long, value_name = "STRATEGY", default_value = "auto", value_parser = strategy)]
    pub(crate) strategy: StrategyRequest,
}

/// What happens when the boot cannot be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BootFailure {
    /// Undo everything.
    Rollback,
    /// Leave the VM running.
    Hold,
}

impl From<BootFailure> for OnBootFailure {
    fn from(choice: BootFailure) -> Self {
        match choice {
            BootFailure::Rollback => OnBootFailure::Rollback,
            BootFailure::Hold => OnBootFailure::Hold,
        }
    }
}

fn strategy(text: &str) -> Result<StrategyRequest, String> {
    let text = text.replace('-', "_");
    text.parse().map_err(|e: failover_domain::IdError| e.to_string())
}

fn commit_policy(text: &str) -> Result<CommitPolicyView, String> {
    let allowed = "allowed are manual, commit-after=TIME and rollback-after=TIME with a time such as 2h";
    match text.split_once('=') {
        None if text == "manual" => Ok(CommitPolicyView::Manual {}),
        Some(("commit-after", after)) => Ok(CommitPolicyView::CommitAfter { after: span(after)? }),
        Some(("rollback-after", after)) => Ok(CommitPolicyView::RollbackAfter { after: span(after)? }),
        None | Some(_) => Err(allowed.to_owned()),
    }
}
