//! `managed_storage`: the replica of the OS disk can become the root of a VM.
//!
//! CloudStack swaps no root on managed storage (`cloudstack-api.md` section 4.3, step 8). Data disks may be there. Where
//! our account is not told of pools nothing is known, and nothing found.

use ossea::probe::rules::pool_among;
use ossea::{Fact, OsseaError};
use serde_json::{Value, json};

use crate::outcome::{Outcome, unknown_vm};
use crate::view::View;

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let Some(vm) = view.vm() else {
        return Ok(unknown_vm());
    };
    let Some((disk, replica)) = vm
        .disks
        .first()
        .and_then(|disk| Some((disk, disk.replica.as_ref()?)))
    else {
        // That is for `volume_state` to refuse.
        return Ok(Outcome::pass("no replica of an OS disk is known", Value::Null));
    };
    let volume = view.cloud.volume(&replica.volume_id).await?;
    let pools = match view.cloud.pools().await? {
        Fact::Told { value } => value,
        Fact::NotTold(why) => {
            return Ok(Outcome::pass(
                format!("nothing is known against the storage of the OS disk: {why}"),
                json!({ "volume_id": replica.volume_id }),
            ));
        }
    };
    let pool = volume.as_ref().and_then(|volume| pool_among(pools, volume));
    let details = json!({
        "volume_id": replica.volume_id,
        "pool": pool.map(|pool| &pool.id),
        "pool_name": pool.map(|pool| &pool.name),
        "managed": pool.and_then(|pool| pool.managed),
    });
    Ok(match pool {
        Some(pool) if pool.managed == Some(true) => Outcome::fail(
            format!(
                "{} ({}): volume {} ({}) is on managed storage ({}), where CloudStack lets no volume become the root of a VM",
                disk.label, disk.position, replica.name, replica.volume_id, pool.name
            ),
            "Replicate the OS disk into a volume on a pool that is not managed.",
            details,
        ),
        Some(pool) => Outcome::pass(
            format!(
                "the OS disk is on {}, where a volume can become a root",
                pool.name
            ),
            details,
        ),
        None => Outcome::pass("the cloud does not tell on which pool the OS disk is", details),
    })
}
