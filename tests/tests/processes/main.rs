//! A storm over real processes: three workers, the API, a PostgreSQL server of their own and the simulated cloud, while
//! operators start, cancel, end and roll back failovers. Processes are killed by the hundred, stopped past their lease and
//! told to stop; connections are cut, stalled and exhausted; the database goes away and comes back.
//!
//! `PROCESS_STORM_KILLS=<count>` says how many processes are killed, `PROCESS_STORM_SEED=<seed>` from which dice. Processes
//! are not repeatable to the instant, and blows hang on who is up: a seed gives a storm of the same kind, not the same one.
//! Without `FAILOVER_TEST_POSTGRES_URL`, which `cargo xtask test` and `cargo xtask prove --processes` set, it is left out.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod database;
mod fleet;
mod operator;
mod oracle;
mod storm;
mod tally;

use storm::Storm;

/// How many processes are killed where nobody says otherwise.
const KILLS: u64 = 250;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let value = text.parse().ok();
    assert!(value.is_some(), "{name} is {text:?}, allowed is a number");
    value
}

#[test]
fn no_job_is_lost_whichever_process_is_killed() {
    if std::env::var("FAILOVER_TEST_POSTGRES_URL").is_err() {
        eprintln!("left out: FAILOVER_TEST_POSTGRES_URL is not set");
        return;
    }
    let kills = setting("PROCESS_STORM_KILLS").unwrap_or(KILLS);
    let seed = setting("PROCESS_STORM_SEED").unwrap_or(1);
    let mut storm = Storm::brewing(seed).unwrap();
    let raged = storm.rage(kills);
    println!("{}seed {seed}", storm.tally.render());
    if let Err(why) = raged {
        let logs = storm.keep_logs();
        panic!(
            "{why:#}\nlogs are in {}; a storm of the same kind with `cargo xtask prove --processes {kills} --seed {seed}`",
            logs.display()
        );
    }
}
