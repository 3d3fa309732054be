//! The generated mock, whose every expectation is answered by a simulated cloud.

use futures::FutureExt;
use ossea::{MockOsseaClient, OsseaClient};
use ossea_sim::InProcessCloud;

/// A mock that knows every method and answers as `cloud` does. A mock cannot wait: `cloud` has to answer at once.
pub(crate) fn over(cloud: InProcessCloud) -> MockOsseaClient {
    let mut mock = MockOsseaClient::new();
    let asked = cloud.clone();
    mock.expect_submit()
        .returning(move |key, command| at_once(asked.submit(key, command)));
    let asked = cloud.clone();
    mock.expect_submit_as_of()
        .returning(move |entitled_at, key, command| at_once(asked.submit_as_of(entitled_at, key, command)));
    let asked = cloud.clone();
    mock.expect_job().returning(move |id| at_once(asked.job(id)));
    let asked = cloud.clone();
    mock.expect_pending_jobs()
        .returning(move || at_once(asked.pending_jobs()));
    let asked = cloud.clone();
    mock.expect_vm().returning(move |id| at_once(asked.vm(id)));
    let asked = cloud.clone();
    mock.expect_vms_named()
        .returning(move |name| at_once(asked.vms_named(name)));
    let asked = cloud.clone();
    mock.expect_vms().returning(move || at_once(asked.vms()));
    let asked = cloud.clone();
    mock.expect_volume()
        .returning(move |id| at_once(asked.volume(id)));
    let asked = cloud.clone();
    mock.expect_volumes_on()
        .returning(move |vm| at_once(asked.volumes_on(vm)));
    let asked = cloud.clone();
    mock.expect_volumes().returning(move || at_once(asked.volumes()));
    let asked = cloud.clone();
    mock.expect_snapshots_of()
        .returning(move |volume| at_once(asked.snapshots_of(volume)));
    let asked = cloud.clone();
    mock.expect_snapshots()
        .returning(move || at_once(asked.snapshots()));
    let asked = cloud.clone();
    mock.expect_snapshot()
        .returning(move |id| at_once(asked.snapshot(id)));
    let asked = cloud.clone();
    mock.expect_vm_snapshots_of()
        .returning(move |vm| at_once(asked.vm_snapshots_of(vm)));
    let asked = cloud.clone();
    mock.expect_vm_snapshot()
        .returning(move |id| at_once(asked.vm_snapshot(id)));
    let asked = cloud.clone();
    mock.expect_network()
        .returning(move |id| at_once(asked.network(id)));
    let asked = cloud.clone();
    mock.expect_networks()
        .returning(move |zone| at_once(asked.networks(zone)));
    let asked = cloud.clone();
    mock.expect_zone().returning(move |id| at_once(asked.zone(id)));
    let asked = cloud.clone();
    mock.expect_zones().returning(move || at_once(asked.zones()));
    let asked = cloud.clone();
    mock.expect_service_offerings()
        .returning(move || at_once(asked.service_offerings()));
    let asked = cloud.clone();
    mock.expect_templates()
        .returning(move |zone| at_once(asked.templates(zone)));
    let asked = cloud.clone();
    mock.expect_service_offering()
        .returning(move |id| at_once(asked.service_offering(id)));
    let asked = cloud.clone();
    mock.expect_template()
        .returning(move |id, zone| at_once(asked.template(id, zone)));
    let asked = cloud.clone();
    mock.expect_storage_pools()
        .returning(move |zone| at_once(asked.storage_pools(zone)));
    let asked = cloud.clone();
    mock.expect_resource_limits()
        .returning(move || at_once(asked.resource_limits()));
    let asked = cloud.clone();
    mock.expect_clock_skew().returning(move || asked.clock_skew());
    let asked = cloud.clone();
    mock.expect_with_priority()
        .returning(move |priority| asked.with_priority(priority));
    let asked = cloud.clone();
    mock.expect_circuit().returning(move || asked.circuit());
    let asked = cloud.clone();
    mock.expect_capabilities()
        .returning(move || at_once(asked.capabilities()));
    mock
}

fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer
        .now_or_never()
        .expect("a cloud without latency answers at once")
}
