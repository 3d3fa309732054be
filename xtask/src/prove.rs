//! `cargo xtask prove`: the proof that nothing is lost, level by level, and the repetition of any single run of it.

use anyhow::bail;
use clap::Args;

use crate::interrupt::Interrupt;
use crate::test::POSTGRES_URL;
use crate::workspace::Workspace;
use crate::{foreground, mutants, postgres};

/// How many pairs of faults are drawn for each of the nine courses with three disks: more than 50,000 together.
const PAIRS: &str = "5600";

/// How many storms there are.
const STORMS: u64 = 10_000;

/// Arguments of `cargo xtask prove`. Without any, the fault matrix, the storms and the model are run as `cargo xtask test`
/// runs them.
#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// The fault matrix: every fault alone, and so many pairs of faults for each course, or all of them, which takes many hours.
    #[arg(long, value_name = "COUNT|all", value_parser = pairs, num_args = 0..=1, default_missing_value = "all")]
    pairs: Option<String>,
    /// The seed of the pairs of faults, or of the blows on real processes; 1 where none is given.
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Storms: so many of them, each from a seed of its own.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..u64::MAX / 2))]
    seeds: Option<u64>,
    /// The seed of the first storm.
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "seeds",
          value_parser = clap::value_parser!(u64).range(..u64::MAX / 2))]
    from: u64,
    /// The model, explored to its last state.
    #[arg(long)]
    model: bool,
    /// Real processes: so many of them are killed. A seed gives a storm of the same kind, not the same one.
    #[arg(long, value_name = "KILLS", num_args = 0..=1, default_missing_value = "2000",
          value_parser = clap::value_parser!(u64).range(1..))]
    processes: Option<u64>,
    /// Repeat one run of the fault matrix by its name, with its journal beside the simulated cloud's log.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["pairs", "seeds", "model", "processes", "storm"])]
    only: Option<String>,
    /// Repeat the storm of a seed, with its story, all journals and the simulated cloud's log.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["pairs", "seeds", "model", "processes"])]
    storm: Option<u64>,
    /// Mutants of lease, journal, state machine and return planner: 9 of 10 must be killed. Takes one to two hours.
    #[arg(long, conflicts_with_all = ["pairs", "seeds", "model", "processes", "only", "storm"])]
    mutants: bool,
}

fn pairs(text: &str) -> Result<String, String> {
    if text == "all" || text.parse::<u32>().is_ok() {
        return Ok(text.to_owned());
    }
    Err("allowed are a number from 0 and all".to_owned())
}

/// Runs what is asked for, and fails when any of it does.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &ProveArgs) -> anyhow::Result<()> {
    let seed = args.seed.unwrap_or(1);
    if args.seed.is_some() && args.pairs.is_none() && args.processes.is_none() {
        bail!("--seed {seed} is of --pairs and --processes, and neither is given; storms begin at --from");
    }
    if args.mutants {
        return mutants::run(workspace, interrupt);
    }
    if let Some(name) = &args.only {
        return engine_test(
            workspace,
            interrupt,
            &["fault_matrix"],
            Some("the_run_that_is_asked_for"),
            &[("FAULT_MATRIX_ONLY", name)],
        );
    }
    if let Some(seed) = args.storm {
        return engine_test(
            workspace,
            interrupt,
            &["storm"],
            Some("nothing_is_lost_in_any_storm"),
            &[("STORM_ONLY", &seed.to_string())],
        );
    }
    let is_everything =
        args.pairs.is_none() && args.seeds.is_none() && args.processes.is_none() && !args.model;
    if is_everything {
        let postgres = postgres::start(interrupt)?;
        matrix_and_storms(workspace, interrupt, &postgres.url())?;
    }
    if let Some(pairs) = &args.pairs {
        let seed = seed.to_string();
        let settings = [
            ("FAULT_MATRIX_SINGLES", "all"),
            ("FAULT_MATRIX_PAIRS", pairs.as_str()),
            ("FAULT_MATRIX_SEED", seed.as_str()),
        ];
        engine_test(workspace, interrupt, &["fault_matrix"], None, &settings)?;
    }
    if let Some(seeds) = args.seeds {
        let (seeds, from) = (seeds.to_string(), args.from.to_string());
        let settings = [("STORM_SEEDS", seeds.as_str()), ("STORM_FROM", from.as_str())];
        engine_test(workspace, interrupt, &["storm"], None, &settings)?;
    }
    if let Some(kills) = args.processes {
        processes(workspace, interrupt, kills, seed)?;
    }
    if is_everything || args.model {
        let mut model = workspace.cargo(["run", "--quiet", "-p", "failover-model", "--example", "report"]);
        foreground::succeed(&mut model, interrupt)?;
    }
    Ok(())
}

/// The levels that need optimised code to end in minutes: every fault alone, pairs of them, storms. A sample of the faults
/// is tried on the PostgreSQL server at `postgres` too.
pub(crate) fn matrix_and_storms(
    workspace: &Workspace,
    interrupt: &Interrupt,
    postgres: &str,
) -> anyhow::Result<()> {
    let storms = STORMS.to_string();
    let settings = [
        ("FAULT_MATRIX_SINGLES", "all"),
        ("FAULT_MATRIX_PAIRS", PAIRS),
        ("STORM_SEEDS", storms.as_str()),
        (POSTGRES_URL, postgres),
    ];
    engine_test(workspace, interrupt, &["fault_matrix", "storm"], None, &settings)
}

/// Kills real processes. The test brings the PostgreSQL server that it stops and kills; the one here says that it may.
fn processes(workspace: &Workspace, interrupt: &Interrupt, kills: u64, seed: u64) -> anyhow::Result<()> {
    let postgres = postgres::start(interrupt)?;
    workspace.build_binaries(interrupt)?;
    let mut command = workspace.cargo(["test", "-p", "failover-system-tests", "--test", "processes"]);
    command
        .args(["--", "--nocapture"])
        .env("PROCESS_STORM_KILLS", kills.to_string())
        .env("PROCESS_STORM_SEED", seed.to_string())
        .env(POSTGRES_URL, postgres.url());
    foreground::succeed(&mut command, interrupt)
}

/// Runs tests of the engine with optimised code: all, or the one that is called `only`.
fn engine_test(
    workspace: &Workspace,
    interrupt: &Interrupt,
    tests: &[&str],
    only: Option<&str>,
    settings: &[(&str, &str)],
) -> anyhow::Result<()> {
    let mut command = workspace.cargo(["test", "--profile", "proof", "-p", "failover-engine"]);
    for test in tests {
        command.args(["--test", test]);
    }
    command.args(["--", "--nocapture"]).envs(settings.iter().copied());
    if let Some(only) = only {
        command.args(["--exact", only]);
    }
    foreground::succeed(&mut command, interrupt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_a_number_or_all() {
        for good in ["0", "1500", "all"] {
            assert_eq!(pairs(good).as_deref(), Ok(good));
        }
        for bad in ["", "-1", "some"] {
            assert!(pairs(bad).is_err(), "{bad}");
        }
    }
}
