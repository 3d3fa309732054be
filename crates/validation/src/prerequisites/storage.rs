//! Storage on which a replica cannot become the root of a VM.

use ossea::StoragePool;
use ossea::probe::{Fact, rules};
use serde_json::json;

use super::report::{Check, Prerequisite};

const MANAGED: Check = Check::warning("managed_storage", "Managed Storage");

/// The same where no other storage is left.
const ONLY_MANAGED: Check = Check::critical("managed_storage", "Managed Storage");

/// CloudStack swaps no roots on managed storage (`cloudstack-api.md` section 4.3, step 8).
pub(super) fn managed(pools: &Fact<Vec<StoragePool>>) -> Prerequisite {
    let pools = match pools {
        Fact::Told { value } => value,
        Fact::NotTold(why) => {
            return MANAGED.not_told(
                format!("whether the zone's storage is managed is not known: {why}"),
                "Ask the cloud's administrator whether replicas are on managed storage: they cannot be failed over \
                 from there.",
            );
        }
    };
    let named = |wanted: Option<bool>| -> Vec<&str> {
        let fits = |pool: &&StoragePool| rules::swaps_roots(pool).value().copied() == wanted;
        pools.iter().filter(fits).map(|pool| pool.name.as_str()).collect()
    };
    let (usable, managed, unknown) = (named(Some(true)), named(Some(false)), named(None));
    let check = if pools.is_empty() {
        MANAGED.failed(
            "the zone shows no primary storage pool",
            "Configure the zone that holds the replicas.",
        )
    } else if usable.is_empty() && unknown.is_empty() {
        ONLY_MANAGED.failed(
            format!(
                "no VM can be failed over: all pools of the zone are managed, and CloudStack lets no volume on them become \
                 the root of a VM: {}",
                managed.join(", ")
            ),
            "Give the zone a pool that is not managed, and replicate into volumes on it.",
        )
    } else if !managed.is_empty() {
        MANAGED.failed(
            format!(
                "replicas on these pools cannot be failed over, they are managed: {}",
                managed.join(", ")
            ),
            "Keep replicas on pools that are not managed.",
        )
    } else if !unknown.is_empty() {
        MANAGED.not_told(
            format!("this release does not tell whether these pools are managed: {}", unknown.join(", ")),
            "Ask the cloud's administrator whether they are: replicas cannot be failed over from managed storage.",
        )
    } else {
        MANAGED.passed(format!("no pool of the zone is managed: {}", usable.join(", ")))
    };
    check.with(json!({ "usable": usable, "managed": managed, "not_told": unknown }))
}
