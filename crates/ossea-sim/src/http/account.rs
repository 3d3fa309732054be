//! The one account: what it is, what it uses, and what it may have.

use serde_json::{Map, Value, json};

use super::filters::{IdFilter, check_account, is, mentions};
use super::parameters::Parameters;
use crate::cloud::Cloud;
use crate::cloud::account::{ACCOUNT, DOMAIN, account_id, domain_id, user_id};
use crate::cloud::error::ApiError;
use crate::cloud::limits::Resource;
use crate::settings::Role;

pub(super) fn accounts(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    let own = account_id();
    let id = IdFilter::of(cloud, parameters, "listAccounts", "id", |id| id == own)?;
    let found = id.lets(&own) && is(parameters, "name", ACCOUNT) && mentions(parameters, &[ACCOUNT]);
    Ok(found.then(|| account(cloud)).into_iter().collect())
}

fn account(cloud: &Cloud) -> Value {
    let (kind, role) = role(cloud);
    let mut row = Map::new();
    let fields = [
        ("id", account_id().into()),
        ("name", ACCOUNT.into()),
        ("accounttype", kind.into()),
        ("rolename", role.into()),
        ("domainid", domain_id().into()),
        ("domain", DOMAIN.into()),
        ("state", "enabled".into()),
        ("user", json!([user(cloud)])),
    ];
    row.extend(fields.map(|(name, value): (&str, Value)| (name.to_owned(), value)));
    for resource in Resource::ALL {
        let (used, limit) = (cloud.used(resource), cloud.limit(resource));
        // Limits of an account are texts here, unlike in their own list.
        let text = |number: Option<u64>| number.map_or_else(|| "Unlimited".to_owned(), |n| n.to_string());
        let name = resource.account_field();
        row.insert(format!("{name}total"), used.into());
        row.insert(format!("{name}limit"), text(limit).into());
        row.insert(
            format!("{name}available"),
            text(limit.map(|limit| limit.saturating_sub(used))).into(),
        );
    }
    Value::Object(row)
}

pub(super) fn users(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    check_account(parameters)?;
    let own = user_id();
    let id = IdFilter::of(cloud, parameters, "listUsers", "id", |id| id == own)?;
    let found = id.lets(&own) && is(parameters, "username", ACCOUNT) && mentions(parameters, &[ACCOUNT]);
    Ok(found.then(|| user(cloud)).into_iter().collect())
}

fn user(cloud: &Cloud) -> Value {
    let (kind, role) = role(cloud);
    json!({
        "id": user_id(),
        "username": ACCOUNT,
        "account": ACCOUNT,
        "accountid": account_id(),
        "accounttype": kind,
        "rolename": role,
        "domainid": domain_id(),
        "domain": DOMAIN,
        "state": "enabled",
    })
}

/// CloudStack's number and name of the caller's role.
fn role(cloud: &Cloud) -> (u32, &'static str) {
    match cloud.settings().role {
        Role::RootAdmin => (1, "Root Admin"),
        Role::User => (0, "User"),
    }
}

pub(super) fn limits(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    check_account(parameters)?;
    let wanted: Option<u32> = parameters.number("listResourceLimits", "resourcetype")?;
    let found = Resource::ALL
        .into_iter()
        .filter(|resource| wanted.is_none_or(|wanted| wanted == resource.number()));
    let rows = found.map(|resource| {
        let max = cloud.limit(resource).map_or_else(|| Value::from(-1), Value::from);
        json!({
            // A text, as in most releases.
            "resourcetype": resource.number().to_string(),
            "resourcetypename": resource.word(),
            "account": ACCOUNT,
            "domainid": domain_id(),
            "domain": DOMAIN,
            "max": max,
        })
    });
    Ok(rows.collect())
}
