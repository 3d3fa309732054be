//! What waiting for the cloud's jobs costs in calls. The measuring program stands by itself, since it is made of crates
//! that nothing else here needs.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::foreground;
use crate::interrupt::Interrupt;
use crate::workspace::Workspace;

/// One measurement.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    jobs_in_flight: u32,
    way: String,
    lists_per_second: f64,
    queries_per_second: f64,
    ends_per_second: f64,
    calls_beyond_results_per_second: f64,
    known_late_p50_ms: u64,
    known_late_p99_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Answer {
    rows: Vec<Waiting>,
}

pub(super) fn measure(workspace: &Workspace, interrupt: &Interrupt) -> anyhow::Result<Vec<Waiting>> {
    let mut build = workspace.cargo(["build", "--release", "-p", "failover-bench"]);
    foreground::succeed(&mut build, interrupt)?;
    let program = workspace.target.join("release").join("failover-bench");
    let mut program = std::process::Command::new(&program);
    let output = foreground::output(program.args(["waiting", "--json"]), interrupt)?;
    let answer: Answer = serde_json::from_slice(&output).context("the measuring program's answer")?;
    Ok(answer.rows)
}

pub(super) fn print(rows: &[Waiting]) {
    println!("\nWaiting for jobs of 20 s over HTTP, all through one watch and each by itself");
    println!(
        "{:>14} {:>9} {:>8} {:>10} {:>8} {:>17} {:>12} {:>12}",
        "jobs in flight",
        "way",
        "lists/s",
        "queries/s",
        "ends/s",
        "beyond results/s",
        "late p50, ms",
        "late p99, ms"
    );
    for row in rows {
        println!(
            "{:>14} {:>9} {:>8.2} {:>10.2} {:>8.2} {:>17.2} {:>12} {:>12}",
            row.jobs_in_flight,
            row.way,
            row.lists_per_second,
            row.queries_per_second,
            row.ends_per_second,
            row.calls_beyond_results_per_second,
            row.known_late_p50_ms,
            row.known_late_p99_ms
        );
    }
}
