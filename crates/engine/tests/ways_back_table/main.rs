//! The table of every way back, `docs/ways-back.md`: for each step of each plan a failure there, and for each step of
//! the way back after it a second failure. Each row is one run on virtual time; none is written by hand.
//!
//! The test compares the committed table to the runs; with `WAYS_BACK=write` it writes the table instead.

#![expect(
    dead_code,
    reason = "the laboratory is shared; not every test file uses all of it"
)]

#[path = "../lab/mod.rs"]
mod lab;
mod mishap;
mod run;
mod table;

use failover_domain::StrategyRequest;

use run::Plan;

#[tokio::test(start_paused = true)]
async fn the_committed_table_is_what_the_runs_show() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ways-back.md");
    let mut sections = Vec::new();
    for plan in [
        Plan::Live,
        Plan::Test(StrategyRequest::VolumeSnapshots),
        Plan::Test(StrategyRequest::VmSnapshot),
        Plan::Rollback,
    ] {
        sections.push((plan, run::rows(plan).await));
    }
    let shown = table::render(&sections);
    if std::env::var_os("WAYS_BACK").is_some_and(|v| v == "write") {
        std::fs::write(path, shown).expect("the table can be written");
        return;
    }
    let committed = std::fs::read_to_string(path).expect("the table is committed");
    for (line, (committed, shown)) in (1..).zip(committed.lines().zip(shown.lines())) {
        assert_eq!(
            committed, shown,
            "line {line} of docs/ways-back.md is not what the runs show; `cargo xtask ways-back --write` renews it"
        );
    }
    assert_eq!(
        committed, shown,
        "`cargo xtask ways-back --write` renews docs/ways-back.md"
    );
}
