//! `/api/v1/tokens`.

use std::time::Duration;

use axum::http::StatusCode;
use failover_access::Tokens;
use failover_api::dto::{ErrorCode, TokenCreated, TokenList, TokenStatus};
use serde_json::{Value, json};

use crate::fixture::{PGWIN, TestApi};

/// Makes a token that must be taken.
pub(crate) async fn make(api: &TestApi, body: Value) -> TokenCreated {
    let answer = api.post("/api/v1/tokens", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    serde_json::from_str(&answer.text).unwrap()
}

async fn list(api: &TestApi) -> TokenList {
    serde_json::from_str(&api.get("/api/v1/tokens").await.text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_told_once_used_listed_and_revoked() {
    let api = TestApi::empty();
    let made = make(&api, json!({"name": "ci", "role": "viewer"})).await;
    assert!(made.secret.starts_with(&made.token.prefix), "{made:?}");
    assert!(
        !format!("{made:?}").contains(&made.secret),
        "it is not printed by accident"
    );
    let before = api.clock.now();
    let seen = api.get_as(&made.secret, "/api/v1/vms").await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);

    let answer = api.get("/api/v1/tokens").await;
    assert!(!answer.text.contains(&made.secret[17..]), "{}", answer.text);
    let listed = list(&api).await.tokens;
    assert_eq!(listed[0].status, TokenStatus::Valid);
    assert_eq!(listed[0].token.created_by, "anonymous");
    assert_eq!(listed[0].token.last_used_at, Some(before));

    let path = format!("/api/v1/tokens/{}", made.token.id);
    for _ in 0..2 {
        assert_eq!(api.delete(&path).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(list(&api).await.tokens[0].status, TokenStatus::Revoked);
    let refused = api.get_as(&made.secret, "/api/v1/vms").await;
    let problem = refused.problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
    assert!(problem.detail.contains("ci was revoked at"), "{}", problem.detail);
}

#[tokio::test(start_paused = true)]
async fn a_token_expires() {
    let api = TestApi::empty();
    let made = make(&api, json!({"name": "ci", "role": "admin", "expires_in": "1h"})).await;
    assert_eq!(
        api.get_as(&made.secret, "/api/v1/tokens").await.status,
        StatusCode::OK
    );
    tokio::time::advance(Duration::from_secs(3600)).await;
    let refused = api.get_as(&made.secret, "/api/v1/tokens").await;
    let problem = refused.problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
    assert!(problem.detail.contains("ci has expired at"), "{}", problem.detail);
    assert_eq!(list(&api).await.tokens[0].status, TokenStatus::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_genuine_says_nothing_about_those_that_are() {
    let api = TestApi::empty();
    let made = make(&api, json!({"name": "ci", "role": "admin"})).await;
    api.delete(&format!("/api/v1/tokens/{}", made.token.id)).await;
    // The prefix of the revoked token with another secret, whole by its checksum.
    let mut random = [0; failover_access::TokenSecret::RANDOM_BYTES];
    for (place, byte) in random.iter_mut().take(6).enumerate() {
        *byte = u8::from_str_radix(&made.token.prefix[4 + 2 * place..6 + 2 * place], 16).unwrap();
    }
    let forged = failover_access::TokenSecret::from_random(&random);
    assert_eq!(forged.prefix().as_str(), made.token.prefix);
    let problem = api
        .get_as(forged.expose(), "/api/v1/vms")
        .await
        .problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
    assert!(problem.detail.contains("no valid token"), "{}", problem.detail);
    let cut = &made.secret[..made.secret.len() - 1];
    let problem = api
        .get_as(cut, "/api/v1/vms")
        .await
        .problem(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized);
    assert!(
        problem.detail.contains("cut short or mistyped"),
        "{}",
        problem.detail
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_and_a_token_that_does_not_exist_are_told() {
    let api = TestApi::empty();
    let body = json!({"name": "ci", "role": "viewer"});
    let first = make(&api, body.clone()).await;
    let problem = api
        .post("/api/v1/tokens", body.clone())
        .await
        .problem(StatusCode::CONFLICT, ErrorCode::TokenNameTaken);
    assert!(problem.detail.contains("ci"), "{}", problem.detail);
    api.delete(&format!("/api/v1/tokens/{}", first.token.id)).await;
    make(&api, body).await;
    let nobody = "/api/v1/tokens/00000000-0000-4000-8000-000000000000";
    api.delete(nobody)
        .await
        .problem(StatusCode::NOT_FOUND, ErrorCode::TokenNotFound);
    api.delete("/api/v1/tokens/ci")
        .await
        .problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_request_names_the_field_and_what_is_allowed() {
    let api = TestApi::empty();
    for (body, part) in [
        (json!({"role": "viewer"}), "name"),
        (json!({"name": "a b", "role": "viewer"}), "letters, digits"),
        (json!({"name": "anonymous", "role": "viewer"}), "anonymous"),
        (json!({"name": "ci", "role": "root"}), "operator"),
        (
            json!({"name": "ci", "role": "viewer", "expires_in": "soon"}),
            "expires_in",
        ),
        (json!({"name": "ci", "role": "viewer", "expires_in": "1s"}), "1m"),
        (json!({"name": "ci", "role": "viewer", "vms": []}), "vms is empty"),
        (
            json!({"name": "ci", "role": "viewer", "vms": ["web-01"]}),
            "VMware UUID",
        ),
        (
            json!({"name": "ci", "role": "viewer", "vm": PGWIN}),
            "unknown field `vm`",
        ),
    ] {
        let answer = api.post("/api/v1/tokens", body.clone()).await;
        let problem = answer.problem(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest);
        assert!(problem.detail.contains(part), "{body}: {}", problem.detail);
    }
    assert_eq!(api.store.tokens().await.unwrap(), []);
}
