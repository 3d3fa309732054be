//! The way back: wherever the cloud fails, the job ends as failed at that step and the cloud is as it was before.

use failover_system_tests::api::failed_step;
use failover_system_tests::fault::{self, Fault};
use failover_system_tests::stack::FORWARD_ATTEMPTS;
use serde_json::json;

use crate::database::{TestDatabase, on_both_databases};
use crate::site::Site;

macro_rules! each_step {
    ($($name:ident: $step:literal),+ $(,)?) => {
        on_both_databases!($($name),+);
        $(fn $name(database: &TestDatabase) { everything_returns(database, $step); })+

        #[test]
        fn no_step_is_left_out() {
            let tested = [$($step),+];
            assert!(fault::STEPS.iter().all(|step| tested.contains(step)), "{tested:?}");
        }
    };
}

each_step! {
    rules_that_the_cloud_does_not_answer: "validate",
    a_replica_that_cannot_be_secured: "quiesce",
    a_replica_that_does_not_leave_the_oma: "detach-from-oma",
    a_rollback_point_that_cannot_be_taken: "snapshot",
    a_vm_that_cannot_be_created: "create-vm",
    a_vm_on_the_wrong_network: "verify-networks",
    a_scratch_root_that_cannot_be_detached: "detach-scratch-root",
    a_scratch_root_that_cannot_be_deleted: "delete-scratch-root",
    a_replica_that_cannot_be_attached: "attach",
    disks_that_cannot_be_read_back: "verify-disks",
    a_vm_that_does_not_start: "start-vm",
    a_guest_that_does_not_boot: "verify-boot",
}

fn everything_returns(database: &TestDatabase, step: &str) {
    let site = Site::start(database);
    let before = site.cloud.inventory().unwrap();
    let name = site.api.destination_name(&site.vm).unwrap();
    let fault = Fault::new(step, &site.vm, &name, FORWARD_ATTEMPTS);
    fault.before_start(&site.cloud).unwrap();

    let boot = json!({"boot": {"within": fault::BOOT_WITHIN, "grades": ["address"]}});
    let job = site.api.start_live(&site.vm, &boot).unwrap();
    fault.once_started(&site.cloud).unwrap();
    let job = site.ended_as(&job, "failed");

    assert!(
        site.cloud.struck().unwrap().iter().all(|times| *times > 0),
        "the fault struck"
    );
    assert_eq!(failed_step(&job).unwrap(), step);
    assert_ne!(job["failure"]["remedy"], "", "the job says what to do");
    assert_eq!(site.cloud.inventory().unwrap(), before);
    assert_eq!(job["attention"], json!([]), "nobody is needed");
}
