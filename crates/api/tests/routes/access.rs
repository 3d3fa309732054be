//! Every route with every role, and with every token that is none.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use failover_access::Role;
use failover_api::dto::ErrorCode;
use failover_api::{ACCESS_RULES, AccessRule};
use serde_json::json;

use crate::fixture::{Answer, NOBODY, TestApi, WEB, settings};
use crate::tokens::make;

/// The operations of the description: methods and paths below `/api/v1`.
fn described() -> Vec<(String, String)> {
    let document = failover_api::description();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/v1") else {
            continue;
        };
        for method in item.as_object().unwrap().keys() {
            found.push((method.to_uppercase(), path.to_owned()));
        }
    }
    found
}

#[test]
fn every_route_has_its_rule() {
    let routes = described();
    assert!(routes.len() > 30, "the routes are found: {routes:?}");
    for (method, path) in &routes {
        let has_rule = ACCESS_RULES
            .iter()
            .any(|rule| rule.method == method && rule.path == path);
        assert!(has_rule, "{method} {path} is not in the table of access");
    }
    assert_eq!(
        routes.len(),
        ACCESS_RULES.len(),
        "no rule is about a route that is not there"
    );
}

/// A request to a route, about things that do not exist.
async fn ask(api: &TestApi, rule: &AccessRule, authorization: Option<&str>) -> Answer {
    let path = rule
        .path
        .replace("{vm_id}", NOBODY)
        .replace("{other_vm_id}", WEB)
        .replace("{job_id}", &format!("live-failover-{NOBODY}-1755530108"))
        .replace("{volume_id}", "volume-1")
        .replace("{token_id}", NOBODY)
        .replace("{source_network}", "lan");
    assert!(!path.contains('{'), "{path}");
    let mut request = Request::builder()
        .method(rule.method)
        .uri(format!("/api/v1{path}"))
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    api.send(request.body(Body::from("{}")).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn each_role_may_what_the_table_says() {
    let open = TestApi::empty();
    let mut tokens = Vec::new();
    for role in Role::ALL {
        let body = json!({"name": role.as_str(), "role": role});
        tokens.push((role, make(&open, body).await.secret));
    }
    for rule in ACCESS_RULES {
        for (role, secret) in &tokens {
            let answer = ask(&open, rule, Some(&format!("Bearer {secret}"))).await;
            let what = format!("{} {} as {role}: {}", rule.method, rule.path, answer.text);
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
            assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{what}");
            assert!(!answer.text.contains("there is no route"), "{what}");
            if *role >= rule.role {
                assert_ne!(answer.status, StatusCode::FORBIDDEN, "{what}");
            } else {
                let problem = answer.problem(StatusCode::FORBIDDEN, ErrorCode::Forbidden);
                for named in [rule.role, *role] {
                    assert!(problem.detail.contains(named.as_str()), "{what}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_route_is_open_to_a_token_that_is_none() {
    let open = TestApi::empty();
    let revoked = make(&open, json!({"name": "revoked", "role": "admin"})).await;
    open.delete(&format!("/api/v1/tokens/{}", revoked.token.id)).await;
    let expired = make(
        &open,
        json!({"name": "expired", "role": "admin", "expires_in": "1m"}),
    )
    .await;
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    // Closed, as an API is where nothing else is said.
    let closed = open.again_with(failover_api::ApiSettings::default());
    for rule in ACCESS_RULES {
        for (authorization, part) in [
            (None, "no token"),
            (Some("Bearer wrong".to_owned()), "no valid token"),
            (Some("Basic wrong".to_owned()), "no valid token"),
            (Some(format!("Bearer {}", expired.secret)), "expired"),
            (Some(format!("Bearer {}", revoked.secret)), "revoked"),
        ] {
            let answer = ask(&closed, rule, authorization.as_deref()).await;
            let problem = answer.problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
            assert!(
                problem.detail.contains(part),
                "{} {}: {}",
                rule.method,
                rule.path,
                problem.detail
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_is_refused_where_none_is_needed() {
    let api = TestApi::with_settings(settings());
    let answer = api.get_as("wrong", "/api/v1/vms").await;
    answer.problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_route_is_told_to_whoever_may_ask_at_all() {
    let api = TestApi::empty();
    let viewer = make(&api, json!({"name": "viewer", "role": "viewer"})).await;
    let answer = api.get_as(&viewer.secret, "/api/v1/nowhere").await;
    answer.problem(StatusCode::NOT_FOUND, ErrorCode::RouteNotFound);
}
