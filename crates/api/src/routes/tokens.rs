//! `/api/v1/tokens`: who may use the API. A token's secret is told once, to whoever makes it.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use failover_access::{ApiToken, NewToken, Revocation, TokenId, TokenSecret, TokenStanding, VmScope};
use rand::TryRngCore;
use rand::rngs::OsRng;
use uuid::Uuid;

use crate::access::Caller;
use crate::dto::{ErrorCode, TokenCreated, TokenList, TokenRequest, TokenStatus, TokenView};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiPath, time};
use crate::openapi::problems;
use crate::state::ApiState;

/// A shorter life is a typing mistake, and a longer one is no expiry.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// Lists all tokens, revoked and expired ones too. Their secrets are nowhere.
#[utoipa::path(
    get,
    path = "/tokens",
    tag = "access",
    operation_id = "list_tokens",
    responses(
        (status = 200, description = "The tokens, the oldest first.", body = TokenList),
    )
)]
pub(super) async fn list(State(state): State<ApiState>) -> Result<Json<TokenList>, ApiError> {
    let now = state.service.clock.now();
    let tokens = state.ports.tokens.tokens().await?;
    let view = |token: ApiToken| TokenView {
        status: status(&token, now),
        token,
    };
    Ok(Json(TokenList {
        tokens: tokens.into_iter().map(view).collect(),
    }))
}

fn status(token: &ApiToken, now: DateTime<Utc>) -> TokenStatus {
    match token.standing(now) {
        TokenStanding::Valid => TokenStatus::Valid,
        TokenStanding::Expired { .. } => TokenStatus::Expired,
        TokenStanding::Revoked { .. } => TokenStatus::Revoked,
    }
}

/// Makes a token. Its secret is in the answer, and never told again.
#[utoipa::path(
    post,
    path = "/tokens",
    tag = "access",
    operation_id = "create_token",
    request_body = TokenRequest,
    responses(
        (status = 201, description = "The token with its secret.", body = TokenCreated),
        (status = 409, response = problems::TokenNameTaken),
    )
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiJson(request): ApiJson<TokenRequest>,
) -> Result<Response, ApiError> {
    let now = state.service.clock.now();
    let life = request
        .expires_in
        .as_deref()
        .map(|text| time("expires_in", text, SHORTEST..=LONGEST, ", or leave it out"))
        .transpose()?;
    if request.vms.as_ref().is_some_and(|vms| vms.is_empty()) {
        return Err(ApiError::invalid(
            "vms is empty, allowed are one source VM or more",
            "Name the source VMs, or leave vms out for a token that may act on all.",
        ));
    }
    let secret = fresh_secret()?;
    let token = NewToken {
        id: TokenId::new(Uuid::new_v4()),
        name: request.name,
        prefix: secret.prefix().clone(),
        hash: secret.hash(),
        role: request.role,
        vms: VmScope::from(request.vms),
        created_at: now,
        expires_at: life.map(|life| now + life),
    };
    let token = state.ports.tokens.create_token(&token, &caller.actor()).await?;
    let created = TokenCreated {
        token,
        secret: secret.expose().to_owned(),
    };
    // No proxy and no browser keeps the secret.
    let private = (header::CACHE_CONTROL, "no-store");
    Ok((StatusCode::CREATED, [private], Json(created)).into_response())
}

fn fresh_secret() -> Result<TokenSecret, ApiError> {
    let mut random = [0; TokenSecret::RANDOM_BYTES];
    let filled = OsRng.try_fill_bytes(&mut random);
    filled.map_err(|error| ApiError::internal(format!("the system has no randomness to give: {error}")))?;
    Ok(TokenSecret::from_random(&random))
}

/// Revokes a token: it is worth nothing from the next request on. Revoking twice is the same as revoking once.
#[utoipa::path(
    delete,
    path = "/tokens/{token_id}",
    tag = "access",
    operation_id = "revoke_token",
    params(("token_id" = TokenId, Path, description = "The token.")),
    responses(
        (status = 204, description = "The token is revoked."),
        (status = 404, response = problems::UnknownToken),
    )
)]
pub(super) async fn revoke(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ApiPath(token_id): ApiPath<TokenId>,
) -> Result<StatusCode, ApiError> {
    let now = state.service.clock.now();
    let tokens = &state.ports.tokens;
    match tokens.revoke_token(&token_id, now, &caller.actor()).await? {
        Revocation::Revoked | Revocation::Already => Ok(StatusCode::NO_CONTENT),
        Revocation::NoSuchToken => {
            let detail = format!("token {token_id} does not exist");
            Err(
                ApiError::new(StatusCode::NOT_FOUND, ErrorCode::TokenNotFound, detail)
                    .action("Check the id: GET /api/v1/tokens lists all tokens."),
            )
        }
    }
}
