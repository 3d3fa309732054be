//! The way there: every sample VM arrives with the right disks at the right devices and on the right networks.

use failover_system_tests::sample::SampleVm;
use serde_json::json;

use crate::database::{TestDatabase, on_both_databases};
use crate::site::Site;

on_both_databases!(a_three_disk_vm_moves_as_a_whole, two_vms_move_at_the_same_time);

fn a_three_disk_vm_moves_as_a_whole(database: &TestDatabase) {
    let site = Site::start(database);
    let job = site
        .api
        .start_live(&site.vm, &json!({"boot": {"grades": ["address"]}}))
        .unwrap();
    let job = site.ended_as(&job, "completed");
    site.moved_once(&job);
    assert_eq!(job["progress"], 100.0);
    assert_eq!(job["attention"], json!([]));
}

fn two_vms_move_at_the_same_time(database: &TestDatabase) {
    let site = Site::start(database);
    let vms = ["files-03", "app-server_01"].map(|name| SampleVm::named(name).unwrap());
    let jobs = vms.each_ref().map(|vm| {
        site.api.map_networks(vm).unwrap();
        site.api.start_live(vm, &json!({})).unwrap()
    });
    for (vm, job) in vms.iter().zip(&jobs) {
        let job = site.ended_as(job, "completed");
        let id = job["destination_vm_id"].as_str().unwrap();
        site.cloud.inventory().unwrap().expect_moved(id, vm).unwrap();
    }
}
