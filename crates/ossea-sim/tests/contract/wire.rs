//! What only a client with a socket can meet: credentials, clocks, pages.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use failover_domain::CloudVmId;
use ossea::{Command, DeployVm, NicRequest, OsseaClient, OsseaError};

use crate::doors::{API_KEY, SECRET_KEY, Server};
use crate::world::{DISK0, OMA, TEST_NETWORK, World};

#[tokio::test]
async fn wrong_credentials_are_unauthorized_and_change_nothing() {
    let server = Server::start().await;
    let world = World::new(server.client(), server.cloud.clone());
    for (api_key, secret_key) in [("somebody-else", SECRET_KEY), (API_KEY, "guessed")] {
        let stranger = server.client_with(api_key, secret_key, TimeDelta::zero());
        assert!(matches!(stranger.vms().await, Err(OsseaError::Unauthorized(_))));
        assert!(matches!(
            stranger.capabilities().await,
            Err(OsseaError::Unauthorized(_))
        ));
        let key = world.key();
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
    assert!(world.volume(&DISK0.parse().unwrap()).await.attachment.is_some());
}

#[tokio::test]
async fn a_client_whose_clock_is_wrong_is_understood() {
    let server = Server::start().await;
    for ahead in [TimeDelta::hours(-5), TimeDelta::hours(5)] {
        let client = server.client_with(API_KEY, SECRET_KEY, ahead);
        assert!(client.vm(&OMA.parse().unwrap()).await.unwrap().is_some());
        // The cloud's clock is as far behind ours as ours is ahead; the answer is dated in whole seconds.
        assert!((client.clock_skew().unwrap() + ahead).abs() <= TimeDelta::seconds(2));
    }
}

#[tokio::test]
async fn a_list_of_more_than_a_page_is_read_whole() {
    let server = Server::start().await;
    let world = World::new(server.client(), server.cloud.clone());
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
    let mut server = Server::start().await;
    server.endpoint = server.endpoint.replace("/client/api", "/client");
    let client = server.client();
    assert!(matches!(client.vms().await, Err(OsseaError::Malformed(_))));
}
