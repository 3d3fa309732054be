//! The CloudStack client without anything else of ours: what a cloud is like, and one command done safely.
//!
//! ```sh
//! cargo run -p ossea --example client_alone
//! ```
//!
//! It speaks to a simulated cloud of its own. For a real one set `CLOUDSTACK_ENDPOINT` (such as
//! `https://cloud.example.org/client/api`), `CLOUDSTACK_API_KEY` and `CLOUDSTACK_SECRET_KEY`: then it only reads.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use failover_domain::RequestKey;
use ossea::cloudstack::{CloudStackClient, CloudStackSettings, install_tls_provider};
use ossea::{Accepted, Command, JobReport, OsseaClient, OsseaError, Volume};
use ossea_sim::contract::SimulatedSite;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    install_tls_provider();
    if let Ok(endpoint) = env::var("CLOUDSTACK_ENDPOINT") {
        let (api_key, secret_key) = (
            env::var("CLOUDSTACK_API_KEY")?,
            env::var("CLOUDSTACK_SECRET_KEY")?,
        );
        return describe(&client(&endpoint, api_key, secret_key)?).await;
    }
    let site = SimulatedSite::start(now()).await?;
    let client = simulated(&site)?;
    describe(&client).await?;
    let disk = a_disk(&client).await?;
    let key = "0b0e7a52-6f0e-4b8e-9a55-000000000001".parse()?;
    let detached = detach(&client, &key, &disk).await?;
    println!(
        "{} is {}",
        disk.name,
        if detached { "detached" } else { "where it was" }
    );
    Ok(())
}

/// The clock is a parameter of the client: what it sends is valid for a while from now on.
fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn client(endpoint: &str, api_key: String, secret_key: String) -> Result<CloudStackClient, Box<dyn Error>> {
    let settings = CloudStackSettings::new(endpoint, api_key.into(), secret_key.into());
    Ok(CloudStackClient::new(&settings, Arc::new(now))?)
}

fn simulated(site: &SimulatedSite) -> Result<CloudStackClient, Box<dyn Error>> {
    let (api_key, secret_key) = (
        SimulatedSite::API_KEY.to_owned(),
        SimulatedSite::SECRET_KEY.to_owned(),
    );
    client(&site.endpoint, api_key, secret_key)
}

async fn describe(client: &CloudStackClient) -> Result<(), Box<dyn Error>> {
    let capabilities = client.capabilities().await?;
    println!("CloudStack {}", capabilities.version);
    for zone in client.zones().await? {
        let networks = client.networks(&zone.id).await?;
        let names: Vec<&str> = networks.iter().map(|network| network.name.as_str()).collect();
        println!("zone {}: networks {}", zone.name, names.join(", "));
    }
    Ok(())
}

/// A volume that hangs on a VM as a data disk.
async fn a_disk(client: &CloudStackClient) -> Result<Volume, Box<dyn Error>> {
    let is_data = |volume: &Volume| volume.attachment.as_ref().is_some_and(|at| at.device == Some(1));
    let mut disks = client.volumes().await?.into_iter().filter(is_data);
    disks.next().ok_or_else(|| "no volume is at device 1".into())
}

/// Detaches a volume under a key that the caller has kept before, and says whether it is detached in the end.
///
/// An answer that does not come says nothing about the command. Whatever happened, the last word is what the cloud shows.
async fn detach(client: &dyn OsseaClient, key: &RequestKey, disk: &Volume) -> Result<bool, Box<dyn Error>> {
    let volume = disk.id.clone();
    match client.submit(key, &Command::DetachVolume { volume }).await {
        Ok(Accepted::Job { job, .. }) => {
            while client.job(&job).await? == JobReport::Pending {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        // It may have been processed: the key is the id of the cloud's job, so that job is asked for instead.
        Err(OsseaError::OutcomeUnknown(why)) => {
            println!("no answer ({why}), looking");
            while client.job(&key.job_id()).await? == JobReport::Pending {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Ok(Accepted::Done) => {}
        Err(error) => return Err(error.into()),
    }
    let shown = client.volume(&disk.id).await?;
    Ok(shown.is_some_and(|volume| volume.attachment.is_none()))
}

#[cfg(test)]
mod tests {
    use ossea_sim::{FaultRule, WayFault};

    use super::*;

    #[tokio::test]
    async fn a_lost_reply_changes_nothing_about_the_outcome() {
        install_tls_provider();
        let site = SimulatedSite::start(now()).await.expect("there is a free port");
        site.cloud
            .add_fault(FaultRule::on("detachVolume", WayFault::LostReply));
        let client = simulated(&site).expect("the settings are right");
        let disk = a_disk(&client).await.expect("there is a disk");
        let key = "0b0e7a52-6f0e-4b8e-9a55-000000000001"
            .parse()
            .expect("it is a UUID");
        assert!(detach(&client, &key, &disk).await.expect("the cloud answers"));
    }
}
