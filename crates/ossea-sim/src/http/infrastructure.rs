//! Lists of what VMs and volumes stand on, and of tags.

use serde_json::{Value, json};

use super::filters::{IdFilter, check_account, is, mentions, zone_exists};
use super::parameters::Parameters;
use super::rows::{row, zone_name};
use crate::cloud::Cloud;
use crate::cloud::account::{ACCOUNT, DOMAIN, domain_id};
use crate::cloud::error::ApiError;
use crate::cloud::objects::ResourceType;
use crate::contents::{ClusterContents, DiskOfferingContents, PoolContents, StorageKind, derived_id};
use crate::settings::Role;

/// The operating system of every template here.
const OS_TYPE: &str = "Other Linux (64-bit)";

pub(super) fn os_type_id() -> String {
    derived_id("ostype", OS_TYPE)
}

/// The one row of `listOsTypes`.
pub(super) fn os_type() -> Value {
    json!({ "id": os_type_id(), "name": OS_TYPE, "description": OS_TYPE, "isuserdefined": false })
}

pub(super) fn os_type_name() -> &'static str {
    OS_TYPE
}

/// The id that the rows of VMs and hosts show for a host.
pub(super) fn host_id(host: &str) -> String {
    derived_id("host", host)
}

/// The tags of an object in its row.
pub(super) fn tags_in_row(cloud: &Cloud, kind: ResourceType, id: &str) -> Vec<Value> {
    let tags = cloud.tags_of(id);
    tags.map(|(key, value)| tag(kind, id, key, value)).collect()
}

fn tag(kind: ResourceType, id: &str, key: &str, value: &str) -> Value {
    json!({
        "key": key,
        "value": value,
        "resourcetype": kind.word(),
        "resourceid": id,
        "account": ACCOUNT,
        "domainid": domain_id(),
        "domain": DOMAIN,
    })
}

pub(super) fn tags(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    check_account(parameters)?;
    let kind = match parameters.get("resourcetype") {
        None => None,
        Some(word) => Some(
            ResourceType::of_word(word)
                .ok_or_else(|| ApiError::invalid(format!("Invalid resource type: {word}")))?,
        ),
    };
    let of_objects = cloud
        .tags()
        .filter(|(id, tags)| kind.is_none_or(|kind| tags.kind == kind) && is(parameters, "resourceid", id));
    let all = of_objects.flat_map(|(id, tags)| tags.values.iter().map(move |pair| (id, tags.kind, pair)));
    let found = all.filter(|(_, _, (key, value))| {
        is(parameters, "key", key) && is(parameters, "value", value) && mentions(parameters, &[key, value])
    });
    Ok(found
        .map(|(id, kind, (key, value))| tag(kind, id, key, value))
        .collect())
}

/// The name of the pool that `storageid` names. Plain users are not told apart by it: the parameter is ignored.
pub(super) fn pool_filter(
    cloud: &Cloud,
    parameters: &Parameters,
    command: &str,
) -> Result<Option<String>, ApiError> {
    match (parameters.get("storageid"), cloud.settings().role) {
        (None, _) | (Some(_), Role::User) => Ok(None),
        (Some(id), Role::RootAdmin) => {
            let found = cloud.pools().find(|pool| pool.id().as_str() == id);
            let found = found.ok_or_else(|| ApiError::unknown_entity(command, "storageid", id))?;
            Ok(Some(found.name.clone()))
        }
    }
}

fn cluster_exists(cloud: &Cloud) -> impl Fn(&str) -> bool {
    |id| cloud.clusters().any(|cluster| cluster.id() == id)
}

pub(super) fn storage_pools(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    let command = "listStoragePools";
    cloud.check_root_admin(command)?;
    let exists = |id: &str| cloud.pools().any(|pool| pool.id().as_str() == id);
    let id = IdFilter::of(cloud, parameters, command, "id", exists)?;
    let zone = IdFilter::of(cloud, parameters, command, "zoneid", zone_exists(cloud))?;
    let cluster = IdFilter::of(cloud, parameters, command, "clusterid", cluster_exists(cloud))?;
    let found = cloud.pools().filter(|pool| {
        let of_cluster = cloud.cluster_of_pool(pool).map(ClusterContents::id);
        id.lets(pool.id().as_str())
            && zone.lets(pool.zone.as_str())
            && cluster.lets(of_cluster.as_deref().unwrap_or_default())
            && is(parameters, "name", &pool.name)
            && parameters
                .get("scope")
                .is_none_or(|scope| scope.eq_ignore_ascii_case(pool.scope.word()))
            && mentions(parameters, &[&pool.name])
    });
    Ok(found.map(|pool| storage_pool(cloud, pool)).collect())
}

fn storage_pool(cloud: &Cloud, pool: &PoolContents) -> Value {
    let cluster = cloud.cluster_of_pool(pool);
    row(json!({
        "id": pool.id(),
        "name": pool.name,
        "zoneid": pool.zone,
        "zonename": zone_name(cloud, &pool.zone),
        "type": pool.kind.type_word(),
        "scope": pool.scope.word(),
        "clusterid": cluster.map(ClusterContents::id),
        "clustername": cluster.map(|cluster| &cluster.name),
        "managed": pool.kind == StorageKind::Managed,
        "state": "Up",
        "hypervisor": "KVM",
    }))
}

pub(super) fn hosts(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    let command = "listHosts";
    cloud.check_root_admin(command)?;
    let exists = |id: &str| {
        let mut hosts = cloud.clusters().flat_map(|cluster| &cluster.hosts);
        hosts.any(|host| host_id(host) == id)
    };
    let id = IdFilter::of(cloud, parameters, command, "id", exists)?;
    let zone = IdFilter::of(cloud, parameters, command, "zoneid", zone_exists(cloud))?;
    let cluster = IdFilter::of(cloud, parameters, command, "clusterid", cluster_exists(cloud))?;
    let all = cloud
        .clusters()
        .flat_map(|cluster| cluster.hosts.iter().map(move |host| (cluster, host)));
    let found = all.filter(|(of, host)| {
        id.lets(&host_id(host))
            && zone.lets(of.zone.as_str())
            && cluster.lets(&of.id())
            && is(parameters, "name", host)
            && is(parameters, "type", "Routing")
            && is(parameters, "state", "Up")
            && mentions(parameters, &[host])
    });
    Ok(found.map(|(cluster, name)| host(cloud, cluster, name)).collect())
}

fn host(cloud: &Cloud, cluster: &ClusterContents, name: &str) -> Value {
    row(json!({
        "id": host_id(name),
        "name": name,
        "type": "Routing",
        "state": "Up",
        "resourcestate": "Enabled",
        "hypervisor": "KVM",
        "zoneid": cluster.zone,
        "zonename": zone_name(cloud, &cluster.zone),
        "clusterid": cluster.id(),
        "clustername": cluster.name,
        "clustertype": "CloudManaged",
        "version": cloud.settings().profile.version(),
    }))
}

pub(super) fn disk_offerings(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    let exists = |id: &str| id.parse().is_ok_and(|id| cloud.disk_offering(&id).is_some());
    let id = IdFilter::of(cloud, parameters, "listDiskOfferings", "id", exists)?;
    let found = cloud.disk_offerings().filter(|offering| {
        id.lets(offering.id.as_str())
            && is(parameters, "name", &offering.name)
            && mentions(parameters, &[&offering.name])
    });
    Ok(found.map(disk_offering).collect())
}

fn disk_offering(offering: &DiskOfferingContents) -> Value {
    json!({
        "id": offering.id,
        "name": offering.name,
        "displaytext": offering.name,
        // A size that is given with each disk shows as 0.
        "disksize": offering.size_gib.unwrap_or(0),
        "iscustomized": offering.size_gib.is_none(),
        "storagetype": "shared",
        "provisioningtype": "thin",
        "displayoffering": true,
        "state": "Active",
    })
}
