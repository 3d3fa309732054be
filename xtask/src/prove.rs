//! `cargo xtask prove`: the proof that nothing is lost, as far as it can be repeated: the fault matrix and the model.

use clap::Args;

use crate::foreground;
use crate::interrupt::Interrupt;
use crate::mutants;
use crate::workspace::Workspace;

/// Arguments of `cargo xtask prove`.
#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// How many pairs of faults are drawn for each course, or all of them, which takes hours.
    #[arg(long, value_name = "COUNT|all", value_parser = pairs, default_value = "1500")]
    pairs: String,
    /// The seed that pairs are drawn from.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Repeat one run by its name, with its journal beside the simulated cloud's log.
    #[arg(long, value_name = "NAME", conflicts_with = "model")]
    only: Option<String>,
    /// The model alone.
    #[arg(long)]
    model: bool,
    /// Mutants of lease, journal, state machine and return planner instead: 9 of 10 must be killed. Takes hours.
    #[arg(long, conflicts_with_all = ["pairs", "seed", "only", "model"])]
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
    if args.mutants {
        return mutants::run(workspace, interrupt);
    }
    if !args.model {
        let mut matrix = workspace.cargo([
            "test",
            "--profile",
            "proof",
            "-p",
            "failover-engine",
            "--test",
            "fault_matrix",
            "--",
            "--nocapture",
        ]);
        matrix
            .env("FAULT_MATRIX_PAIRS", &args.pairs)
            .env("FAULT_MATRIX_SEED", args.seed.to_string());
        if let Some(name) = &args.only {
            matrix.env("FAULT_MATRIX_ONLY", name);
        }
        foreground::succeed(&mut matrix, interrupt)?;
    }
    if args.only.is_none() {
        let mut model = workspace.cargo(["run", "--quiet", "-p", "failover-model", "--example", "report"]);
        foreground::succeed(&mut model, interrupt)?;
    }
    Ok(())
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
