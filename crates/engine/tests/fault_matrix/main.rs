//! The fault matrix: every course of a job, with a fault at every moment of it, on the way there and on the way back. A
//! moment is a command to the cloud or an entry of the journal; between them nothing can go wrong, because nothing
//! happens. Each run is on virtual time, and its oracle is what the simulated cloud has at the end.
//!
//! By itself this is a sample. `cargo xtask test` runs it whole, with optimised code, and `cargo xtask prove` prints the
//! tables: `FAULT_MATRIX_SINGLES=all` tries every fault alone, `FAULT_MATRIX_PAIRS=<count or all>` sets how many pairs of
//! faults are drawn, `FAULT_MATRIX_SEED=<number>` from which seed, and `FAULT_MATRIX_ONLY=<a run's name>` repeats one run
//! with its journal beside the cloud's log.

mod course;
mod database;
mod fault;
#[path = "../lab/mod.rs"]
#[expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]
mod lab;
mod store;
mod table;
mod trial;

use failover_domain::JobStatus;
use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use course::{Course, Kind};
use database::Database;
use fault::{Fault, Moments, faults_of, words};
use lab::Lab;
use table::Table;
use trial::{Trial, Verdict, attempt, attempt_in, moments, tell};

/// How many pairs of faults are drawn for each course of three disks, where nobody says otherwise.
const PAIRS: usize = 20;

/// Where nobody wants all of them, one fault of so many is tried alone, another one for each seed.
const SAMPLED: usize = 16;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    let value = text.parse().ok();
    assert!(value.is_some(), "{name} is {text:?}, allowed is a number");
    value
}

fn is_all(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| value == "all")
}

/// Runs every fault alone, then pairs of them, and insists that every one fired and did no harm.
async fn withstands_everything(course: Course) {
    if std::env::var(ONLY).is_ok() {
        return;
    }
    let seen = moments(course).await;
    assert!(
        seen.entries > 5,
        "a run that does nothing proves nothing: {seen:?}"
    );
    let singles = faults_of(course, &seen);
    let mut table = Table::default();
    let seed: u64 = setting("FAULT_MATRIX_SEED").unwrap_or(1);
    let (first, step) = if is_all("FAULT_MATRIX_SINGLES") {
        (0, 1)
    } else {
        (seed as usize % SAMPLED, SAMPLED)
    };
    for fault in singles.iter().skip(first).step_by(step) {
        run(course, &seen, std::slice::from_ref(fault), &mut table).await;
    }
    if course.disks != 3 {
        // Pairs are of the plans with three disks: what two faults do to each other does not hang on the number.
    } else if is_all("FAULT_MATRIX_PAIRS") {
        for (place, first) in singles.iter().enumerate() {
            for second in &singles[place + 1..] {
                if !first.is_at_the_moment_of(second) {
                    run(course, &seen, &[first.clone(), second.clone()], &mut table).await;
                }
            }
        }
    } else {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut left = setting("FAULT_MATRIX_PAIRS").unwrap_or(PAIRS);
        while left > 0 {
            let pair: Vec<Fault> = singles.choose_multiple(&mut dice, 2).cloned().collect();
            if !pair[0].is_at_the_moment_of(&pair[1]) {
                run(course, &seen, &pair, &mut table).await;
                left -= 1;
            }
        }
    }
    println!("{}", table.render(&course, seed));
    table.insist_that_pairs_fired();
    assert_eq!(
        table.failures(),
        [""; 0],
        "repeat one with `cargo xtask prove --only NAME`"
    );
}

async fn run(course: Course, seen: &Moments, faults: &[Fault], table: &mut Table) -> Trial {
    let name = trial::name(course, faults);
    let trial = attempt(course, seen, faults).await;
    note(&trial, &name, faults, table);
    trial
}

fn note(trial: &Trial, name: &str, faults: &[Fault], table: &mut Table) {
    if let Verdict::Harm(why) = &trial.verdict {
        println!("{name}: {why}");
    }
    table.count(faults, name, &trial.verdict);
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
    a_live_failover_of_one_disk_withstands_everything: Course::of(Kind::Live).with_disks(1);
    a_live_failover_of_eight_disks_withstands_everything: Course::of(Kind::Live).with_disks(8);
    a_test_of_one_disk_with_volume_snapshots_withstands_everything: Course::of(Kind::TestByVolume).with_disks(1);
    a_test_of_eight_disks_with_volume_snapshots_withstands_everything: Course::of(Kind::TestByVolume).with_disks(8);
    a_test_of_one_disk_with_a_vm_snapshot_withstands_everything: Course::of(Kind::TestByVm).with_disks(1);
    a_test_of_eight_disks_with_a_vm_snapshot_withstands_everything: Course::of(Kind::TestByVm).with_disks(8);
    a_rollback_of_one_disk_withstands_everything: Course::of(Kind::Rollback).with_disks(1);
    a_rollback_of_eight_disks_withstands_everything: Course::of(Kind::Rollback).with_disks(8);
    a_commit_of_one_disk_withstands_everything: Course::of(Kind::Commit).with_disks(1);
    a_commit_of_eight_disks_withstands_everything: Course::of(Kind::Commit).with_disks(8);
    a_live_failover_of_one_disk_that_is_cancelled_withstands_everything: Course::cancelled(Kind::Live, JobStatus::PoweringOn).with_disks(1);
    a_live_failover_of_eight_disks_that_is_cancelled_withstands_everything: Course::cancelled(Kind::Live, JobStatus::PoweringOn).with_disks(8);
}

/// Repeats one run, with its journal beside the cloud's log. A misspelt name must not pass because nothing was run.
#[tokio::test(start_paused = true)]
async fn the_run_that_is_asked_for() {
    let Ok(name) = std::env::var(ONLY) else {
        return;
    };
    let of = |course: &Course| {
        name.strip_prefix(&format!("{course}/"))
            .map(|faults| (*course, faults))
    };
    let Some((course, chosen)) = COURSES.iter().find_map(of) else {
        let courses: Vec<String> = COURSES.iter().map(|course| format!("{course}/")).collect();
        panic!(
            "nothing was run: {name:?} does not begin with a course, which are {}",
            courses.join(" ")
        );
    };
    let seen = moments(course).await;
    let known = faults_of(course, &seen);
    let named = |text: &str| {
        let fault = known.iter().find(|fault| fault.to_string() == text).cloned();
        fault.unwrap_or_else(|| {
            panic!(
                "nothing was run: {text:?} is no fault of {course}, which are {}",
                words(&known)
            )
        })
    };
    let faults: Vec<Fault> = chosen.split('+').map(named).collect();
    let mut table = Table::default();
    let trial = run(course, &seen, &faults, &mut table).await;
    tell(&trial).await;
    assert_eq!(table.failures(), [""; 0]);
}

/// The variable that names the one run that is wanted.
const ONLY: &str = "FAULT_MATRIX_ONLY";

/// How many faults are tried for each course on each database.
const ON_A_DATABASE: usize = 6;

/// Tries a few faults of each course with three disks on a database.
async fn a_sample_is_withstood_on(database: &Database) {
    if std::env::var(ONLY).is_ok() {
        return;
    }
    let seed: u64 = setting("FAULT_MATRIX_SEED").unwrap_or(1);
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut table = Table::default();
    for course in COURSES.iter().copied().filter(|course| course.disks == 3) {
        let seen = moments(course).await;
        let mut faults = faults_of(course, &seen);
        faults.retain(|fault| !fault.kills() || database.takes_kills());
        for fault in faults.choose_multiple(&mut dice, ON_A_DATABASE) {
            let faults = std::slice::from_ref(fault);
            let url = database.empty().await;
            let lab = Lab::kept_in(&database::at(url), course.disks).await;
            let trial = attempt_in(lab, course, &seen, faults).await;
            let name = format!("{database}: {}", trial::name(course, faults));
            note(&trial, &name, faults, &mut table);
            drop(trial);
            database.clear().await;
        }
    }
    println!("{}", table.render(database, seed));
    assert_eq!(table.failures(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn sqlite_withstands_a_sample() {
    a_sample_is_withstood_on(&Database::Sqlite).await;
}

#[tokio::test(start_paused = true)]
async fn postgres_withstands_a_sample() {
    match Database::postgres() {
        Some(postgres) => a_sample_is_withstood_on(&postgres).await,
        None => println!("not run: {} is not set", database::SERVER),
    }
}
