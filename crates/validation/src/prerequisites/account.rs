//! What the probe says about the cloud as a whole and about our account in it.

use ossea::probe::{ApiLimit, CloudProbe, Fact, ReleaseLine, Standing, rules};
use ossea::{LimitedResource, OsseaError, ResourceLimit};
use serde_json::{Value, json};

use super::report::{Check, Prerequisite};
use crate::outcome::remedy_of;

const REACHABLE: Check = Check::critical("cloud_reachable", "Cloud Reachable");
const CLOCK: Check = Check::warning("clock_skew", "Clock Skew");
const VERSION: Check = Check::critical("version", "Version");
const EXPUNGE_VMS: Check = Check::warning("expunge_vms", "Expunging VMs");
const DELETE_VOLUMES: Check = Check::warning("delete_volumes", "Deleting Volumes");
const FORCE_STOP: Check = Check::warning("force_stop", "Forced Stop");
const LIMITS: Check = Check::warning("resource_limits", "Resource Limits");
const API_LIMIT: Check = Check::warning("api_limit", "API Limit");

/// A job reads its VM, its volumes and the list of async jobs within a second, beside the command that it sends;
/// below this, readiness, progress and way back of a single failover hold each other up.
const LEAST_REQUESTS_PER_SECOND: u32 = 5;

/// The checks that need nothing but a probe, apart from storage, with `cloud_reachable` first.
pub(super) fn checks(probe: &CloudProbe) -> Vec<Prerequisite> {
    vec![
        reachable(probe),
        clock(&probe.clock_skew_ms),
        version(probe),
        expunge_vms(probe.may_expunge_vm),
        delete_volumes(&probe.may_expunge_volume),
        force_stop(&probe.may_force_stop),
        limits(&probe.resource_limits),
        api_limit(probe),
    ]
}

fn reachable(probe: &CloudProbe) -> Prerequisite {
    let message = format!(
        "the cloud answers (CloudStack {}) and accepts our credentials",
        probe.version
    );
    REACHABLE
        .passed(message)
        .with(json!({ "version": probe.version }))
}

/// The same when there is no probe.
pub(super) fn unreachable(error: &OsseaError) -> Prerequisite {
    REACHABLE.failed(error.to_string(), remedy_of(error))
}

fn clock(skew: &Fact<i64>) -> Prerequisite {
    let milliseconds = match skew {
        Fact::Told { value } => *value,
        Fact::NotTold(why) => {
            return CLOCK.not_told(
                format!("the difference between the clocks is not known: {why}"),
                "Check that this machine and the management server set their clocks by NTP.",
            );
        }
    };
    let side = if milliseconds < 0 { "behind" } else { "ahead of" };
    let seconds = milliseconds.unsigned_abs() / 1000;
    let message = format!("the cloud's clock is {seconds} s {side} ours");
    let check = if rules::is_notable_skew(milliseconds) {
        CLOCK.failed(
            format!("{message}; requests are dated by the cloud's clock, but logs and certificates are not"),
            "Let both machines set their clocks by NTP.",
        )
    } else {
        CLOCK.passed(message)
    };
    check.with(json!({ "clock_skew_ms": milliseconds }))
}

fn version(probe: &CloudProbe) -> Prerequisite {
    let version = &probe.version;
    let line = version.line();
    let check = match line {
        ReleaseLine::V4_18To4_20 | ReleaseLine::V4_21 | ReleaseLine::V4_22 => {
            VERSION.passed(format!("CloudStack {version} is one of the releases 4.18 to 4.22"))
        }
        ReleaseLine::Older => VERSION.failed(
            format!("CloudStack {version} is older than 4.18, and its rules are not known to us"),
            "Upgrade CloudStack to 4.18 or newer.",
        ),
        ReleaseLine::Newer => VERSION.not_told(
            format!("CloudStack {version} is newer than 4.22, the last release whose rules are known to us"),
            "Read its release notes for changes to volumes and snapshots, and begin with a VM that you can lose.",
        ),
        ReleaseLine::Unreadable => VERSION.not_told(
            format!("{:?} is no version of CloudStack", version.as_str()),
            "Find out which release it is made from, and begin with a VM that you can lose.",
        ),
    };
    check.with(json!({ "version": version, "release_line": line }))
}

fn expunge_vms(may: bool) -> Prerequisite {
    let check = if may {
        EXPUNGE_VMS.passed("our account may expunge VMs")
    } else {
        EXPUNGE_VMS.failed(
            "our account may not expunge VMs: after a failure the destination VM would stay until somebody \
             expunges it",
            "Let the account expunge VMs (allow.user.expunge.recover.vm), or be ready to expunge by hand.",
        )
    };
    check.with(json!({ "may_expunge_vm": may }))
}

fn delete_volumes(may: &Fact<bool>) -> Prerequisite {
    permission(
        &DELETE_VOLUMES,
        may,
        "delete volumes",
        "the scratch root of each destination VM would stay until somebody deletes it",
        "Let the account delete volumes (allow.user.expunge.recover.volume), or be ready to delete by hand.",
    )
}

fn force_stop(may: &Fact<bool>) -> Prerequisite {
    permission(
        &FORCE_STOP,
        may,
        "force a stop",
        "on the way back a guest that does not shut down would need a person",
        "Let the account force stops (allow.user.force.stop.vm), or be ready to stop VMs by hand.",
    )
}

fn permission(check: &Check, may: &Fact<bool>, what: &str, else_: &str, remedy: &str) -> Prerequisite {
    match may {
        Fact::Told { value: true } => check.passed(format!("our account may {what}")),
        Fact::Told { value: false } => check.failed(format!("our account may not {what}: {else_}"), remedy),
        Fact::NotTold(why) => check.not_told(
            format!("whether our account may {what} is not known: {why}"),
            remedy,
        ),
    }
}

fn limits(limits: &Fact<Vec<ResourceLimit>>) -> Prerequisite {
    let limits = match limits {
        Fact::Told { value } => value,
        Fact::NotTold(why) => {
            return LIMITS.not_told(
                format!("the limits of our account are not known: {why}"),
                "Look at the account's limits in CloudStack.",
            );
        }
    };
    let named = limits
        .iter()
        .filter_map(|limit| resource_word(&limit.resource).map(|word| (word, limit.max)));
    let named: Vec<(&str, Option<u64>)> = named.collect();
    let forbidden: Vec<&str> = named
        .iter()
        .filter(|(_, max)| *max == Some(0))
        .map(|(word, _)| *word)
        .collect();
    let details: serde_json::Map<String, Value> = named
        .iter()
        .map(|(word, max)| ((*word).to_owned(), json!(max)))
        .collect();
    let check = if forbidden.is_empty() {
        LIMITS.passed("the limits of our account forbid nothing; how much of them is used was not looked at")
    } else {
        LIMITS.failed(
            format!("our account may have none of: {}", forbidden.join(", ")),
            "Ask the cloud's administrator to raise these limits of the account.",
        )
    };
    check.with(json!({ "limits": details }))
}

/// The resources that a failover needs.
fn resource_word(resource: &LimitedResource) -> Option<&'static str> {
    match resource {
        LimitedResource::Vms => Some("vms"),
        LimitedResource::Volumes => Some("volumes"),
        LimitedResource::Snapshots => Some("snapshots"),
        LimitedResource::Cpus => Some("cpus"),
        LimitedResource::MemoryMib => Some("memory_mib"),
        LimitedResource::PrimaryStorageGib => Some("primary_storage_gib"),
        LimitedResource::SecondaryStorageGib => Some("secondary_storage_gib"),
        LimitedResource::Other(_) => None,
    }
}

fn api_limit(probe: &CloudProbe) -> Prerequisite {
    let (Some(limit), Some(per_second)) = (probe.api_limit, rules::requests_per_second(probe)) else {
        return API_LIMIT.passed("the cloud does not limit requests");
    };
    let ApiLimit {
        requests,
        interval_seconds,
    } = limit;
    let told = format!("{requests} requests in {interval_seconds} s are allowed");
    let check = if probe.standing.value() == Some(&Standing::RootAdmin) {
        API_LIMIT.passed(format!("{told}, but not counted for a root admin"))
    } else if per_second >= LEAST_REQUESTS_PER_SECOND {
        API_LIMIT.passed(told)
    } else {
        API_LIMIT.failed(
            format!("{told}, fewer than {LEAST_REQUESTS_PER_SECOND} a second: failovers will be slow"),
            "Ask the cloud's administrator to raise api.throttling.max.",
        )
    };
    check.with(json!({ "requests": requests, "interval_seconds": interval_seconds }))
}
