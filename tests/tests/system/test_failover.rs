//! Test failovers with real processes: nothing of a test remains, whoever dies while its window is open.

use failover_system_tests::cloud::Inventory;
use failover_system_tests::wait::until;
use serde_json::{Value, json};

use crate::database::{TestDatabase, on_both_databases, server_of_its_own};
use crate::site::{LIMIT, Site};

on_both_databases!(
    nothing_of_a_test_remains,
    a_test_is_ended_by_hand,
    a_worker_killed_in_the_window_is_replaced,
    an_api_killed_in_the_window_is_not_missed,
    a_window_that_ends_while_everybody_is_down_is_closed_later,
    a_completed_live_failover_is_rolled_back,
);

/// Long enough to kill and start a process in it, with two cores for all tests.
const WINDOW: &str = "20s";

fn is_open(job: &Value) -> bool {
    job["window"].is_object() && job["status"] == "executing"
}

fn open_test(site: &Site, further: &Value) -> String {
    let job = site.api.start_test(&site.vm, further).unwrap();
    site.api
        .wait_for(&job, LIMIT, "the test window is open", is_open)
        .unwrap();
    job
}

/// The job says that nothing differs, and the cloud shows it.
fn nothing_remains(site: &Site, job: &str, before: &Inventory) {
    let job = site.ended_as(job, "completed");
    assert_eq!(job["comparison"]["differences"], json!([]));
    assert_eq!(job["attention"], json!([]));
    assert_eq!(job["progress"], 100.0);
    assert_eq!(site.cloud.inventory().unwrap(), *before);
    assert_eq!(site.cloud.accepted("deployVirtualMachine").unwrap().len(), 1);
}

fn nothing_of_a_test_remains(database: &TestDatabase) {
    for strategy in ["vm_snapshot", "volume_snapshots"] {
        let site = Site::start(database);
        let before = site.cloud.inventory().unwrap();
        let wanted = json!({
            "test_duration": "10s", "auto_cleanup": true, "rollback_strategy": strategy,
            "boot": {"grades": ["address"]},
        });
        let job = site.api.start_test(&site.vm, &wanted).unwrap();
        nothing_remains(&site, &job, &before);
        let taken = |command: &str| site.cloud.accepted(command).unwrap().len();
        let expected = if strategy == "vm_snapshot" { (1, 0) } else { (0, 3) };
        assert_eq!((taken("createVMSnapshot"), taken("createSnapshot")), expected);
    }
}

fn a_test_is_ended_by_hand(database: &TestDatabase) {
    let site = Site::start(database);
    let before = site.cloud.inventory().unwrap();
    let job = open_test(&site, &json!({"test_duration": "8h", "auto_cleanup": false}));
    let ended = site
        .api
        .client()
        .delete(&format!("/api/v1/failover/test/{job}"))
        .unwrap();
    ended.expect_success().unwrap();
    nothing_remains(&site, &job, &before);
}

fn a_worker_killed_in_the_window_is_replaced(database: &TestDatabase) {
    let mut site = Site::start(database);
    let before = site.cloud.inventory().unwrap();
    let job = open_test(&site, &json!({"test_duration": WINDOW}));
    site.stack.kill_worker().unwrap();
    site.stack.start_worker().unwrap();
    let what = "another worker has the open window";
    site.api
        .wait_for(&job, LIMIT, what, |job| job["epoch"] == 2)
        .unwrap();
    nothing_remains(&site, &job, &before);
}

fn an_api_killed_in_the_window_is_not_missed(database: &TestDatabase) {
    let mut site = Site::start(database);
    let before = site.cloud.inventory().unwrap();
    let job = open_test(&site, &json!({"test_duration": "8h"}));
    site.stack.kill_api().unwrap();
    site.stack.start_api().unwrap();
    site.api = site.stack.api().unwrap();
    let shown = site.api.job(&job).unwrap();
    assert!(is_open(&shown), "{shown:#}");
    let ended = site
        .api
        .client()
        .delete(&format!("/api/v1/failover/test/{job}"))
        .unwrap();
    ended.expect_success().unwrap();
    nothing_remains(&site, &job, &before);
}

fn a_window_that_ends_while_everybody_is_down_is_closed_later(database: &TestDatabase) {
    let mut site = Site::start(database);
    let before = site.cloud.inventory().unwrap();
    let job = open_test(&site, &json!({"test_duration": "10s"}));
    site.stack.kill_worker().unwrap();
    let what = "the window is over and nobody has closed it";
    site.api
        .wait_for(&job, LIMIT, what, |job| {
            is_open(job) && job["window"]["remaining_seconds"] == 0
        })
        .unwrap();
    site.stack.kill_api().unwrap();
    site.stack.start_api().unwrap();
    site.stack.start_worker().unwrap();
    site.api = site.stack.api().unwrap();
    nothing_remains(&site, &job, &before);
}

fn a_completed_live_failover_is_rolled_back(database: &TestDatabase) {
    let site = Site::start(database);
    let before = site.cloud.inventory().unwrap();
    let live = site.api.start_live(&site.vm, &json!({})).unwrap();
    site.ended_as(&live, "completed");
    let started = site
        .api
        .verb(&live, "rollback", &json!({"discard_guest_writes": true}))
        .unwrap();
    let rollback = started["job_id"].as_str().expect("the answer names the job");
    nothing_remains(&site, rollback, &before);
    let refused = site.api.verb(&live, "commit", &json!({}));
    assert!(refused.is_err(), "what was rolled back cannot be committed");
}

#[test]
fn a_database_that_restarts_in_the_window_is_waited_for() {
    let Some((mut server, database)) = server_of_its_own() else {
        return;
    };
    let site = Site::start(&database);
    let before = site.cloud.inventory().unwrap();
    let job = open_test(&site, &json!({"test_duration": WINDOW}));
    for _ in 0..2 {
        server.kill().unwrap();
        server.start_again().unwrap();
        server.stop().unwrap();
        server.start_again().unwrap();
    }
    until(LIMIT, "the API has its database again", || {
        Ok(site.api.job(&job).ok())
    })
    .unwrap();
    nothing_remains(&site, &job, &before);
}
