//! One exchange with a cloud over HTTP: what is sent, and what is concluded from what comes back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{API_KEY, Act, SECRET_KEY, ScriptedCloud, client_at, dated, json, now, status};
use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::RequestKey;
use ossea::cloudstack::sign;
use ossea::{Accepted, Command, JobReport, OsseaClient, OsseaError};
use tokio::net::TcpListener;

const KEY: &str = "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10";
const EMPTY: &str = r#"{"listvirtualmachinesresponse":{}}"#;
const ACCEPTED: &str = r#"{"detachvolumeresponse":{"jobid":"0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10"}}"#;

fn key() -> RequestKey {
    KEY.parse().unwrap()
}

fn detach() -> Command {
    Command::DetachVolume {
        volume: "volume-1".parse().unwrap(),
    }
}

async fn read_error(cloud: &ScriptedCloud) -> OsseaError {
    cloud.client().vms().await.unwrap_err()
}

async fn change_error(cloud: &ScriptedCloud) -> OsseaError {
    cloud.client().submit(&key(), &detach()).await.unwrap_err()
}

#[track_caller]
fn is_signed(parameters: &BTreeMap<String, String>) {
    let pairs: Vec<(&String, &String)> = parameters.iter().collect();
    assert_eq!(parameters["signature"], sign::signature(&pairs, SECRET_KEY));
}

#[tokio::test]
async fn a_read_is_a_signed_get() {
    let cloud = ScriptedCloud::start(vec![json(EMPTY)]).await;
    assert_eq!(cloud.client().vms_named("web 01~ü").await.unwrap(), []);
    let request = &cloud.requests()[0];
    assert_eq!((request.method.as_str(), request.body.as_str()), ("GET", ""));
    let parameters = request.parameters();
    is_signed(&parameters);
    for (name, value) in [
        ("command", "listVirtualMachines"),
        ("name", "web 01~ü"),
        ("details", "all"),
        ("listall", "true"),
        ("response", "json"),
        ("apikey", API_KEY),
        ("signatureversion", "3"),
        ("expires", "2026-01-02T03:14:05Z"),
    ] {
        assert_eq!(parameters[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_change_is_a_signed_post_under_its_key() {
    let cloud = ScriptedCloud::start(vec![json(ACCEPTED)]).await;
    let accepted = cloud.client().submit(&key(), &detach()).await.unwrap();
    assert_eq!(
        accepted,
        Accepted::Job {
            job: key().job_id(),
            created: None
        }
    );
    let request = &cloud.requests()[0];
    assert_eq!((request.method.as_str(), request.query.as_str()), ("POST", ""));
    assert_eq!(
        request.content_type,
        "application/x-www-form-urlencoded; charset=UTF-8"
    );
    let parameters = request.parameters();
    is_signed(&parameters);
    assert_eq!(parameters["command"], "detachVolume");
    assert_eq!(parameters["customjobid"], KEY);
}

#[tokio::test]
async fn requests_are_dated_by_the_clouds_clock() {
    let clouds = now() - TimeDelta::hours(3);
    let cloud = ScriptedCloud::start(vec![dated(200, EMPTY, clouds), json(EMPTY)]).await;
    let client = cloud.client();
    client.vms().await.unwrap();
    assert_eq!(client.clock_skew(), Some(TimeDelta::hours(-3)));
    client.vms().await.unwrap();
    let expires: DateTime<Utc> = cloud.parameters(1)["expires"].parse().unwrap();
    assert_eq!(expires, clouds + TimeDelta::minutes(10));
}

#[tokio::test]
async fn a_read_refused_for_its_date_is_dated_and_signed_anew() {
    let clouds = now() + TimeDelta::hours(1);
    let refusal = r#"{"listvirtualmachinesresponse":{"errorcode":401,"errortext":"unable to verify"}}"#;
    let cloud = ScriptedCloud::start(vec![dated(401, refusal, clouds), dated(200, EMPTY, clouds)]).await;
    assert_eq!(cloud.client().vms().await.unwrap(), []);
    let second = cloud.parameters(1);
    is_signed(&second);
    assert_eq!(
        second["expires"].parse::<DateTime<Utc>>().unwrap(),
        clouds + TimeDelta::minutes(10)
    );
}

#[tokio::test]
async fn wrong_credentials_are_asked_with_once() {
    let refusal = r#"{"listvirtualmachinesresponse":{"errorcode":401,"errortext":"unable to verify"}}"#;
    let cloud = ScriptedCloud::start(vec![dated(401, refusal, now())]).await;
    assert!(matches!(read_error(&cloud).await, OsseaError::Unauthorized(_)));
    assert_eq!(cloud.requests().len(), 1);
}

#[tokio::test]
async fn nobody_listening_is_unreachable_for_both() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/client/api", listener.local_addr().unwrap());
    drop(listener);
    let client = client_at(&endpoint, |_| {}, Arc::new(now));
    assert!(matches!(client.vms().await, Err(OsseaError::Unreachable(_))));
    assert!(matches!(
        client.submit(&key(), &detach()).await,
        Err(OsseaError::Unreachable(_))
    ));
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_is_unreachable() {
    // Longer than a label may be, so the resolver gives up without asking anybody.
    let endpoint = format!("http://{}/client/api", "x".repeat(64));
    let client = client_at(&endpoint, |_| {}, Arc::new(now));
    assert!(matches!(
        client.submit(&key(), &detach()).await,
        Err(OsseaError::Unreachable(_))
    ));
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_end_is_unreachable() {
    let cloud = ScriptedCloud::start(Vec::new()).await;
    let client = client_at(
        &format!("https://{}/client/api", cloud.address),
        |settings| settings.request_timeout = Duration::from_secs(1),
        Arc::new(now),
    );
    assert!(matches!(
        client.submit(&key(), &detach()).await,
        Err(OsseaError::Unreachable(_))
    ));
    assert!(cloud.requests().is_empty());
}

#[tokio::test]
async fn a_lost_reply_is_unreachable_for_a_read_and_unknown_for_a_change() {
    for act in [
        Act::HangUp,
        Act::CutBody {
            announced: 500,
            body: EMPTY.to_owned(),
        },
    ] {
        let cloud = ScriptedCloud::start(vec![act.clone(), act]).await;
        assert!(matches!(read_error(&cloud).await, OsseaError::Unreachable(_)));
        assert!(matches!(
            change_error(&cloud).await,
            OsseaError::OutcomeUnknown(_)
        ));
    }
}

#[tokio::test]
async fn silence_is_unreachable_for_a_read_and_unknown_for_a_change() {
    let cloud = ScriptedCloud::start(vec![Act::FallSilent, Act::FallSilent]).await;
    let client = cloud.client_with(
        |settings| settings.request_timeout = Duration::from_millis(200),
        now,
    );
    assert!(matches!(client.vms().await, Err(OsseaError::Unreachable(_))));
    assert!(matches!(
        client.submit(&key(), &detach()).await,
        Err(OsseaError::OutcomeUnknown(_))
    ));
}

#[tokio::test]
async fn a_web_page_is_no_answer() {
    let page = "<html><body>Welcome</body></html>";
    for code in [200, 403, 404, 500, 502, 504] {
        let cloud = ScriptedCloud::start(vec![status(code, page), status(code, page)]).await;
        assert!(
            matches!(read_error(&cloud).await, OsseaError::Malformed(_)),
            "{code}"
        );
        assert!(
            matches!(change_error(&cloud).await, OsseaError::OutcomeUnknown(_)),
            "{code}"
        );
    }
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let elsewhere = ScriptedCloud::start(vec![json(EMPTY), json(EMPTY)]).await;
    let redirect = Act::Answer {
        status: 302,
        headers: vec![("Location".to_owned(), format!("http://{}/", elsewhere.address))],
        body: String::new(),
    };
    let cloud = ScriptedCloud::start(vec![redirect.clone(), redirect]).await;
    assert!(matches!(read_error(&cloud).await, OsseaError::Malformed(_)));
    assert!(matches!(
        change_error(&cloud).await,
        OsseaError::OutcomeUnknown(_)
    ));
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let body = " ".repeat(33 * 1024 * 1024);
    let cloud = ScriptedCloud::start(vec![status(200, &body), status(200, &body)]).await;
    assert!(matches!(read_error(&cloud).await, OsseaError::Malformed(_)));
    assert!(matches!(
        change_error(&cloud).await,
        OsseaError::OutcomeUnknown(_)
    ));
}

#[tokio::test]
async fn no_error_shows_a_key_or_a_signature() {
    let page = "<html>not found: apikey=api-key-of-the-test</html>";
    let acts = [
        Act::HangUp,
        status(404, page),
        status(302, ""),
        status(200, "{"),
        status(401, page),
    ];
    for act in acts {
        let cloud = ScriptedCloud::start(vec![act.clone(), act]).await;
        for error in [read_error(&cloud).await, change_error(&cloud).await] {
            let text = format!("{error} {error:?}");
            assert!(!text.contains(API_KEY) && !text.contains("signature"), "{text}");
        }
    }
    let client = ScriptedCloud::start(Vec::new()).await.client();
    assert!(!format!("{client:?}").contains("of-the-test"));
}

#[tokio::test]
async fn requests_beyond_the_limit_wait_and_do_not_time_out_meanwhile() {
    let cloud = ScriptedCloud::start(vec![Act::FallSilent, json(ACCEPTED)]).await;
    let client = cloud.client_with(
        |settings| {
            settings.max_in_flight = 1;
            settings.request_timeout = Duration::from_millis(1500);
        },
        now,
    );
    let (key, command) = (key(), detach());
    // The second waits for the first one's whole time-out and then still has its own.
    let (first, second) = tokio::join!(client.submit(&key, &command), client.submit(&key, &command));
    assert!(matches!(first, Err(OsseaError::OutcomeUnknown(_))));
    assert!(matches!(second, Ok(Accepted::Job { .. })));
}

#[tokio::test]
async fn a_job_that_the_cloud_does_not_know_is_not_known() {
    let answer = |code: u16| {
        let body = format!(r#"{{"queryasyncjobresultresponse":{{"errorcode":{code},"errortext":"x"}}}}"#);
        status(code, &body)
    };
    let cloud = ScriptedCloud::start(vec![answer(431), answer(530), answer(531)]).await;
    let client = cloud.client();
    let id = key().job_id();
    assert_eq!(client.job(&id).await.unwrap(), JobReport::NotKnown);
    for code in [530, 531] {
        assert!(matches!(client.job(&id).await, Err(OsseaError::Refused(refusal)) if refusal.code == code));
    }
    assert_eq!(cloud.parameters(0)["jobid"], KEY);
}
