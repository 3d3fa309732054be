//! The matrix of callers and operations, as it is observed: every operation of the description, asked by everybody.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use failover_access::Role;
use failover_api::ApiSettings;
use serde_json::json;

use crate::fixture::{NOBODY, TestApi};
use crate::tokens::make;

/// The table in the repository.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/roles.md");

const HEAD: &str = "\
# Who may do what, as it was observed

Made by a test (`crates/api/tests/routes/matrix.rs`) that asks every operation of the API's description as everybody;
`cargo xtask openapi --write` refreshes it. The requests are about things that do not exist, so that nothing is changed:
*admitted* is any answer that the operation itself gives.

| operation | no token | wrong | expired | revoked | viewer | operator | admin |
|---|---|---|---|---|---|---|---|
";

/// Everybody who asks, in the order of the table: the header Authorization.
async fn callers(api: &TestApi) -> Vec<Option<String>> {
    let revoked = make(api, json!({"name": "revoked", "role": "admin"})).await;
    api.delete(&format!("/api/v1/tokens/{}", revoked.token.id)).await;
    let expired = make(
        api,
        json!({"name": "expired", "role": "admin", "expires_in": "1m"}),
    )
    .await;
    let mut secrets = vec!["wrong".to_owned(), expired.secret, revoked.secret];
    for role in Role::ALL {
        secrets.push(
            make(api, json!({"name": role.as_str(), "role": role}))
                .await
                .secret,
        );
    }
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    let shown = secrets.into_iter().map(|secret| Some(format!("Bearer {secret}")));
    std::iter::once(None).chain(shown).collect()
}

async fn asked(api: &TestApi, method: &str, path: &str, authorization: Option<&str>) -> &'static str {
    let path = path
        .replace("{vm_id}", NOBODY)
        .replace("{other_vm_id}", "00000000-0000-4000-8000-000000000001")
        .replace("{job_id}", &format!("live-failover-{NOBODY}-1755530108"))
        .replace("{volume_id}", "volume-1")
        .replace("{token_id}", NOBODY)
        .replace("{source_network}", "lan");
    assert!(!path.contains('{'), "{path}");
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let answer = api.send(request.body(Body::from("{}")).unwrap()).await;
    match answer.status {
        StatusCode::UNAUTHORIZED => "401",
        StatusCode::FORBIDDEN => "403",
        _ => "admitted",
    }
}

#[tokio::test(start_paused = true)]
async fn everybody_may_what_the_committed_table_says() {
    let open = TestApi::empty();
    let callers = callers(&open).await;
    // Closed, as an API is where nothing else is said.
    let closed = open.again_with(ApiSettings::default());
    let document = failover_api::description();
    let mut table = HEAD.to_owned();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            write!(table, "| `{method} {path}` |").unwrap();
            for caller in &callers {
                let outcome = asked(&closed, &method, path, caller.as_deref()).await;
                write!(table, " {outcome} |").unwrap();
            }
            table.push('\n');
        }
    }
    if env::var("OPENAPI").is_ok_and(|wish| wish == "write") {
        fs::write(Path::new(COMMITTED), &table).unwrap();
    }
    assert!(
        fs::read_to_string(COMMITTED).unwrap() == table,
        "docs/roles.md is not what was observed; refresh it with `cargo xtask openapi --write`:\n{table}"
    );
}
