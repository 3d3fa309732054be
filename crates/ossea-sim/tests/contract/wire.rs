//! What only a client with a socket can meet: credentials, clocks, pages.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use failover_domain::{CloudVmId, RequestKey};
use ossea::{Command, DeployVm, NicRequest, OsseaClient, OsseaError};
use ossea_sim::contract::SimulatedSite;
use ossea_sim::contract::ids::{DISK0, OMA, TEST_NETWORK};

use crate::doors::{Connection, over_http, site};

#[tokio::test]
async fn wrong_credentials_are_unauthorized_and_change_nothing() {
    let site = site().await;
    let credentials = [
        ("somebody-else", SimulatedSite::SECRET_KEY),
        (SimulatedSite::API_KEY, "guessed"),
    ];
    let owner = Connection::to(&site).client();
    for (api_key, secret_key) in credentials {
        let connection = Connection {
            api_key,
            secret_key,
            ..Connection::to(&site)
        };
        let stranger = connection.client();
        assert!(matches!(stranger.vms().await, Err(OsseaError::Unauthorized(_))));
        assert!(matches!(
            stranger.capabilities().await,
            Err(OsseaError::Unauthorized(_))
        ));
        let key: RequestKey = "0b0e7a52-6f0e-4b8e-9a55-000000000001".parse().unwrap();
        assert!(matches!(
            stranger.job(&key.job_id()).await,
            Err(OsseaError::Unauthorized(_))
        ));
        let detach = Command::DetachVolume {
            volume: DISK0.parse().unwrap(),
        };
        assert!(matches!(
            stranger.submit(&key, &detach).await,
            Err(OsseaError::Unauthorized(_))
        ));
    }
    let disk = owner.volume(&DISK0.parse().unwrap()).await.unwrap().unwrap();
    assert!(disk.attachment.is_some());
}

#[tokio::test]
async fn a_client_whose_clock_is_wrong_is_understood() {
    let site = site().await;
    for ahead in [TimeDelta::hours(-5), TimeDelta::hours(5)] {
        let connection = Connection {
            ahead,
            ..Connection::to(&site)
        };
        let client = connection.client();
        assert!(client.vm(&OMA.parse().unwrap()).await.unwrap().is_some());
        // The cloud's clock is as far behind ours as ours is ahead; the answer is dated in whole seconds.
        assert!((client.clock_skew().unwrap() + ahead).abs() <= TimeDelta::seconds(2));
    }
}

#[tokio::test]
async fn a_list_of_more_than_a_page_is_read_whole() {
    let world = over_http().await;
    let mut expected = BTreeSet::from([OMA.parse::<CloudVmId>().unwrap()]);
    for number in 0..500 {
        let nics = vec![NicRequest {
            network: TEST_NETWORK.parse().unwrap(),
            mac: None,
        }];
        expected.insert(
            world
                .deployed(DeployVm {
                    nics,
                    ..world.deployment(&format!("vm-{number}"))
                })
                .await,
        );
    }
    let seen: BTreeSet<CloudVmId> = world
        .client()
        .vms()
        .await
        .unwrap()
        .into_iter()
        .map(|vm| vm.id)
        .collect();
    assert_eq!(seen.len(), 501);
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn another_path_of_the_server_is_no_cloud() {
    let site = site().await;
    let connection = Connection {
        endpoint: site.endpoint.replace("/client/api", "/client"),
        ..Connection::to(&site)
    };
    let client = connection.client();
    assert!(matches!(client.vms().await, Err(OsseaError::Malformed(_))));
}
