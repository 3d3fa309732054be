//! Tags: keys with values on VMs, volumes, snapshots and VM snapshots.

use std::collections::BTreeMap;

use failover_domain::{SnapshotId, VmSnapshotId, VolumeId};
use serde::{Deserialize, Serialize};

use super::Cloud;
use super::error::ApiError;
use super::jobs::JobResult;
use super::objects::ResourceType;

/// The tags of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectTags {
    /// What the object is.
    pub kind: ResourceType,
    /// Key and value.
    pub values: BTreeMap<String, String>,
}

/// Which objects `createTags` and `deleteTags` name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaggedObjects {
    /// Their kind as it was given; an unknown one is refused in the job.
    pub kind: String,
    /// Their ids as they were given; an unknown one is refused in the job.
    pub ids: Vec<String>,
}

impl Cloud {
    /// The tags of an object, by key.
    pub fn tags_of(&self, id: &str) -> impl Iterator<Item = (&str, &str)> {
        let tags = self.tags.get(id).into_iter().flat_map(|tags| &tags.values);
        tags.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The tags of all objects that are there, by the objects' ids.
    pub fn tags(&self) -> impl Iterator<Item = (&str, &ObjectTags)> {
        let all = self.tags.iter().map(|(id, tags)| (id.as_str(), tags));
        all.filter(|(id, tags)| self.has_resource(tags.kind, id))
    }

    /// Whether an object of this kind and id is there.
    pub fn has_resource(&self, kind: ResourceType, id: &str) -> bool {
        match kind {
            ResourceType::UserVm => id.parse().is_ok_and(|id| self.vms.contains_key(&id)),
            ResourceType::Volume => id
                .parse::<VolumeId>()
                .is_ok_and(|id| self.volumes.contains_key(&id)),
            ResourceType::Snapshot => id
                .parse::<SnapshotId>()
                .is_ok_and(|id| self.snapshots.contains_key(&id)),
            ResourceType::VmSnapshot => id
                .parse::<VmSnapshotId>()
                .is_ok_and(|id| self.vm_snapshots.contains_key(&id)),
        }
    }

    /// A key that is there already is refused, whatever its value; then nothing is changed at all.
    pub(super) fn check_create_tags(
        &self,
        on: &TaggedObjects,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), ApiError> {
        self.tagged_kind(on)?;
        for id in &on.ids {
            if let Some((key, _)) = self.tags_of(id).find(|(key, _)| tags.contains_key(*key)) {
                let text = format!("tag {key} already on {} {id}", on.kind);
                return Err(ApiError::runtime(text));
            }
        }
        Ok(())
    }

    pub(super) fn finish_create_tags(
        &mut self,
        on: &TaggedObjects,
        tags: &BTreeMap<String, String>,
    ) -> Result<JobResult, ApiError> {
        self.check_create_tags(on, tags)?;
        let kind = self.tagged_kind(on)?;
        for id in &on.ids {
            self.put_tags(kind, id, tags);
        }
        Ok(JobResult::Success)
    }

    pub(super) fn put_tags(&mut self, kind: ResourceType, id: &str, tags: &BTreeMap<String, String>) {
        if tags.is_empty() {
            return;
        }
        let of_object = self.tags.entry(id.to_owned()).or_insert_with(|| ObjectTags {
            kind,
            values: BTreeMap::new(),
        });
        of_object
            .values
            .extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
    }

    pub(super) fn check_delete_tags(&self, on: &TaggedObjects) -> Result<(), ApiError> {
        self.tagged_kind(on).map(|_| ())
    }

    /// A key goes whatever its value, unless a value is given; without any key all tags go.
    pub(super) fn finish_delete_tags(
        &mut self,
        on: &TaggedObjects,
        tags: &BTreeMap<String, Option<String>>,
    ) -> Result<JobResult, ApiError> {
        self.check_delete_tags(on)?;
        for id in &on.ids {
            let Some(of_object) = self.tags.get_mut(id) else {
                continue;
            };
            of_object.values.retain(|key, value| match tags.get(key) {
                Some(None) => false,
                Some(Some(wanted)) => value != wanted,
                None => !tags.is_empty(),
            });
            if of_object.values.is_empty() {
                self.tags.remove(id);
            }
        }
        Ok(JobResult::Success)
    }

    /// The kind of the objects, if all of them are there.
    fn tagged_kind(&self, on: &TaggedObjects) -> Result<ResourceType, ApiError> {
        let kind = ResourceType::of_word(&on.kind)
            .ok_or_else(|| ApiError::invalid(format!("Invalid resource type: {}", on.kind)))?;
        match on.ids.iter().find(|id| !self.has_resource(kind, id)) {
            None => Ok(kind),
            Some(id) => Err(ApiError::invalid(format!(
                "Unable to find resource by uuid {id} and type {}",
                kind.word()
            ))),
        }
    }
}
