//! Readiness without engine, database or API: a migration tool asks whether one of its VMs could be failed over now.
//!
//! ```sh
//! cargo run -p failover-validation --example readiness_alone
//! ```
//!
//! What the tool knows of the VM is a report in the form of an inventory file. The cloud is a simulated one here; with the
//! feature `cloudstack` of the crate `ossea` it is a real one.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use failover_domain::inventory::InventoryFile;
use failover_domain::{
    CheckStatus, FailoverType, NetworkMapping, Provenance, Purpose, Readiness, SourceVm, StrategyRequest,
};
use failover_validation::{Subject, Target, assess};
use ossea::OsseaClient;
use ossea_sim::{InProcessCloud, SimContents, SimSettings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let cloud = InProcessCloud::new(&SimContents::sample(), SimSettings::default());
    let vm = reported_vm(cloud.clock().now())?;
    let readiness = readiness_of(vm, "production-app", &cloud).await?;
    println!(
        "score {}: {}",
        readiness.readiness_score,
        if readiness.is_ready { "ready" } else { "not ready" }
    );
    for check in &readiness.checks {
        let mark = match check.status {
            CheckStatus::Pass => "ok",
            CheckStatus::Fail => "--",
        };
        println!("{mark} {}: {}", check.check_name, check.message);
    }
    for action in &readiness.required_actions {
        println!("to do: {action}");
    }
    Ok(())
}

/// The first VM of the sample, as the tool would report it.
fn reported_vm(now: chrono::DateTime<chrono::Utc>) -> Result<SourceVm, Box<dyn Error>> {
    let file: InventoryFile = serde_json::from_str(include_str!("../../../samples/inventory.json"))?;
    let report = file.vms.into_iter().next().ok_or("the file has no VM")?;
    let provenance = Provenance {
        source: "readiness_alone".to_owned(),
        recorded_at: now,
    };
    report.into_source_vm(provenance).map_err(|mistakes| {
        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        mistakes.join("; ").into()
    })
}

/// The verdict over a live failover of `vm` with all its cards on the network called `network`.
async fn readiness_of(
    vm: SourceVm,
    network: &str,
    cloud: &dyn OsseaClient,
) -> Result<Readiness, Box<dyn Error>> {
    let target = Target {
        oma_vm: "96a97275-4e8a-57b5-8b40-27fc35dccb1e".parse()?,
        zone: "d09f07e6-b7a4-5140-84b5-b4cd531a237c".parse()?,
        offering: "d03174c8-8bd8-5402-9406-e9df7c62a007".parse()?,
        template: "1dcf7bcc-2cf6-5232-a4ea-a726fb9e3ac2".parse()?,
        cpu_speed_mhz: 2000,
        test_networks: BTreeSet::new(),
    };
    let networks = cloud.networks(&target.zone).await?;
    let network = networks
        .iter()
        .find(|known| known.name == network)
        .ok_or_else(|| format!("the zone has no network {network:?}"))?;
    let mapping = |source: &str| NetworkMapping {
        source_network: source.to_owned(),
        purpose: Purpose::Production,
        network_id: network.id.clone(),
        network_name: network.name.clone(),
    };
    let mappings = vm
        .nics
        .iter()
        .map(|nic| (nic.network.clone(), mapping(&nic.network)));
    let subject = Subject {
        vm_id: vm.vm_id.clone(),
        failover: FailoverType::Live,
        mappings: mappings.collect(),
        // The tool has no failover under way and no mappings stored.
        active_job: None,
        marked_networks: BTreeSet::new(),
        production_networks: BTreeMap::new(),
        strategy: StrategyRequest::Auto,
        vm: Some(vm),
    };
    Ok(assess(&subject, &target, cloud).await)
}

#[cfg(test)]
mod tests {
    use ossea::{Command, OsseaClient as _};

    use super::*;

    fn cloud() -> InProcessCloud {
        InProcessCloud::new(&SimContents::sample(), SimSettings::default())
    }

    #[tokio::test(start_paused = true)]
    async fn the_sample_vm_is_ready_with_a_warning_about_its_running_source() {
        let cloud = cloud();
        let vm = reported_vm(cloud.clock().now()).expect("the sample is in order");
        let readiness = readiness_of(vm, "production-app", &cloud)
            .await
            .expect("the cloud answers");
        assert!(readiness.is_ready, "{readiness:#?}");
        let failed: Vec<&str> = readiness
            .failures()
            .map(|finding| finding.rule.as_str())
            .collect();
        assert_eq!(failed, ["source_power_state"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_that_left_the_appliance_makes_it_not_ready() {
        let cloud = cloud();
        let vm = reported_vm(cloud.clock().now()).expect("the sample is in order");
        let replica = vm.disks[0].replica.as_ref().expect("it is replicated");
        let key = "0b0e7a52-6f0e-4b8e-9a55-000000000001"
            .parse()
            .expect("it is a UUID");
        let volume = replica.volume_id.clone();
        cloud
            .submit(&key, &Command::DetachVolume { volume })
            .await
            .expect("the cloud takes it");
        while cloud.job(&key.job_id()).await == Ok(ossea::JobReport::Pending) {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        let readiness = readiness_of(vm, "production-app", &cloud)
            .await
            .expect("the cloud answers");
        assert_eq!((readiness.is_ready, readiness.readiness_score), (false, 0.0));
        assert!(readiness.failures().any(|finding| finding.rule == "volume_state"));
    }
}
