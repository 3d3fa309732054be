//! Pools, limits and tags in the words of the `ossea` crate.

use std::collections::{BTreeMap, BTreeSet};

use ossea::{LimitedResource, PoolKind, PoolScope, ResourceLimit, StoragePool, Tagged};

use crate::cloud::Cloud;
use crate::cloud::command::ApiCommand;
use crate::cloud::limits::Resource;
use crate::cloud::objects::ResourceType;
use crate::cloud::tags::TaggedObjects;
use crate::contents::{ClusterContents, PoolContents, StorageKind, StorageScope};

pub(super) fn storage_pool(cloud: &Cloud, pool: &PoolContents) -> StoragePool {
    StoragePool {
        id: pool.id(),
        name: pool.name.clone(),
        zone: pool.zone.clone(),
        kind: match pool.kind {
            StorageKind::Nfs => PoolKind::NetworkFilesystem,
            StorageKind::Rbd => PoolKind::Rbd,
            StorageKind::Managed => PoolKind::Other(pool.kind.type_word().to_owned()),
        },
        scope: match pool.scope {
            StorageScope::Zone => PoolScope::Zone,
            StorageScope::Cluster => PoolScope::Cluster,
            StorageScope::Host => PoolScope::Host,
        },
        cluster: cloud.cluster_of_pool(pool).map(ClusterContents::id),
        managed: Some(pool.kind == StorageKind::Managed),
    }
}

pub(super) fn resource_limit(cloud: &Cloud, resource: Resource) -> ResourceLimit {
    ResourceLimit {
        resource: match resource {
            Resource::Vms => LimitedResource::Vms,
            Resource::Volumes => LimitedResource::Volumes,
            Resource::Snapshots => LimitedResource::Snapshots,
            Resource::Cpus => LimitedResource::Cpus,
            Resource::MemoryMib => LimitedResource::MemoryMib,
            Resource::PrimaryStorageGib => LimitedResource::PrimaryStorageGib,
            Resource::SecondaryStorageGib => LimitedResource::SecondaryStorageGib,
        },
        max: cloud.limit(resource),
    }
}

pub(super) fn create_tags(on: &Tagged, tags: &BTreeMap<String, String>) -> ApiCommand {
    ApiCommand::CreateTags {
        on: tagged_object(on),
        tags: tags.clone(),
    }
}

pub(super) fn delete_tags(on: &Tagged, keys: &BTreeSet<String>) -> ApiCommand {
    ApiCommand::DeleteTags {
        on: tagged_object(on),
        tags: keys.iter().map(|key| (key.clone(), None)).collect(),
    }
}

fn tagged_object(on: &Tagged) -> TaggedObjects {
    let (kind, id) = match on {
        Tagged::Vm(id) => (ResourceType::UserVm, id.as_str()),
        Tagged::Volume(id) => (ResourceType::Volume, id.as_str()),
        Tagged::Snapshot(id) => (ResourceType::Snapshot, id.as_str()),
        Tagged::VmSnapshot(id) => (ResourceType::VmSnapshot, id.as_str()),
    };
    TaggedObjects {
        kind: kind.word().to_owned(),
        ids: vec![id.to_owned()],
    }
}
