//! `POST /api/v1/failover/live`: starts a live failover, or shows what it would do.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use failover_engine::idempotency::KeyClaim;
use failover_engine::plan::CommitPolicy;
use failover_engine::service::Wanted;

use super::start::{StartQuery, start_or_show};
use crate::access::Caller;
use crate::dto::{CommitPolicyView, DryRunAnswer, JobCreated, LiveFailoverRequest};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiQuery, time};
use crate::openapi::problems;
use crate::state::ApiState;

/// Starts a live failover, or shows what it would do.
///
/// The source VM moves to the cloud for good: its replicas become the disks of a new VM on production networks.
#[utoipa::path(
    post,
    path = "/failover/live",
    tag = "failover",
    operation_id = "start_live_failover",
    params(StartQuery),
    request_body = LiveFailoverRequest,
    responses(
        (status = 200, description = "With `dry_run`: what would be done. Nothing was changed.", body = DryRunAnswer),
        (
            status = 202,
            description = "The job exists.",
            body = JobCreated,
            headers(("location" = String, description = "Where the job is shown."))
        ),
        (status = 404, response = problems::UnknownVm),
        (status = 409, response = problems::ActiveJob),
        (status = 422, response = problems::NotReady),
        (status = 502, response = problems::CloudFails),
    )
)]
pub(in crate::routes) async fn start(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    claim: Option<Extension<KeyClaim>>,
    ApiQuery(query): ApiQuery<StartQuery>,
    ApiJson(body): ApiJson<LiveFailoverRequest>,
) -> Result<Response, ApiError> {
    let commit = commit_policy(&body.commit_policy)?;
    start_or_show(
        &state,
        caller,
        claim.as_deref(),
        &query,
        body.into(),
        Wanted::Live { commit },
    )
    .await
}

fn commit_policy(policy: &CommitPolicyView) -> Result<CommitPolicy, ApiError> {
    Ok(match policy {
        CommitPolicyView::Manual {} => CommitPolicy::Manual,
        CommitPolicyView::CommitAfter { after } => CommitPolicy::CommitAfter {
            seconds: settled_after(after)?,
        },
        CommitPolicyView::RollbackAfter { after } => CommitPolicy::RollbackAfter {
            seconds: settled_after(after)?,
        },
    })
}

/// Below a minute nobody can look at the VM, and rollback points that are older than a quarter of a year are worth nothing.
fn settled_after(text: &str) -> Result<u64, ApiError> {
    let bounds = Duration::from_secs(60)..=Duration::from_secs(90 * 24 * 3600);
    let otherwise = ", or take the policy manual";
    Ok(time("commit_policy.after", text, bounds, otherwise)?.as_secs())
}
