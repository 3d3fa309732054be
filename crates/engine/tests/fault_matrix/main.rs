//! The fault matrix: every course of a job, with a fault at every moment of it, on the way there and on the way back. A
//! moment is a command to the cloud or an entry of the journal; between them nothing can go wrong, because nothing
//! happens. Each run is on virtual time, and its oracle is what the simulated cloud has at the end.
//!
//! `cargo xtask prove` prints the tables; `FAULT_MATRIX_ONLY=<a run's name>` repeats one run with its journal beside
//! the cloud's log, `FAULT_MATRIX_PAIRS=<count or all>` sets how many pairs of faults are drawn, `FAULT_MATRIX_SEED=<number>`
//! from which seed.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod course;
mod fault;
#[path = "../lab/mod.rs"]
mod lab;
mod store;
mod table;
mod trial;

use failover_domain::JobStatus;
use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use course::{Course, Kind};
use fault::{Fault, faults_of};
use table::Table;
use trial::{Trial, Verdict, attempt, moments, tell};

/// How many pairs of faults are drawn for each course, where nobody says otherwise.
const PAIRS: usize = 100;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    let value = text.parse().ok();
    assert!(value.is_some(), "{name} is {text:?}, allowed is a number");
    value
}

/// Runs every fault alone, then pairs of them, and insists that every one fired and did no harm.
async fn withstands_everything(course: Course) {
    let only = std::env::var("FAULT_MATRIX_ONLY").ok();
    let chosen = only.as_ref().map(|name| name.strip_prefix(&format!("{course}/")));
    if chosen == Some(None) {
        return;
    }
    let seen = moments(course).await;
    assert!(
        seen.entries > 10,
        "a run that does nothing proves nothing: {seen:?}"
    );
    let singles = faults_of(&seen);
    let mut table = Table::default();
    if let Some(Some(chosen)) = chosen {
        let named = |name: &str| singles.iter().find(|f| f.to_string() == name).cloned();
        let faults: Option<Vec<Fault>> = chosen.split('+').map(named).collect();
        let faults = faults.expect("the name of a run has faults of its course, joined by +");
        let trial = run(course, &faults, &mut table).await;
        tell(&trial).await;
        assert_eq!(table.failures(), [""; 0]);
        return;
    }
    for fault in &singles {
        run(course, std::slice::from_ref(fault), &mut table).await;
    }
    let seed: u64 = setting("FAULT_MATRIX_SEED").unwrap_or(1);
    if std::env::var("FAULT_MATRIX_PAIRS").is_ok_and(|pairs| pairs == "all") {
        for (place, first) in singles.iter().enumerate() {
            for second in &singles[place + 1..] {
                run(course, &[first.clone(), second.clone()], &mut table).await;
            }
        }
    } else {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..setting("FAULT_MATRIX_PAIRS").unwrap_or(PAIRS) {
            let pair: Vec<Fault> = singles.choose_multiple(&mut dice, 2).cloned().collect();
            run(course, &pair, &mut table).await;
        }
    }
    println!("{}", table.render(course, seed));
    assert_eq!(
        table.failures(),
        [""; 0],
        "repeat one with `cargo xtask prove --only NAME`"
    );
}

async fn run(course: Course, faults: &[Fault], table: &mut Table) -> Trial {
    let name = trial::name(course, faults);
    let trial = attempt(course, faults).await;
    if let Verdict::Harm(why) = &trial.verdict {
        println!("{name}: {why}");
    }
    table.count(faults, &name, &trial.verdict);
    trial
}

macro_rules! courses {
    ($($name:ident: $course:expr;)*) => {
        const COURSES: &[Course] = &[$($course),*];

        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                withstands_everything($course).await;
            }
        )*
    };
}

courses! {
    a_live_failover_withstands_everything: Course::of(Kind::Live);
    a_live_failover_that_is_cancelled_early_withstands_everything: Course::cancelled(Kind::Live, JobStatus::Snapshotting);
    a_live_failover_that_is_cancelled_in_the_switch_withstands_everything: Course::cancelled(Kind::Live, JobStatus::SwitchingVolume);
    a_live_failover_that_is_cancelled_at_its_start_withstands_everything: Course::cancelled(Kind::Live, JobStatus::PoweringOn);
    a_test_with_volume_snapshots_withstands_everything: Course::of(Kind::TestByVolume);
    a_test_with_a_vm_snapshot_withstands_everything: Course::of(Kind::TestByVm);
    a_test_that_is_cancelled_withstands_everything: Course::cancelled(Kind::TestByVm, JobStatus::PoweringOn);
    a_rollback_withstands_everything: Course::of(Kind::Rollback);
    a_commit_withstands_everything: Course::of(Kind::Commit);
}

/// A misspelt name must not pass because nothing was run.
#[test]
fn the_run_that_is_asked_for_is_of_a_known_course() {
    if let Ok(only) = std::env::var("FAULT_MATRIX_ONLY") {
        let names: Vec<String> = COURSES.iter().map(|course| format!("{course}/")).collect();
        assert!(
            names.iter().any(|name| only.starts_with(name)),
            "{only:?} is no run; its name begins with one of {names:?}"
        );
    }
}
