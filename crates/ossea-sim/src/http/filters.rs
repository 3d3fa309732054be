//! The filters that lists share.

use super::parameters::Parameters;
use crate::cloud::Cloud;
use crate::cloud::account::{ACCOUNT, domain_id};
use crate::cloud::error::ApiError;

/// Lets through what has the id that a parameter names. An id that never was is refused; one that is gone finds
/// nothing.
pub(super) struct IdFilter<'a> {
    wanted: Option<Vec<&'a str>>,
}

impl<'a> IdFilter<'a> {
    pub(super) fn of(
        cloud: &Cloud,
        parameters: &'a Parameters,
        command: &str,
        name: &str,
        exists: impl Fn(&str) -> bool,
    ) -> Result<Self, ApiError> {
        let wanted = parameters
            .get(name)
            .map(|ids| ids.split(',').map(str::trim).collect::<Vec<_>>());
        for id in wanted.iter().flatten() {
            if !exists(id) && !cloud.is_removed(id) {
                return Err(ApiError::unknown_entity(command, name, id));
            }
        }
        Ok(Self { wanted })
    }

    /// Whether it lets through only some.
    pub(super) fn is_given(&self) -> bool {
        self.wanted.is_some()
    }

    pub(super) fn lets(&self, id: &str) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.contains(&id))
    }
}

/// Whether `keyword` is in one of the texts, in any case.
pub(super) fn mentions(parameters: &Parameters, texts: &[&str]) -> bool {
    parameters.get("keyword").is_none_or(|keyword| {
        let keyword = keyword.to_lowercase();
        texts.iter().any(|text| text.to_lowercase().contains(&keyword))
    })
}

/// Whether a parameter is absent or exactly `value`.
pub(super) fn is(parameters: &Parameters, name: &str, value: &str) -> bool {
    parameters.get(name).is_none_or(|wanted| wanted == value)
}

pub(super) fn vm_exists(cloud: &Cloud) -> impl Fn(&str) -> bool {
    |id| id.parse().is_ok_and(|id| cloud.vm(&id).is_some())
}

pub(super) fn zone_exists(cloud: &Cloud) -> impl Fn(&str) -> bool {
    |id| id.parse().is_ok_and(|id| cloud.zone(&id).is_some())
}

pub(super) fn volume_exists(cloud: &Cloud) -> impl Fn(&str) -> bool {
    |id| id.parse().is_ok_and(|id| cloud.volume(&id).is_some())
}

/// Lets through what has one of the tags that `tags[i].key` and `tags[i].value` name.
pub(super) struct TagFilter<'a> {
    wanted: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> TagFilter<'a> {
    pub(super) fn of(parameters: &'a Parameters) -> Self {
        let entries = parameters.entries("tags").into_values();
        let wanted = entries.filter_map(|entry| Some((*entry.get("key")?, entry.get("value").copied())));
        Self {
            wanted: wanted.collect(),
        }
    }

    pub(super) fn lets(&self, cloud: &Cloud, id: &str) -> bool {
        self.wanted.is_empty()
            || cloud.tags_of(id).any(|(key, value)| {
                let mut wanted = self.wanted.iter();
                wanted.any(|(name, like)| *name == key && like.is_none_or(|like| like == value))
            })
    }
}

/// Refuses to look for the objects of another account than the only one. With `listall` or without, all objects are
/// the caller's own.
pub(super) fn check_account(parameters: &Parameters) -> Result<(), ApiError> {
    let domain = parameters.get("domainid");
    if domain.is_some_and(|domain| domain != domain_id()) {
        let text = format!("Domain id={} doesn't exist", domain.unwrap_or_default());
        return Err(ApiError::invalid(text));
    }
    match parameters.get("account") {
        None | Some(ACCOUNT) => Ok(()),
        Some(other) => Err(ApiError::invalid(format!(
            "Unable to find account {other} in the domain"
        ))),
    }
}
