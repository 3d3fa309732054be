//! What can be typed.

mod access;
mod failover;
mod jobs;
mod ossea;
mod readiness;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use failover_config::CommonArgs;
use failover_domain::{FailoverType, Purpose, VolumeId};

pub(crate) use access::{AuditArgs, AuditCommand, AuditFilterArgs, AuditListArgs, TokenCommand};
pub(crate) use failover::{FailoverCommand, LiveArgs, PlanCommand, RunArgs, TestArgs, WishArgs};
pub(crate) use jobs::{Decided, JobsCommand};
pub(crate) use ossea::{OsseaCommand, ZoneArgs};
pub(crate) use readiness::ReadinessArgs;

/// Shown at the end of `--help`; `docs/failoverctl.md` says the same at length.
const EXIT_CODES: &str = "\
Exit codes:
    0  what was asked for is done
    1  the operation failed: the job ended as failed, or the server could not do its part
    2  the command line is wrong
    3  the API cannot be reached, or what answers is not the API
    4  refused: not ready, in conflict with an active job, not found, not allowed
    5  ossea check: a critical check failed
    6  the job that was followed is completed, and leaves something that a person must see to
    7  audit verify: the audit was changed
   78  the configuration is wrong
  130  a view was ended by Ctrl-C; the job goes on

VM is a VMware UUID or the exact name of a source VM.";

/// Moves VMware VMs into an Apache CloudStack cloud: the command line of the failover API.
#[derive(Debug, Parser)]
#[command(name = "failoverctl", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Address of the API, without /api/v1. Overrides client.url of the configuration.
    #[arg(long, value_name = "URL", env = "FAILOVERCTL_API", global = true)]
    pub(crate) api: Option<String>,
    /// File with the bearer token. Overrides client.token_file of the configuration.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// Tables for people, or the API's JSON as it is for programs.
    #[arg(long, short, value_enum, default_value_t = Output::Table, global = true)]
    pub(crate) output: Output,
    /// No colours. NO_COLOR in the environment does the same.
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// How answers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// The API's body as it is.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The source VMs that are known.
    #[command(subcommand)]
    Inventory(InventoryCommand),
    /// Whether a VM, or all of them, may be failed over now, and what is missing. Exit code 4 when one is not ready.
    Readiness(ReadinessArgs),
    /// What a failover would do, step by step. Changes nothing.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Start a failover, or end a test.
    #[command(subcommand)]
    Failover(FailoverCommand),
    /// Failovers, running and past.
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// What people are needed for, over all jobs, the newest first.
    Attention {
        /// Only attentions that are so urgent.
        #[arg(long, value_enum)]
        severity: Option<SeverityArg>,
        #[command(flatten)]
        page: Page,
    },
    /// Replicas that need a full synchronisation because their rollback point was given up.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Who changed what, and why, the newest first. For admins.
    Audit(AuditArgs),
    /// Tokens: who may use the API. For admins.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Which cloud network a network of a source VM becomes.
    #[command(subcommand)]
    Mappings(MappingsCommand),
    /// The networks of the configured zone of the cloud.
    Networks,
    /// The cloud itself: whether it can be used, what it is like, and what can be configured.
    #[command(subcommand)]
    Ossea(OsseaCommand),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum InventoryCommand {
    /// Take source VMs from a JSON file ("-" reads standard input).
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Print all source VMs as a JSON file that import takes again.
    Export,
    /// List the source VMs.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Show one source VM.
    Show {
        /// VMware UUID or exact name.
        vm: String,
    },
}

/// Which part of a long list.
#[derive(Debug, Args)]
pub(crate) struct Page {
    /// At most so many entries.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
    /// Go on after the list that ended with this cursor.
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MappingsCommand {
    /// List a VM's mappings, and its networks without one; or the mappings of all VMs.
    List {
        /// VMware UUID or exact name.
        #[arg(required_unless_present = "all")]
        vm: Option<String>,
        /// The mappings of all VMs.
        #[arg(long, conflicts_with = "vm")]
        all: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Take over the mappings of another VM for networks of the same name.
    Copy {
        /// VMware UUID or exact name of the VM that gets them.
        vm: String,
        /// VMware UUID or exact name of the VM that has them.
        #[arg(long, value_name = "VM")]
        from: String,
        /// Only those for production, or only those for test.
        #[arg(long, value_parser = purpose)]
        purpose: Option<Purpose>,
    },
    /// Show cloud networks that a VM's networks might become, and why. Stores nothing.
    Suggest {
        /// VMware UUID or exact name.
        vm: String,
        /// What the mapping is for: production or test.
        #[arg(long, default_value = "production", value_parser = purpose)]
        purpose: Purpose,
    },
    /// Store the mappings of many VMs from a JSON file ("-" reads standard input): all of them or none.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Add mappings, or replace those of the same source networks.
    Set {
        /// VMware UUID or exact name.
        vm: String,
        /// Source network and cloud network (id or exact name).
        #[arg(required = true, value_name = "SRC=NET", value_parser = mapping)]
        map: Vec<(String, String)>,
        /// What the mapping is for: production or test.
        #[arg(long, default_value = "production", value_parser = purpose)]
        purpose: Purpose,
    },
    /// Remove a mapping.
    Delete {
        /// VMware UUID or exact name.
        vm: String,
        /// The source network.
        source_network: String,
        /// What the mapping is for: production or test.
        #[arg(long, default_value = "production", value_parser = purpose)]
        purpose: Purpose,
    },
}

/// `quarantine`.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List the replicas of a VM that need a full synchronisation before they may be used.
    List {
        /// VMware UUID or exact name.
        vm: String,
    },
    /// Take the mark off a replica whose content is known to be good. Audited.
    Clear {
        /// VMware UUID or exact name.
        vm: String,
        /// The replica's volume id.
        volume: VolumeId,
        /// Why its content is known to be good, for those who read it later.
        #[arg(long)]
        reason: String,
    },
}

/// How urgent an attention is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeverityArg {
    /// Somebody should look; no data is at risk.
    Warning,
    /// The job cannot go on without a person.
    Error,
    /// A replica is not where it should rest.
    Critical,
}

impl SeverityArg {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            SeverityArg::Warning => "warning",
            SeverityArg::Error => "error",
            SeverityArg::Critical => "critical",
        }
    }
}

fn failover_type(text: &str) -> Result<FailoverType, String> {
    text.parse().map_err(|e: failover_domain::IdError| e.to_string())
}

fn purpose(text: &str) -> Result<Purpose, String> {
    text.parse().map_err(|e: failover_domain::IdError| e.to_string())
}

/// `SRC=NET`, cut at the last `=`: names of VMware networks contain one more often than those of clouds.
fn mapping(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((source, network)) if !source.is_empty() && !network.is_empty() => {
            Ok((source.to_owned(), network.to_owned()))
        }
        Some(_) | None => Err("a mapping has the form SRC=NET, such as \"VM Network=production\"".to_owned()),
    }
}

/// A time in the API's notation, checked before it is sent.
fn span(text: &str) -> Result<String, String> {
    match humantime::parse_duration(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; allowed is a time such as 90s, 5m or 1h 30m")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use failover_api::dto::CommitPolicyView;
    use failover_domain::StrategyRequest;

    use super::failover::BootFailure;
    use super::*;
    use crate::fixture::JOB;

    fn parse(line: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"failoverctl").chain(line))
    }

    fn live(line: &[&str]) -> LiveArgs {
        let command = parse(line).unwrap().command.unwrap();
        let (Command::Failover(FailoverCommand::Live { live, .. }) | Command::Plan(PlanCommand::Live(live))) =
            command
        else {
            panic!("{command:?}")
        };
        live
    }

    fn test(line: &[&str]) -> TestArgs {
        let command = parse(line).unwrap().command.unwrap();
        let (Command::Failover(FailoverCommand::Test { test, .. }) | Command::Plan(PlanCommand::Test(test))) =
            command
        else {
            panic!("{command:?}")
        };
        test
    }

    #[test]
    fn a_test_takes_its_own_options_and_those_of_every_failover() {
        let args = test(&[
            "failover",
            "test",
            "web-01",
            "--duration",
            "1h30m",
            "--keep",
            "--strategy",
            "volume-snapshots",
            "--network",
            "VM Network=lab",
            "--watch",
        ]);
        assert_eq!((args.duration.as_deref(), args.keep), (Some("1h30m"), true));
        assert_eq!(args.strategy, StrategyRequest::VolumeSnapshots);
        assert_eq!(args.wishes.map, [("VM Network".to_owned(), "lab".to_owned())]);
        let args = test(&["plan", "test", "web-01"]);
        assert_eq!(
            (args.duration, args.keep, args.strategy),
            (None, false, StrategyRequest::Auto)
        );
    }

    #[test]
    fn a_commit_policy_is_manual_or_has_its_time() {
        let policy = |text: &str| live(&["failover", "live", "x", "--commit-policy", text]).commit_policy;
        assert_eq!(policy("manual"), CommitPolicyView::Manual {});
        let after = "2h".to_owned();
        assert_eq!(policy("commit-after=2h"), CommitPolicyView::CommitAfter { after });
        let after = "90m".to_owned();
        assert_eq!(
            policy("rollback-after=90m"),
            CommitPolicyView::RollbackAfter { after }
        );
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_live_failover_takes_its_options() {
        let args = live(&[
            "failover",
            "live",
            "web-01",
            "--map",
            "VM Network=prod",
            "--map",
            "a=b=net-1",
            "--watch",
            "--skip-validation",
            "--boot-grade",
            "ping",
            "--boot-grade",
            "tcp:22",
            "--boot-within",
            "5m",
            "--on-boot-failure",
            "hold",
        ]);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let args = args.wishes;
        assert_eq!(args.map, [pair("VM Network", "prod"), pair("a=b", "net-1")]);
        let grades: Vec<String> = args.boot_grade.iter().map(ToString::to_string).collect();
        assert_eq!(grades, ["ping", "tcp:22"]);
        assert_eq!(
            (args.boot_within.as_deref(), args.on_boot_failure),
            (Some("5m"), BootFailure::Hold)
        );
        assert!(args.skip_validation);
    }

    #[test]
    fn a_plan_takes_the_same_options() {
        assert_eq!(
            live(&["plan", "live", "web-01"]).wishes.on_boot_failure,
            BootFailure::Rollback
        );
    }

    #[test]
    fn wrong_values_say_what_is_allowed() {
        for (line, allowed) in [
            (vec!["failover", "live", "x", "--map", "nonsense"], "SRC=NET"),
            (vec!["failover", "live", "x", "--map", "=net"], "SRC=NET"),
            (vec!["failover", "live", "x", "--boot-grade", "tcp:0"], "tcp:PORT"),
            (vec!["failover", "live", "x", "--boot-within", "soon"], "5m"),
            (vec!["jobs", "show", "x"], "live-failover-"),
            (vec!["failover", "test", "x", "--duration", "soon"], "1h 30m"),
            (
                vec!["failover", "test", "x", "--strategy", "magic"],
                "volume_snapshots",
            ),
            (
                vec!["failover", "live", "x", "--commit-policy", "later"],
                "commit-after=TIME",
            ),
            (
                vec!["failover", "live", "x", "--commit-policy", "manual=1h"],
                "commit-after=TIME",
            ),
            (
                vec!["failover", "live", "x", "--commit-policy", "commit-after=x"],
                "5m",
            ),
            (
                vec!["failover", "test", "x", "--dry-run", "--watch"],
                "cannot be used",
            ),
            (vec!["jobs", "extend", JOB], "--by"),
            (
                vec!["jobs", "extend", JOB, "--by", "1h", "--until", "x"],
                "cannot be used",
            ),
            (
                vec!["jobs", "decide", JOB, "NO_SUCH_CODE", "retry"],
                "REVERT_FAILED",
            ),
            (vec!["jobs", "decide", JOB, "REVERT_FAILED", "force"], "--reason"),
            (
                vec!["jobs", "decide", JOB, "REVERT_FAILED", "guess"],
                "retry, keep or force",
            ),
            (vec!["quarantine", "clear", "x", "volume-1"], "--reason"),
            (vec!["attention", "--severity", "bad"], "critical"),
            (vec!["token", "create", "ci"], "--role"),
            (vec!["token", "create", "ci", "--role", "root"], "operator"),
            (
                vec!["token", "create", "a b", "--role", "viewer"],
                "letters, digits",
            ),
            (
                vec![
                    "token",
                    "create",
                    "ci",
                    "--role",
                    "viewer",
                    "--expires-in",
                    "soon",
                ],
                "5m",
            ),
            (vec!["audit", "--since", "yesterday"], "2026-01-31T18:00:00Z"),
            (vec!["audit", "verify", "--head", "7"], "SEQ:HASH"),
            (vec!["jobs", "list", "--status", "done"], "powering_on"),
            (vec!["readiness", "x", "--type", "dead"], "live or test"),
            (vec!["readiness"], "<VM>"),
            (vec!["readiness", "x", "--all"], "cannot be used"),
            (vec!["readiness", "x", "--not-ready"], "cannot be used"),
            (
                vec!["readiness", "--all", "--only", "volume_state"],
                "cannot be used",
            ),
            (
                vec!["mappings", "set", "x", "a=b", "--purpose", "fun"],
                "production or test",
            ),
        ] {
            let error = parse(&line).unwrap_err().to_string();
            assert!(error.contains(allowed), "{line:?}: {error}");
        }
    }

    #[test]
    fn statuses_come_one_by_one_or_with_commas() {
        let cli = parse(&[
            "jobs",
            "list",
            "--status",
            "failed,completed",
            "--status",
            "active",
        ])
        .unwrap();
        let Some(Command::Jobs(JobsCommand::List { status, .. })) = cli.command else {
            panic!()
        };
        assert_eq!(status, ["failed", "completed", "active"]);
    }

    #[test]
    fn global_options_stand_anywhere() {
        let cli = parse(&["networks", "--output", "json", "--api", "http://h:1"]).unwrap();
        assert_eq!(
            (cli.global.output, cli.global.api.as_deref()),
            (Output::Json, Some("http://h:1"))
        );
    }

    #[test]
    fn the_help_documents_the_exit_codes() {
        let help = Cli::command().render_long_help().to_string();
        for code in [
            "0  what",
            "1  the operation failed",
            "2  the command line",
            "3  the API",
            "4  refused",
            "5  ossea check",
            "6  the job",
            "130",
        ] {
            assert!(help.contains(code), "{code}");
        }
    }
}
