//! What can be typed.

mod ossea;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use failover_api::dto::Grade;
use failover_api::dto::engine::OnBootFailure;
use failover_config::CommonArgs;
use failover_domain::{JobId, JobStatus, JobType, Purpose};

pub(crate) use ossea::{OsseaCommand, ZoneArgs};

/// Shown at the end of `--help`; `docs/failoverctl.md` says the same at length.
const EXIT_CODES: &str = "\
Exit codes:
    0  what was asked for is done
    1  the operation failed: the job ended as failed, or the server could not do its part
    2  the command line is wrong
    3  the API cannot be reached, or what answers is not the API
    4  refused: not ready, in conflict with an active job, not found, not allowed
    5  ossea check: a critical check failed
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
    /// Whether a VM may be failed over now, and what is missing. Exit code 4 when it is not ready.
    Readiness {
        /// VMware UUID or exact name.
        vm: String,
        /// For which kind of failover.
        #[arg(long = "type", value_name = "TYPE", default_value = "live", value_parser = job_type)]
        job_type: JobType,
    },
    /// What a failover would do, step by step. Changes nothing.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Start a failover.
    #[command(subcommand)]
    Failover(FailoverCommand),
    /// Failovers, running and past.
    #[command(subcommand)]
    Jobs(JobsCommand),
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
pub(crate) enum PlanCommand {
    /// The plan of a live failover.
    Live(LiveArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum FailoverCommand {
    /// A permanent switch to the cloud.
    Live {
        #[command(flatten)]
        live: LiveArgs,
        /// Follow the job to its end. The exit code is then 0 only for a completed job.
        #[arg(long)]
        watch: bool,
    },
}

/// What a live failover is asked for.
#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    /// VMware UUID or exact name.
    pub(crate) vm: String,
    /// Map a source network to a cloud network (id or exact name) for this job alone.
    #[arg(long, value_name = "SRC=NET", value_parser = mapping)]
    pub(crate) map: Vec<(String, String)>,
    /// Pass over failed warnings. Critical checks protect data and always count.
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
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum MappingsCommand {
    /// List a VM's mappings, and its networks without one.
    List {
        /// VMware UUID or exact name.
        vm: String,
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

fn job_type(text: &str) -> Result<JobType, String> {
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

    use super::*;

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
            live(&["plan", "live", "web-01"]).on_boot_failure,
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
            (vec!["jobs", "list", "--status", "done"], "powering_on"),
            (vec!["readiness", "x", "--type", "dead"], "live or test"),
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
            "130",
        ] {
            assert!(help.contains(code), "{code}");
        }
    }
}
