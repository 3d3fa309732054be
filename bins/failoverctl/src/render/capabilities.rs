//! What the cloud told about itself.

use failover_api::dto::CapabilitiesAnswer;
use failover_api::dto::ossea::{
    ApiLimit, CapabilitiesView, Fact, ProbeAge, ReleaseLine, ResourceLimitView, Standing, StoppedVmSnapshot,
    StoragePoolView,
};

use super::figures::{instant, seconds};
use super::table;

/// Everything, with its age.
pub(crate) fn capabilities(answer: &CapabilitiesAnswer) -> String {
    let told = &answer.capabilities;
    let row = |(name, value): (&str, String)| [name.to_owned(), value];
    let mut text = table(0, ["WHAT", "TOLD"], facts(told).map(row));
    let snapshots = told
        .snapshots_of_stopped_vms
        .iter()
        .map(|row| [row.storage.clone(), outcome(row.outcome).to_owned()]);
    text += "\nVM snapshots of stopped VMs:\n";
    text += &table(2, ["STORAGE", "WHAT HAPPENS"], snapshots);
    text += &section("Storage pools of the zone", &told.storage_pools, |pools| {
        self::pools(pools)
    });
    text += &section("Limits of our account", &told.resource_limits, |limits| {
        self::limits(limits)
    });
    text + "\n" + &age(&answer.probe)
}

fn facts(told: &CapabilitiesView) -> [(&'static str, String); 9] {
    let version = match told.release_line {
        ReleaseLine::V4_18To4_20 | ReleaseLine::V4_21 | ReleaseLine::V4_22 => told.version.clone(),
        ReleaseLine::Older => format!("{} (older than what is known to work)", told.version),
        ReleaseLine::Newer => format!("{} (newer than what is known; taken for 4.22)", told.version),
        ReleaseLine::Unreadable => format!("{:?} (no version)", told.version),
    };
    [
        ("version", version),
        (
            "account",
            fact(&told.standing, |standing| standing_word(*standing).to_owned()),
        ),
        ("may expunge VMs", yes_or_no(told.may_expunge_vm).to_owned()),
        ("may delete volumes", permission(&told.may_expunge_volume)),
        ("may force a stop", permission(&told.may_force_stop)),
        ("sees destroyed VMs", permission(&told.shows_destroyed_vms)),
        (
            "snapshots of running VMs",
            yes_or_no(told.snapshots_running_vms).to_owned(),
        ),
        (
            "requests",
            told.api_limit.map_or_else(|| "not limited".to_owned(), requests),
        ),
        ("clock", fact(&told.clock_skew_ms, |skew| clock(*skew))),
    ]
}

/// How old the answer is, and why there is no newer one.
pub(crate) fn age(probe: &ProbeAge) -> String {
    let mut text = match (probe.age_seconds, &probe.version) {
        (Some(age), Some(version)) => {
            format!(
                "The cloud (CloudStack {version}) told this {} ago.\n",
                seconds(age)
            )
        }
        (_, _) => "The cloud has told nothing yet.\n".to_owned(),
    };
    if let Some(failed) = &probe.failed_refresh {
        let at = instant(failed.at);
        text += &format!("It was asked again at {at}: {}\n", failed.error);
    }
    text
}

fn section<T>(title: &str, told: &Fact<T>, rows: impl FnOnce(&T) -> String) -> String {
    match told {
        Fact::Told { value } => format!("\n{title}:\n{}", rows(value)),
        Fact::NotTold(why) => format!("\n{title}: not told ({why})\n"),
    }
}

fn pools(pools: &[StoragePoolView]) -> String {
    let rows = pools.iter().map(|pool| {
        [
            pool.name.clone(),
            pool.id.to_string(),
            pool.kind.clone(),
            pool.scope.clone(),
            pool.managed.map_or("not told", yes_or_no).to_owned(),
        ]
    });
    table(2, ["NAME", "POOL ID", "KIND", "SCOPE", "MANAGED"], rows)
}

fn limits(limits: &[ResourceLimitView]) -> String {
    let most = |max: Option<u64>| max.map_or_else(|| "no limit".to_owned(), |max| max.to_string());
    let rows = limits
        .iter()
        .map(|limit| [limit.resource.clone(), most(limit.max)]);
    table(2, ["RESOURCE", "AT MOST"], rows)
}

fn fact<T>(fact: &Fact<T>, word: impl FnOnce(&T) -> String) -> String {
    match fact {
        Fact::Told { value } => word(value),
        Fact::NotTold(why) => format!("not told ({why})"),
    }
}

fn permission(told: &Fact<bool>) -> String {
    fact(told, |may| yes_or_no(*may).to_owned())
}

fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::RootAdmin => "root admin",
        Standing::Limited => "no root admin",
    }
}

fn outcome(outcome: StoppedVmSnapshot) -> &'static str {
    match outcome {
        StoppedVmSnapshot::FileBased => "taken, unless the VM has other snapshots or a backup offering",
        StoppedVmSnapshot::FailsInJob => "accepted, then fails",
        StoppedVmSnapshot::Refused => "refused",
        StoppedVmSnapshot::StoragesOwn => "taken by the storage itself (not verified)",
        StoppedVmSnapshot::NotKnown => "not known",
    }
}

fn requests(limit: ApiLimit) -> String {
    format!("{} in {} s", limit.requests, limit.interval_seconds)
}

fn clock(milliseconds: i64) -> String {
    let size = milliseconds.unsigned_abs();
    let side = if milliseconds < 0 { "behind" } else { "ahead of" };
    format!("{}.{} s {side} the API's", size / 1000, size % 1000 / 100)
}

fn yes_or_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn what_is_told_and_what_is_not_are_told_apart() {
        let text = capabilities(&fixture::capabilities());
        for line in [
            "version                   4.22.1.0\n",
            "account                   no root admin\n",
            "may force a stop          not told (this release does not tell)\n",
            "requests                  25 in 1 s\n",
            "clock                     1.5 s behind the API's\n",
            "  NetworkFilesystem  taken, unless the VM has other snapshots or a backup offering\n",
            "\nStorage pools of the zone: not told (our account's role is not told)\n",
            "  volumes   no limit\n",
            "told this 5 s ago.\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }

    #[test]
    fn pools_are_shown_where_they_are_told() {
        let mut answer = fixture::capabilities();
        answer.capabilities.storage_pools = Fact::told(vec![StoragePoolView {
            id: "pool-1".parse().unwrap(),
            name: "nfs".into(),
            kind: "NetworkFilesystem".into(),
            scope: "ZONE".into(),
            cluster: None,
            managed: None,
        }]);
        let text = capabilities(&answer);
        assert!(
            text.contains("  nfs   pool-1   NetworkFilesystem  ZONE   not told\n"),
            "{text}"
        );
    }

    #[test]
    fn an_old_answer_says_why_there_is_no_newer_one() {
        let mut probe = fixture::capabilities().probe;
        probe.age_seconds = Some(3_780);
        probe.failed_refresh = Some(failover_api::dto::ossea::FailedRefreshView {
            at: fixture::at(0),
            error: "the cloud is unreachable: cut".into(),
        });
        assert_eq!(
            age(&probe),
            "The cloud (CloudStack 4.22.1.0) told this 1 h 3 min ago.\nIt was asked again at 2025-08-18 12:00:00 UTC: the \
             cloud is unreachable: cut\n"
        );
        assert_eq!(age(&ProbeAge::default()), "The cloud has told nothing yet.\n");
    }
}
