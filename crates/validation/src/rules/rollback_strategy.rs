//! `rollback_strategy`: the test can make a rollback point in the way that was asked for.

use failover_domain::VolumeId;
use futures::future::try_join_all;
use ossea::OsseaError;
use serde_json::json;

use crate::outcome::{Outcome, unknown_vm};
use crate::strategy::{ReplicaFacts, StrategyError, StrategyFacts, choose_over};
use crate::view::View;

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let Some(vm) = view.vm() else {
        return Ok(unknown_vm());
    };
    let replicas = vm.disks.iter().filter_map(|disk| disk.replica.as_ref());
    let replicas: Vec<&VolumeId> = replicas.map(|replica| &replica.volume_id).collect();
    let request = view.subject.strategy;
    match choose_over(facts(view, &replicas), request).await {
        Ok(choice) => Ok(Outcome::pass(
            format!(
                "the rollback point will be {}: {}",
                choice.strategy, choice.reason
            ),
            json!({ "requested": request, "strategy": choice.strategy, "reason": choice.reason }),
        )),
        Err(StrategyError::Refused(refused)) => Ok(Outcome::fail(
            refused.to_string(),
            refused.remedy,
            json!({ "requested": request, "strategy": null, "reason": refused.reason }),
        )),
        Err(StrategyError::Cloud(error)) => Err(error),
    }
}

/// What the rules share is not asked for again. A replica that is not on the OMA is looked for by `volume_state`; here it
/// only rules the VM snapshot out.
async fn facts(view: &View<'_>, replicas: &[&VolumeId]) -> Result<StrategyFacts, OsseaError> {
    let version = view.cloud.capabilities().await?.version.clone().into();
    let pools = view.cloud.pools().await?;
    let on_oma = view.cloud.oma_volumes().await?;
    let facts_of = async |replica: &&VolumeId| {
        let shown = on_oma.get(*replica);
        let snapshots = match shown {
            Some(_) => view.cloud.snapshots_of(replica).await?,
            None => Vec::new(),
        };
        Ok::<_, OsseaError>(ReplicaFacts::new(replica, shown, &pools, snapshots))
    };
    let replicas = try_join_all(replicas.iter().map(facts_of)).await?;
    Ok(StrategyFacts { version, replicas })
}
