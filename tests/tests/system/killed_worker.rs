//! A worker that dies like in a power cut: another one finishes the job as if nothing had happened.

use failover_system_tests::fault::Fault;
use failover_system_tests::stack::FORWARD_ATTEMPTS;
use serde_json::{Value, json};

use crate::database::{TestDatabase, on_both_databases};
use crate::site::{LIMIT, Site};

on_both_databases!(
    killed_while_validating,
    killed_while_executing,
    killed_while_snapshotting,
    killed_while_creating_the_vm,
    killed_while_switching_volumes,
    killed_while_powering_on,
    killed_on_the_way_back,
);

fn killed_while_validating(database: &TestDatabase) {
    finished_by_another_worker(database, "validating", &slow_read("listServiceOfferings"));
}

fn killed_while_executing(database: &TestDatabase) {
    finished_by_another_worker(database, "executing", &slow_read("listVolumes"));
}

fn killed_while_snapshotting(database: &TestDatabase) {
    finished_by_another_worker(database, "snapshotting", &slow_work("createSnapshot"));
}

fn killed_while_creating_the_vm(database: &TestDatabase) {
    finished_by_another_worker(database, "creating_vm", &slow_work("deployVirtualMachine"));
}

fn killed_while_switching_volumes(database: &TestDatabase) {
    finished_by_another_worker(database, "switching_volume", &slow_work("attachVolume"));
}

fn killed_while_powering_on(database: &TestDatabase) {
    finished_by_another_worker(database, "powering_on", &slow_work("startVirtualMachine"));
}

/// Phases are stretched, so that the worker is met in the one that is meant.
fn slow_read(command: &str) -> Value {
    json!({"command": command, "times": null, "effect": {"kind": "slow_answer", "seconds": 1}})
}

fn slow_work(command: &str) -> Value {
    json!({"command": command, "times": null, "effect": {"kind": "delay", "seconds": 1}})
}

fn finished_by_another_worker(database: &TestDatabase, status: &str, slowness: &Value) {
    let mut site = Site::start_without_worker(database);
    let job = site.api.start_live(&site.vm, &json!({})).unwrap();
    site.cloud.add_fault(slowness).unwrap();
    site.stack.start_worker().unwrap();
    let what = format!("the job is {status}");
    site.api
        .wait_for(&job, LIMIT, &what, |job| job["status"] == status)
        .unwrap();

    site.stack.kill_worker().unwrap();
    let left = site.api.job(&job).unwrap();
    assert_eq!(
        left["status"], status,
        "the worker was met in the phase that is meant"
    );
    site.cloud.clear_faults().unwrap();
    site.stack.start_worker().unwrap();

    let job = site.ended_as(&job, "completed");
    site.moved_once(&job);
}

fn killed_on_the_way_back(database: &TestDatabase) {
    let mut site = Site::start(database);
    let before = site.cloud.inventory().unwrap();
    let name = site.api.destination_name(&site.vm).unwrap();
    let fault = Fault::new("start-vm", &site.vm, &name, FORWARD_ATTEMPTS);
    fault.before_start(&site.cloud).unwrap();
    site.cloud.add_fault(&slow_work("detachVolume")).unwrap();
    let job = site.api.start_live(&site.vm, &json!({})).unwrap();
    site.api
        .wait_for(&job, LIMIT, "the job is on the way back", |job| {
            job["returning"] == true
        })
        .unwrap();

    site.stack.kill_worker().unwrap();
    site.stack.start_worker().unwrap();

    let job = site.ended_as(&job, "failed");
    assert_eq!(site.cloud.inventory().unwrap(), before);
    assert_eq!(job["attention"], json!([]), "nobody is needed");
}
