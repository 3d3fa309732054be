//! Promises about tokens.

use std::time::Duration;

use chrono::TimeDelta;
use failover_access::{
    Actor, ApiToken, NewToken, Revocation, Role, TokenId, TokenSecret, Tokens, TokensError, VmScope,
};
use uuid::Uuid;

use super::Harness;
use super::fixture::{all, base, operator, vm_id};
use crate::ports::{AuditFilter, AuditOrder};

/// The secret number `n`.
fn secret(n: u8) -> TokenSecret {
    TokenSecret::from_random(&[n; TokenSecret::RANDOM_BYTES])
}

/// The token with the secret number `n`.
fn token(n: u8, name: &str) -> NewToken {
    NewToken {
        id: TokenId::new(Uuid::from_u128(u128::from(n))),
        name: name.parse().expect("the suite's names are well formed"),
        prefix: secret(n).prefix().clone(),
        hash: secret(n).hash(),
        role: Role::Operator,
        vms: VmScope::All,
        created_at: base() + TimeDelta::seconds(i64::from(n)),
        expires_at: None,
    }
}

async fn make(tokens: &dyn Tokens, new: &NewToken) -> ApiToken {
    let made = tokens.create_token(new, &operator()).await;
    made.expect("nothing stands against it")
}

/// With every column, and by its prefix and no other one.
pub async fn a_token_reads_back_and_its_secret_finds_it(harness: &dyn Harness) {
    let tokens = harness.tokens();
    let restricted = NewToken {
        role: Role::Admin,
        vms: VmScope::Only([vm_id(1), vm_id(2)].into()),
        expires_at: Some(base() + TimeDelta::days(90)),
        ..token(2, "second@example.org")
    };
    let made = [
        make(tokens.as_ref(), &restricted).await,
        make(tokens.as_ref(), &token(1, "first")).await,
    ];
    assert_eq!(made[0], restricted.made_by(&operator()));
    let listed = tokens.tokens().await.expect("a read");
    assert_eq!(listed, [made[1].clone(), made[0].clone()], "the oldest first");
    let found = tokens.token_of_prefix(secret(2).prefix()).await.expect("a read");
    let found = found.expect("it was made");
    assert_eq!(found.token, made[0]);
    assert!(found.hash.is_of(&secret(2)) && !found.hash.is_of(&secret(1)));
    let nobody = tokens.token_of_prefix(secret(3).prefix()).await.expect("a read");
    assert!(nobody.is_none());
}

/// So that the audit cannot mean two tokens at a time.
pub async fn a_name_is_taken_until_its_token_is_revoked(harness: &dyn Harness) {
    let tokens = harness.tokens();
    let first = make(tokens.as_ref(), &token(1, "ci")).await;
    let refused = tokens.create_token(&token(2, "ci"), &operator()).await;
    assert_eq!(refused, Err(TokensError::NameTaken(first.name.clone())));
    assert_eq!(tokens.tokens().await.expect("a read").len(), 1);
    let revoked = tokens.revoke_token(&first.id, base(), &operator()).await;
    assert_eq!(revoked, Ok(Revocation::Revoked));
    make(tokens.as_ref(), &token(2, "ci")).await;
    assert_eq!(tokens.tokens().await.expect("a read").len(), 2);
}

/// The constraint decides, not a check before.
pub async fn of_two_tokens_of_one_name_at_once_one_is_made(harness: &dyn Harness) {
    let making = (0..8).map(|n| {
        let tokens = harness.tokens();
        async move { tokens.create_token(&token(n, "ci"), &operator()).await }
    });
    let made = all(making).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "{made:?}");
    let taken = |made: &&Result<ApiToken, TokensError>| matches!(made, Err(TokensError::NameTaken(_)));
    assert_eq!(made.iter().filter(taken).count(), 7, "{made:?}");
}

/// It stays on the list, with the instant of the first revocation.
pub async fn a_token_is_revoked_once_and_for_good(harness: &dyn Harness) {
    let tokens = harness.tokens();
    let made = make(tokens.as_ref(), &token(1, "ci")).await;
    let at = base() + TimeDelta::minutes(5);
    let revoke = async |id: &TokenId, at| {
        let revoked = tokens.revoke_token(id, at, &operator()).await;
        revoked.expect("a write")
    };
    assert_eq!(revoke(&made.id, at).await, Revocation::Revoked);
    let later = at + TimeDelta::minutes(5);
    assert_eq!(revoke(&made.id, later).await, Revocation::Already);
    let unknown = TokenId::new(Uuid::from_u128(99));
    assert_eq!(revoke(&unknown, at).await, Revocation::NoSuchToken);
    let listed = tokens.tokens().await.expect("a read");
    assert_eq!(listed[0].revoked_at, Some(at));
    let found = tokens.token_of_prefix(secret(1).prefix()).await.expect("a read");
    assert_eq!(found.expect("it was made").token.revoked_at, Some(at));
}

/// A busy token does not write all the time.
pub async fn a_use_is_noted_at_most_once_a_minute(harness: &dyn Harness) {
    let tokens = harness.tokens();
    let made = make(tokens.as_ref(), &token(1, "ci")).await;
    for (second, noted) in [(0, 0), (59, 0), (60, 60), (30, 60), (200, 200)] {
        let at = base() + TimeDelta::seconds(second);
        tokens.note_use(&made.id, at).await.expect("a write");
        let listed = tokens.tokens().await.expect("a read");
        assert_eq!(
            listed[0].last_used_at,
            Some(base() + TimeDelta::seconds(noted)),
            "{second}"
        );
    }
}

/// Without the secret, its hash or anything that opens the API.
pub async fn making_and_revoking_a_token_is_audited(harness: &dyn Harness) {
    let tokens = harness.tokens();
    let anna = Actor {
        name: "anna".to_owned(),
        request_id: Some("r-1".to_owned()),
    };
    let restricted = NewToken {
        vms: VmScope::Only([vm_id(1)].into()),
        ..token(1, "ci")
    };
    tokens.create_token(&restricted, &anna).await.expect("a write");
    harness.pass(Duration::from_secs(60)).await;
    for _ in 0..2 {
        tokens
            .revoke_token(&restricted.id, base(), &anna)
            .await
            .expect("a write");
    }
    let all = AuditFilter {
        order: AuditOrder::OldestFirst,
        limit: 10,
        ..AuditFilter::default()
    };
    let rows = harness.audit().audit(&all).await.expect("a read");
    let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["create_token", "revoke_token"]);
    for row in &rows {
        assert_eq!(
            (row.actor.as_str(), row.request_id.as_deref()),
            ("anna", Some("r-1"))
        );
        assert!(row.object.contains("ci") && row.object.contains(&restricted.id.to_string()));
        let whole = format!("{row:?}");
        assert!(!whole.contains(&restricted.hash.to_stored()) && !whole.contains(secret(1).expose()));
    }
    assert!(rows[0].reason.contains("operator") && rows[0].reason.contains(vm_id(1).as_str()));
}
