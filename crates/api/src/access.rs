//! Who asks, and whether they may.
//!
//! ```text
//! who       no token            anonymous, where the configuration allows it
//!           the configured one  an admin: the way in before there is any other, and after the last one is lost
//!           a stored one        whatever it says, unless it was revoked or its time is over
//! whether   the role            against the route's least role in `table`; a route that is not there needs an admin
//!           the source VMs      of a restricted token, against what the route reaches
//! ```
//!
//! A stored token is looked up for every request, so a revoked one is worth nothing from the next request on, whichever
//! process answers it.

mod table;

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use failover_access::{
    Actor, ApiToken, Caller as Identity, MalformedSecret, Role, TokenSecret, TokenStanding, TokensError,
};
use failover_domain::{JobId, VmId};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use tower_http::request_id::RequestId;

use crate::dto::ErrorCode;
use crate::error::ApiError;
use crate::state::ApiState;

pub use table::{ACCESS_RULES, AccessRule, Reach};

/// The name of callers without a token.
const ANONYMOUS: &str = "anonymous";

/// The name of whoever shows the token of the configuration.
const CONFIGURED: &str = "configured token";

/// Who asks, and in which request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    identity: Identity,
    request_id: Option<String>,
}

impl Caller {
    /// The name under which jobs and requests know the caller.
    pub(crate) fn name(&self) -> &str {
        &self.identity.name
    }

    /// The caller as the audit names it.
    pub(crate) fn actor(&self) -> Actor {
        Actor {
            name: self.identity.name.clone(),
            request_id: self.request_id.clone(),
        }
    }

    /// The source VMs to which the caller is restricted, if at all.
    pub(crate) fn only(&self) -> Option<&BTreeSet<VmId>> {
        self.identity.vms.only()
    }

    /// Whether the caller may see a source VM.
    pub(crate) fn may_touch(&self, vm: &VmId) -> bool {
        self.identity.may_touch(vm)
    }

    /// Lets pass what is about a source VM that the caller may see and act on.
    pub(crate) fn must_touch(&self, vm: &VmId) -> Result<(), ApiError> {
        if self.may_touch(vm) {
            return Ok(());
        }
        let detail = format!(
            "the token {} is restricted to certain source VMs, and {vm} is none of them",
            self.name()
        );
        Err(
            ApiError::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, detail).action(format!(
                "Use a token that is not restricted, or ask an admin for one that may act on {vm}."
            )),
        )
    }
}

/// Lets only those pass who may.
pub(crate) async fn admit(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admitted(&state, &mut parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => error.into_response(),
    }
}

async fn admitted(state: &ApiState, parts: &mut Parts) -> Result<Caller, ApiError> {
    let id = parts.extensions.get::<RequestId>();
    let id = id.and_then(|id| id.header_value().to_str().ok());
    let caller = Caller {
        request_id: id.map(ToOwned::to_owned),
        identity: identify(state, &parts.headers).await?,
    };
    // Without a matched path there is no route, which is said to everybody who may ask at all.
    if let Some(path) = parts.extensions.get::<MatchedPath>().cloned() {
        let rule = table::rule_of(&parts.method, path.as_str());
        let least = rule.map_or(Role::Admin, |rule| rule.role);
        must_have(&caller, least, path.as_str())?;
        if caller.only().is_some() {
            must_reach(
                state,
                &caller,
                rule.map_or(Reach::Everything, |rule| rule.reach),
                parts,
            )
            .await?;
        }
    }
    Ok(caller)
}

/// Who asks.
async fn identify(state: &ApiState, headers: &HeaderMap) -> Result<Identity, ApiError> {
    let settings = &state.settings;
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        return if settings.allow_anonymous {
            Ok(Identity::admin(ANONYMOUS))
        } else {
            Err(unauthorized("the request shows no token"))
        };
    };
    let shown = bearer_token(header).ok_or_else(invalid)?;
    if let Some(configured) = &settings.token {
        // The comparison takes as long for a nearly right token as for a wrong one.
        if bool::from(shown.ct_eq(configured.expose_secret().as_bytes())) {
            return Ok(Identity::admin(CONFIGURED));
        }
    }
    let shown = std::str::from_utf8(shown).map_err(|_| invalid())?;
    let secret: TokenSecret = shown.parse().map_err(|malformed| match malformed {
        MalformedSecret::NotAToken => invalid(),
        MalformedSecret::Damaged => unauthorized("the request shows a token that was cut short or mistyped"),
    })?;
    let found = state.ports.tokens.token_of_prefix(secret.prefix()).await?;
    let token = found
        .filter(|found| found.hash.is_of(&secret))
        .ok_or_else(invalid)?
        .token;
    let now = state.service.clock.now();
    // Only whoever shows the whole secret is told what became of it.
    match token.standing(now) {
        TokenStanding::Valid => {}
        TokenStanding::Revoked { at } => {
            return Err(unauthorized(format!(
                "the token {} was revoked at {at}",
                token.name
            )));
        }
        TokenStanding::Expired { at } => {
            return Err(unauthorized(format!(
                "the token {} has expired at {at}",
                token.name
            )));
        }
    }
    note_use(state, &token, now).await;
    Ok(token.caller())
}

/// Notes that a token is used. A database that cannot be written to is no reason to refuse whoever only looks.
async fn note_use(state: &ApiState, token: &ApiToken, now: DateTime<Utc>) {
    let recently = now - TimeDelta::minutes(1);
    if token.last_used_at.is_some_and(|last| last > recently) {
        return;
    }
    if let Err(error) = state.ports.tokens.note_use(&token.id, now).await {
        tracing::warn!(token = %token.name, %error, "The use of the token cannot be noted.");
    }
}

fn bearer_token(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then_some(token.trim_ascii())
}

fn invalid() -> ApiError {
    unauthorized("the request shows no valid token")
}

fn unauthorized(detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, detail)
        .action("Send the header Authorization: Bearer TOKEN with a valid token.")
        .action("An admin makes one: failoverctl token create NAME --role ROLE.")
}

fn must_have(caller: &Caller, least: Role, path: &str) -> Result<(), ApiError> {
    let held = caller.identity.role;
    if held >= least {
        return Ok(());
    }
    let detail = format!(
        "{path} needs the role {least} with this method, and the token {} has the role {held}",
        caller.name()
    );
    Err(
        ApiError::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, detail).action(format!(
            "Use a token with the role {least}; an admin makes one: failoverctl token create NAME --role {least}."
        )),
    )
}

/// Lets a restricted caller pass where the route reaches nothing else.
async fn must_reach(
    state: &ApiState,
    caller: &Caller,
    reach: Reach,
    parts: &mut Parts,
) -> Result<(), ApiError> {
    match reach {
        Reach::Path => named_in_path(state, caller, parts).await,
        // The handler looks at the body and the query, and shows nothing else.
        Reach::Handler | Reach::NoVm => Ok(()),
        Reach::Everything => {
            let detail = format!(
                "the token {} is restricted to certain source VMs, and this concerns all of them",
                caller.name()
            );
            Err(ApiError::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, detail)
                .action("Use a token that is not restricted to source VMs."))
        }
    }
}

/// The source VM of the path, or that of the job in it, must be the caller's. What is no id, and what does not exist, is
/// for the handler to say.
async fn named_in_path(state: &ApiState, caller: &Caller, parts: &mut Parts) -> Result<(), ApiError> {
    let params = RawPathParams::from_request_parts(parts, state).await;
    let params =
        params.map_err(|_| ApiError::invalid("the path cannot be read", "Correct the id in the path."))?;
    for (name, value) in &params {
        if matches!(name, "vm_id" | "other_vm_id")
            && let Ok(vm) = value.parse::<VmId>()
        {
            caller.must_touch(&vm)?;
        }
        if name == "job_id"
            && let Ok(job) = value.parse::<JobId>()
            && let Some(record) = state.service.jobs.job(&job).await?
        {
            caller.must_touch(&record.vm_id)?;
        }
    }
    Ok(())
}

impl From<TokensError> for ApiError {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::NameTaken(_) => {
                Self::new(StatusCode::CONFLICT, ErrorCode::TokenNameTaken, error.to_string())
                    .action("Take another name, or revoke that token first.")
            }
            TokensError::Unavailable(cause) => failover_engine::ports::StoreError::Unavailable(cause).into(),
            TokensError::Broken(cause) => Self::internal(cause),
        }
    }
}
