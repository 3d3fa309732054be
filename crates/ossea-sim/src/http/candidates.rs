//! Where a list begins to look: at the few rows that a filter names, or at all.
//!
//! The candidates are a superset of what the filters let through, in the order of a list of all rows.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::parameters::Parameters;
use crate::cloud::Cloud;
use crate::cloud::objects::{Snapshot, Vm, Volume};

/// Some rows of a cloud.
type Rows<'a, T> = Box<dyn Iterator<Item = &'a T> + 'a>;

pub(super) fn vms<'a>(cloud: &'a Cloud, parameters: &Parameters) -> Rows<'a, Vm> {
    if let Some(ids) = named_ids(parameters) {
        return Box::new(ids.into_iter().filter_map(|id| cloud.visible_vm(&id)));
    }
    match parameters.get("name") {
        Some(name) => Box::new(cloud.visible_vms_named(name)),
        None => Box::new(cloud.visible_vms()),
    }
}

pub(super) fn volumes<'a>(cloud: &'a Cloud, parameters: &Parameters) -> Rows<'a, Volume> {
    if let Some(ids) = named_ids(parameters) {
        return Box::new(ids.into_iter().filter_map(|id| cloud.volume(&id)));
    }
    match owner(parameters, "virtualmachineid") {
        Some(vm) => Box::new(cloud.volumes_on(&vm)),
        None => Box::new(cloud.volumes()),
    }
}

pub(super) fn snapshots<'a>(cloud: &'a Cloud, parameters: &Parameters) -> Rows<'a, Snapshot> {
    if let Some(ids) = named_ids(parameters) {
        return Box::new(ids.into_iter().filter_map(|id| cloud.snapshot(&id)));
    }
    match owner(parameters, "volumeid") {
        Some(volume) => Box::new(cloud.snapshots_of(&volume)),
        None => Box::new(cloud.snapshots()),
    }
}

/// The ids that `id` or `ids` names, in order.
fn named_ids<T: FromStr + Ord>(parameters: &Parameters) -> Option<BTreeSet<T>> {
    let named = parameters.get("id").or_else(|| parameters.get("ids"))?;
    Some(named.split(',').filter_map(|id| id.trim().parse().ok()).collect())
}

/// The one object whose rows are asked for.
fn owner<T: FromStr>(parameters: &Parameters, name: &str) -> Option<T> {
    parameters.get(name)?.parse().ok()
}
