//! What is sent again and what never, and how the client behaves towards a cloud that wants less or says nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::RequestKey;
use ossea::cloudstack::{CloudStackClient, Outcome};
use ossea::{Accepted, Circuit, Command, OsseaClient, OsseaError, Priority};

use crate::support::{Act, ScriptedCloud, dated, json, now, status};

const EMPTY: &str = r#"{"listvirtualmachinesresponse":{}}"#;
const ACCEPTED: &str = r#"{"detachvolumeresponse":{"jobid":"0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10"}}"#;
const SLOW_DOWN: &str =
    r#"{"detachvolumeresponse":{"errorcode":429,"errortext":"please retry after [20] ms."}}"#;

fn key() -> RequestKey {
    "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10".parse().unwrap()
}

fn detach() -> Command {
    Command::DetachVolume {
        volume: "volume-1".parse().unwrap(),
    }
}

/// A command of which a second one makes a second object.
fn snapshot() -> Command {
    Command::CreateSnapshot {
        volume: "volume-1".parse().unwrap(),
        name: "before".to_owned(),
    }
}

/// A client that sends again, with a clock that goes on by a second whenever it is asked.
fn persistent(cloud: &ScriptedCloud) -> CloudStackClient {
    let seconds = AtomicI64::new(0);
    cloud.client_with(
        |settings| settings.attempts = 4,
        move || now() + TimeDelta::seconds(seconds.fetch_add(1, Ordering::Relaxed)),
    )
}

fn expires(cloud: &ScriptedCloud, request: usize) -> DateTime<Utc> {
    cloud.parameters(request)["expires"].parse().unwrap()
}

#[tokio::test]
async fn a_read_without_an_answer_is_asked_again_and_dated_anew() {
    let cloud = ScriptedCloud::start(vec![Act::HangUp, json(EMPTY)]).await;
    assert_eq!(persistent(&cloud).vms().await.unwrap(), []);
    assert!(expires(&cloud, 1) > expires(&cloud, 0));
}

#[tokio::test]
async fn a_change_that_was_not_processed_is_sent_again_and_expires_no_later() {
    let unprocessed = [status(429, SLOW_DOWN), status(503, "<html>no server</html>")];
    for act in unprocessed {
        let cloud = ScriptedCloud::start(vec![act.clone(), json(ACCEPTED)]).await;
        let client = persistent(&cloud).with_priority(Priority::WayBack);
        let accepted = client.submit(&key(), &detach()).await.unwrap();
        assert!(matches!(accepted, Accepted::Job { .. }));
        assert_eq!(cloud.requests().len(), 2, "{act:?}");
        assert_eq!(expires(&cloud, 0), expires(&cloud, 1), "{act:?}");
        assert_eq!(expires(&cloud, 0), now() + TimeDelta::minutes(10));
    }
}

#[tokio::test]
async fn a_change_that_may_have_been_processed_is_never_sent_again() {
    let refusal = r#"{"detachvolumeresponse":{"errorcode":401,"errortext":"expired"}}"#;
    let acts = [
        dated(401, refusal, now() + TimeDelta::hours(1)),
        Act::HangUp,
        status(502, ""),
        status(200, "<html>Welcome</html>"),
        Act::CutBody {
            announced: 100,
            body: "{".to_owned(),
        },
    ];
    for act in acts {
        let cloud = ScriptedCloud::start(vec![act.clone()]).await;
        persistent(&cloud).submit(&key(), &detach()).await.unwrap_err();
        assert_eq!(cloud.requests().len(), 1, "{act:?}");
    }
}

#[tokio::test]
async fn a_command_that_makes_an_object_is_not_sent_again_on_the_word_of_a_503() {
    let cloud = ScriptedCloud::start(vec![status(503, "")]).await;
    let client = persistent(&cloud).with_priority(Priority::WayBack);
    let error = client.submit(&key(), &snapshot()).await.unwrap_err();
    assert!(matches!(error, OsseaError::OutcomeUnknown(_)), "{error}");
    assert_eq!(cloud.requests().len(), 1);
}

#[tokio::test]
async fn a_change_whose_time_has_passed_is_not_sent() {
    let cloud = Arc::new(ScriptedCloud::start(vec![status(429, SLOW_DOWN), json(ACCEPTED)]).await);
    // As after a machine was suspended between the first sending and the second.
    let seen = Arc::clone(&cloud);
    let suspended = move || if seen.requests().is_empty() { 0 } else { 15 };
    let client = cloud.client_with(
        |settings| settings.attempts = 4,
        move || now() + TimeDelta::minutes(suspended()),
    );
    let error = client.submit(&key(), &detach()).await.unwrap_err();
    assert!(
        matches!(&error, OsseaError::Unreachable(why) if why.contains("not sent")),
        "{error}"
    );
    assert_eq!(cloud.requests().len(), 1);
}

#[tokio::test]
async fn a_change_is_valid_from_when_its_caller_was_entitled_to_it() {
    let cloud = ScriptedCloud::start(vec![json(ACCEPTED)]).await;
    let client = cloud.client();
    let long_ago = now() - TimeDelta::minutes(15);
    let error = client
        .submit_as_of(long_ago, &key(), &detach())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, OsseaError::Unreachable(why) if why.contains("not sent")),
        "{error}"
    );
    assert_eq!(cloud.requests().len(), 0);
    let recently = now() - TimeDelta::minutes(4);
    client.submit_as_of(recently, &key(), &detach()).await.unwrap();
    let expires: DateTime<Utc> = cloud.parameters(0)["expires"].parse().unwrap();
    let left = expires - recently;
    assert!(
        (left - TimeDelta::minutes(10)).abs() <= TimeDelta::seconds(2),
        "{left}"
    );
}

#[tokio::test]
async fn an_open_circuit_stops_the_way_there_and_lets_the_way_back_and_reads_pass() {
    let script = vec![Act::HangUp, Act::HangUp, json(ACCEPTED), json(EMPTY)];
    let cloud = ScriptedCloud::start(script).await;
    let client = cloud.client_with(|settings| settings.breaker_failures = 2, now);
    for _ in 0..2 {
        assert_eq!(client.circuit(), Circuit::Closed);
        client.vms().await.unwrap_err();
    }
    assert!(matches!(client.circuit(), Circuit::Open { since, .. } if since == now()));
    let error = client.submit(&key(), &detach()).await.unwrap_err();
    assert!(
        matches!(&error, OsseaError::Unreachable(why) if why.contains("2026-01-02T03:04:05Z")),
        "{error}"
    );
    let background = client.with_priority(Priority::Background);
    assert!(background.submit(&key(), &detach()).await.is_err());
    assert_eq!(cloud.requests().len(), 2);
    client
        .with_priority(Priority::WayBack)
        .submit(&key(), &detach())
        .await
        .unwrap();
    client.vms().await.unwrap();
    assert_eq!(cloud.requests().len(), 4);
}

#[tokio::test]
async fn a_cloud_that_answers_again_is_noticed_without_anybody_asking_it() {
    let capabilities = r#"{"listcapabilitiesresponse":{"capability":{"cloudstackversion":"4.22.1.0"}}}"#;
    let cloud =
        ScriptedCloud::start(vec![Act::HangUp, Act::HangUp, json(capabilities), json(ACCEPTED)]).await;
    let client = cloud.client_with(
        |settings| {
            settings.breaker_failures = 1;
            settings.breaker_rest = Duration::from_millis(20);
        },
        now,
    );
    client.vms().await.unwrap_err();
    let closes = async {
        while client.circuit() != Circuit::Closed {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), closes)
        .await
        .unwrap();
    // The first probe found nobody, the second one did.
    assert_eq!(cloud.parameters(1)["command"], "listCapabilities");
    assert_eq!(cloud.parameters(2)["command"], "listCapabilities");
    client.submit(&key(), &detach()).await.unwrap();
}

#[tokio::test]
async fn the_budget_follows_the_limit_that_the_cloud_names() {
    let body = r#"{"listcapabilitiesresponse":{"capability":
        {"cloudstackversion":"4.22.1.0","apilimitmax":"8","apilimitinterval":1}}}"#;
    let cloud = ScriptedCloud::start(vec![json(body)]).await;
    let client = cloud.client();
    assert_eq!(client.statistics().requests_per_second, 20.0);
    client.capabilities().await.unwrap();
    assert_eq!(client.statistics().requests_per_second, 6.0);
}

#[tokio::test]
async fn requests_are_counted_by_command_and_outcome_over_all_priorities() {
    let cloud = ScriptedCloud::start(vec![
        json(EMPTY),
        Act::HangUp,
        status(429, SLOW_DOWN),
        json(ACCEPTED),
    ])
    .await;
    let client = persistent(&cloud);
    client.vms().await.unwrap();
    let home: Arc<dyn OsseaClient> = client.with_priority(Priority::WayBack);
    assert!(matches!(
        home.submit(&key(), &detach()).await,
        Err(OsseaError::OutcomeUnknown(_))
    ));
    home.submit(&key(), &detach()).await.unwrap();
    let statistics = client.statistics();
    assert_eq!(statistics.sent(), 4);
    assert_eq!(statistics.requests["listVirtualMachines"][&Outcome::Ok], 1);
    let detached = &statistics.requests["detachVolume"];
    for outcome in [Outcome::Ok, Outcome::OutcomeUnknown, Outcome::Throttled] {
        assert_eq!(detached[&outcome], 1, "{outcome:?}");
    }
    assert_eq!(
        (statistics.throttled, statistics.under_way, statistics.waiting),
        (1, 0, 0)
    );
    assert_eq!(statistics.waits[&Priority::WayBack].calls, 3);
    assert!(statistics.waits[&Priority::WayBack].longest >= Duration::from_millis(20));
}
