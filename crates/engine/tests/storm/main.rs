//! Storms: several workers and jobs on one OMA, and whatever can go wrong at random: killed, stopped and cut off workers,
//! wrong clocks, a database that is away or loses answers, a cloud that loses, refuses and forgets, operators who cancel
//! and try again. A seed decides everything, so that any storm can be repeated.
//!
//! `STORM_SEEDS=<count>` and `STORM_FROM=<seed>` say which storms are run; `STORM_ONLY=<seed>` runs one and tells its story
//! with all journals beside the cloud's log.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

mod fleet;
#[path = "../lab/mod.rs"]
mod lab;
mod oracle;
mod process;
mod schedule;
mod tally;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::FutureExt as _;
use ossea_sim::cloud::log::LogEvent;
use schedule::Storm;
use tally::Tally;

/// How many storms there are where nobody says otherwise.
const STORMS: u64 = 300;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let value = text.parse().ok();
    assert!(value.is_some(), "{name} is {text:?}, allowed is a number");
    value
}

/// Goes through the storm of a seed on a clock of its own.
fn weather(seed: u64) -> (Storm, Result<(), String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        let mut storm = Storm::brewing(seed).await;
        let raged = AssertUnwindSafe(storm.rage()).catch_unwind().await;
        let ended = raged.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(text.unwrap_or("a panic without words").to_owned())
        });
        if ended.is_err() || setting("STORM_ONLY").is_some() {
            tell(&mut storm).await;
        }
        (storm, ended)
    })
}

/// Adds the journals and the cloud's log to the story.
async fn tell(storm: &mut Storm) {
    for (record, _) in oracle::all_jobs(&storm.lab).await {
        for stored in storm.lab.events(&record.job_id).await {
            let line = format!("{} {:>3} {:?}", record.job_id, stored.seq, stored.event);
            storm.story.push((stored.at, line));
        }
    }
    for entry in storm.lab.cloud.log() {
        if !matches!(
            &entry.event,
            LogEvent::Effect {
                effect: ossea_sim::cloud::log::Effect::GuestWrote { .. },
                ..
            }
        ) {
            storm.story.push((entry.at, format!("cloud {:?}", entry.event)));
        }
    }
    storm.story.sort_by_key(|(at, _)| *at);
}

fn print_story(storm: &Storm) {
    for (at, line) in &storm.story {
        println!("{} {line}", at.format("%H:%M:%S%.3f"));
    }
}

/// Goes through many storms on all processors.
fn rage(from: u64, count: u64) -> (Tally, Vec<(u64, String)>) {
    let next = AtomicU64::new(from);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let (mut tally, mut failures) = (Tally::default(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + count {
                return (tally, failures);
            }
            let (storm, ended) = weather(seed);
            tally.add(&storm.tally);
            if let Err(why) = ended {
                failures.push((seed, why));
            }
        }
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let (mut tally, mut failures) = (Tally::default(), Vec::new());
        for thread in running {
            let (one, failed) = thread.join().expect("a storm's panic is caught");
            tally.add(&one);
            failures.extend(failed);
        }
        failures.sort();
        (tally, failures)
    })
}

#[test]
fn nothing_is_lost_in_any_storm() {
    if let Some(seed) = setting("STORM_ONLY") {
        let (storm, ended) = weather(seed);
        print_story(&storm);
        assert_eq!(ended, Ok(()), "storm {seed}");
        return;
    }
    let (from, count) = (
        setting("STORM_FROM").unwrap_or(1),
        setting("STORM_SEEDS").unwrap_or(STORMS),
    );
    assert!(count > 0, "STORM_SEEDS is 0, which proves nothing");
    let began = Instant::now();
    let (tally, failures) = rage(from, count);
    println!(
        "{}seeds {from} to {}, {} s",
        tally.render(),
        from + count - 1,
        began.elapsed().as_secs()
    );
    for (seed, why) in &failures {
        println!("storm {seed}: {why}");
    }
    let seeds: Vec<u64> = failures.iter().map(|(seed, _)| *seed).collect();
    assert!(
        seeds.is_empty(),
        "{} storms did harm, repeat one with `cargo xtask prove --storm SEED`: {seeds:?}",
        seeds.len()
    );
    if count >= STORMS {
        assert_eq!(
            tally.kinds_that_never_struck(),
            [""; 0],
            "a blow that never strikes proves nothing"
        );
        // Marking every replica would be safe, and useless: only a guest that had to be stopped by force leaves doubt.
        let marked = tally.marked;
        assert!(marked * 10 < tally.storms, "{marked} replicas were marked");
    }
}

#[test]
fn the_same_seed_gives_the_same_storm() {
    for seed in 1..=5 {
        let story = || {
            let (mut storm, _) = weather(seed);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(tell(&mut storm));
            storm.story
        };
        let (one, other) = (story(), story());
        assert!(one.len() > 50, "a storm in which nothing happens proves nothing");
        assert_eq!(one, other, "seed {seed}");
    }
}
