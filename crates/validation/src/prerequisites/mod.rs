//! Prerequisites: is this cloud one that failovers can succeed in, whichever VM it is?
//!
//! Readiness asks about one source VM just before its failover; this asks about the site, when it is set up and
//! whenever it has changed. All findings are gathered. Where a choice of the configuration is missing, others are
//! suggested and none is taken.
//!
//! | check | severity | holds when |
//! |---|---|---|
//! | `cloud_reachable` | critical | the cloud answers and accepts our credentials |
//! | `clock_skew` | warning | the clocks differ by a minute at most |
//! | `version` | critical | the release is one of 4.18 to 4.22; a newer one is `not_told` |
//! | `expunge_vms` | warning | our account may expunge VMs |
//! | `delete_volumes` | warning | our account may delete volumes |
//! | `force_stop` | warning | our account may force a stop |
//! | `resource_limits` | warning | no limit of our account is 0 |
//! | `api_limit` | warning | at least 5 requests a second are allowed |
//! | `managed_storage` | warning | no pool of the zone is managed |
//! | `zone` | critical | the zone exists and takes VMs |
//! | `service_offering` | critical | the service offering exists |
//! | `template` | critical | the template exists, is ready, for KVM, and needs no password server where there are L2 networks |
//! | `oma` | critical | the OMA exists, runs, and is in the zone |
//! | `networks` | critical | a network of the zone takes VMs |

mod account;
mod objects;
mod report;
mod storage;
mod suggest;

use ossea::{CloudProbe, OsseaClient, OsseaError};
use tokio::time::timeout;

pub use report::{Prerequisite, PrerequisiteReport, PrerequisiteStatus, Suggestion};

use crate::{RULE_DEADLINE, Target};
use objects::{NETWORKS, OFFERING, OMA, TEMPLATE, ZONE};
use report::Check;

/// Looks at everything, over a probe that was just taken or the reason why there is none.
///
/// Never fails itself. Without a probe the report holds the reason and nothing else: there is nothing to look at.
pub async fn check_prerequisites(
    target: &Target,
    cloud: &dyn OsseaClient,
    probe: Result<&CloudProbe, &OsseaError>,
) -> PrerequisiteReport {
    let probe = match probe {
        Ok(probe) => probe,
        Err(error) => return PrerequisiteReport::of(vec![account::unreachable(error)]),
    };
    let mut checks = account::checks(probe);
    checks.push(storage::managed(&probe.storage_pools));
    checks.extend(objects(target, cloud).await);
    PrerequisiteReport::of(checks)
}

async fn objects(target: &Target, cloud: &dyn OsseaClient) -> Vec<Prerequisite> {
    let in_zone = async {
        // Side by side, so that even a cloud that falls silent now is told of within two deadlines.
        let (zone, networks) = tokio::join!(
            timeout(RULE_DEADLINE, objects::zone(target, cloud)),
            timeout(RULE_DEADLINE, cloud.networks(&target.zone)),
        );
        let (check, zone) = zone.unwrap_or_else(|_| (overdue(&ZONE), None));
        if zone.is_none() {
            return vec![check, not_looked_at(&TEMPLATE), not_looked_at(&NETWORKS)];
        }
        let networks = networks.unwrap_or_else(|_| Err(OsseaError::Unreachable(silence())));
        let template = in_time(&TEMPLATE, objects::template(target, cloud, &networks)).await;
        vec![check, template, objects::networks(&networks)]
    };
    let (mut checks, offering, oma) = tokio::join!(
        in_zone,
        in_time(&OFFERING, objects::offering(target, cloud)),
        in_time(&OMA, objects::oma(target, cloud)),
    );
    // The order of the configuration.
    checks.splice(1..1, [offering]);
    checks.splice(3..3, [oma]);
    checks
}

async fn in_time(check: &Check, work: impl Future<Output = Prerequisite>) -> Prerequisite {
    timeout(RULE_DEADLINE, work)
        .await
        .unwrap_or_else(|_| overdue(check))
}

fn silence() -> String {
    format!("no answer within {} s", RULE_DEADLINE.as_secs())
}

fn overdue(check: &Check) -> Prerequisite {
    check.failed(
        format!("{} cannot be checked: {}", check.title, silence()),
        "Find out why the cloud answers so slowly (load, network, proxy), then check again.",
    )
}

fn not_looked_at(check: &Check) -> Prerequisite {
    check.not_told(
        "not looked at, because the zone was not found",
        "Mend the zone first.",
    )
}
