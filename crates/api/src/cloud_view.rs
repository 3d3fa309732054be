//! Makes answers of what the cloud shows.

use std::collections::BTreeSet;

use failover_domain::MacAddress;
use failover_validation::Target;
use ossea::probe::rules::stopped_vm_snapshot;
use ossea::probe::{CloudProbe, FailedRefresh, ProbeReading};
use ossea::{
    CloudNic, CloudVm, LimitedResource, Network, PoolKind, ResourceLimit, ServiceOffering, StoragePool,
    Template, Zone,
};

use crate::dto::NetworkView;
use crate::dto::ossea::{
    CapabilitiesView, CardView, FailedRefreshView, FoundVm, OfferingView, ProbeAge, ResourceLimitView,
    StoppedVmSnapshotView, StoragePoolView, TemplateView, ZoneView,
};

pub(crate) fn age_of(reading: &ProbeReading) -> ProbeAge {
    ProbeAge {
        taken_at: Some(reading.probe.taken_at),
        age_seconds: u64::try_from(reading.age.num_seconds()).ok(),
        version: Some(reading.probe.version.to_string()),
        failed_refresh: reading.failed_refresh.as_ref().map(failed_refresh),
    }
}

/// When nothing is known yet.
pub(crate) fn age_without(failed: &FailedRefresh) -> ProbeAge {
    ProbeAge {
        failed_refresh: Some(failed_refresh(failed)),
        ..ProbeAge::default()
    }
}

fn failed_refresh(failed: &FailedRefresh) -> FailedRefreshView {
    FailedRefreshView {
        at: failed.at,
        error: failed.error.to_string(),
    }
}

pub(crate) fn capabilities(probe: &CloudProbe) -> CapabilitiesView {
    CapabilitiesView {
        version: probe.version.to_string(),
        release_line: probe.version.line(),
        standing: probe.standing.clone(),
        may_expunge_vm: probe.may_expunge_vm,
        may_expunge_volume: probe.may_expunge_volume.clone(),
        may_force_stop: probe.may_force_stop.clone(),
        shows_destroyed_vms: probe.shows_destroyed_vms.clone(),
        snapshots_running_vms: probe.snapshots_running_vms,
        snapshots_of_stopped_vms: snapshots_of_stopped_vms(probe),
        api_limit: probe.api_limit,
        clock_skew_ms: probe.clock_skew_ms.clone(),
        storage_pools: probe.storage_pools.map(|pools| pools.iter().map(pool).collect()),
        resource_limits: probe
            .resource_limits
            .map(|limits| limits.iter().map(limit).collect()),
    }
}

/// For the kinds of storage that the zone has, and where they are not told, for those that are known.
fn snapshots_of_stopped_vms(probe: &CloudProbe) -> Vec<StoppedVmSnapshotView> {
    let mut kinds = match probe.storage_pools.value() {
        Some(pools) => pools.iter().map(|pool| pool.kind.clone()).collect(),
        None => vec![
            PoolKind::NetworkFilesystem,
            PoolKind::SharedMountPoint,
            PoolKind::Filesystem,
            PoolKind::Rbd,
        ],
    };
    kinds.sort_by(|one, other| one.word().cmp(other.word()));
    kinds.dedup();
    kinds
        .iter()
        .map(|kind| StoppedVmSnapshotView {
            storage: kind.word().to_owned(),
            outcome: stopped_vm_snapshot(&probe.version, kind),
        })
        .collect()
}

fn pool(pool: &StoragePool) -> StoragePoolView {
    StoragePoolView {
        id: pool.id.clone(),
        name: pool.name.clone(),
        kind: pool.kind.word().to_owned(),
        scope: pool.scope.word().to_owned(),
        cluster: pool.cluster.clone(),
        managed: pool.managed,
    }
}

fn limit(limit: &ResourceLimit) -> ResourceLimitView {
    let resource = match &limit.resource {
        LimitedResource::Vms => "vms",
        LimitedResource::Volumes => "volumes",
        LimitedResource::Snapshots => "snapshots",
        LimitedResource::Cpus => "cpus",
        LimitedResource::MemoryMib => "memory_mib",
        LimitedResource::PrimaryStorageGib => "primary_storage_gib",
        LimitedResource::SecondaryStorageGib => "secondary_storage_gib",
        LimitedResource::Other(number) => &format!("resource_type_{number}"),
    };
    ResourceLimitView {
        resource: resource.to_owned(),
        max: limit.max,
    }
}

pub(crate) fn zone(zone: Zone, target: &Target) -> ZoneView {
    ZoneView {
        is_configured: zone.id == target.zone,
        id: zone.id,
        name: zone.name,
        enabled: zone.enabled,
    }
}

pub(crate) fn network(network: Network) -> NetworkView {
    NetworkView {
        id: network.id,
        name: network.name,
        kind: network.kind,
        zone_id: network.zone,
        state: network.state,
        can_deploy: network.can_deploy,
    }
}

pub(crate) fn offering(offering: ServiceOffering, target: &Target) -> OfferingView {
    OfferingView {
        is_configured: offering.id == target.offering,
        id: offering.id,
        name: offering.name,
        customized: offering.customized,
        cpus: offering.cpus,
        cpu_speed_mhz: offering.cpu_speed_mhz,
        memory_mib: offering.memory_mib,
        cpu_bounds: offering.cpu_bounds,
        memory_bounds_mib: offering.memory_bounds_mib,
    }
}

pub(crate) fn template(template: Template, target: &Target) -> TemplateView {
    TemplateView {
        is_configured: template.id == target.template,
        id: template.id,
        name: template.name,
        ready: template.ready,
        hypervisor: template.hypervisor,
        password_enabled: template.password_enabled,
        size_bytes: template.size_bytes,
    }
}

/// A VM, with its cards that have one of the addresses marked.
pub(crate) fn found_vm(vm: &CloudVm, wanted: &BTreeSet<MacAddress>, target: &Target) -> FoundVm {
    let card = |nic: &CloudNic| CardView {
        mac: nic.mac.clone(),
        network_id: nic.network.clone(),
        network_name: nic.network_name.clone(),
        address: nic.address,
        is_match: nic.mac.parse().is_ok_and(|mac: MacAddress| wanted.contains(&mac)),
    };
    FoundVm {
        vm_id: vm.id.clone(),
        name: vm.name.clone(),
        display_name: vm.display_name.clone(),
        state: vm.state.word().to_owned(),
        zone_id: vm.zone.clone(),
        cards: vm.nics.iter().map(card).collect(),
        is_configured: vm.id == target.oma_vm,
    }
}
