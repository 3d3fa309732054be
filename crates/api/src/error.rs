//! Errors become problem details here and nowhere else.
//!
//! An [`ApiError`] travels as an extension of its response; the outermost layer adds the request's path and id,
//! writes the body and logs it once. What may hold a secret (the texts of a database driver) goes to the log
//! only.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use failover_domain::{CheckStatus, Finding, JobId, Readiness, VmId};
use failover_engine::idempotency::StartOnceError;
use failover_engine::plan::PlanMistake;
use failover_engine::ports::{ClearError, PutError, StoreError};
use failover_engine::service::{MapError, SettleError, StartError};
use ossea::OsseaError;

use crate::dto::{DISCARD_GUEST_WRITES, ErrorCode, Mistake, Problem};
use crate::idempotency::under_way;
use crate::view::job_url;

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub struct ApiError {
    pub(crate) problem: Box<Problem>,
    /// When the caller may try again.
    pub(crate) retry_after: Option<Duration>,
    /// What only the log is told.
    pub(crate) cause: Option<String>,
}

impl ApiError {
    /// An error with a status, a code and what happened.
    pub fn new(status: StatusCode, code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem::new(status.as_u16(), code, detail)),
            retry_after: None,
            cause: None,
        }
    }

    /// The request is wrong, and this is how to mend it.
    pub fn invalid(detail: impl Into<String>, action: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, detail).action(action)
    }

    /// The request has several mistakes; nothing was changed.
    pub fn mistakes(detail: impl Into<String>, mistakes: Vec<Mistake>) -> Self {
        let mut error = Self::invalid(
            detail,
            "Mend all mistakes listed under mistakes and send it again.",
        );
        error.problem.mistakes = mistakes;
        error
    }

    /// The inventory does not have the VM.
    pub fn unknown_vm(vm_id: &VmId) -> Self {
        let detail = format!("source VM {vm_id} is not in the inventory");
        Self::new(StatusCode::NOT_FOUND, ErrorCode::VmNotFound, detail)
            .action("Check the id: GET /api/v1/vms?name=NAME finds a VM by its name.")
            .action(format!(
                "Report the VM with PUT /api/v1/vms/{vm_id}/replica or import an inventory file."
            ))
    }

    /// There is no such job.
    pub fn unknown_job(job_id: &JobId) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            ErrorCode::JobNotFound,
            format!("job {job_id} does not exist"),
        )
        .action("Check the id: GET /api/v1/failover/jobs lists all jobs.")
    }

    /// The source VM has an active job.
    pub fn active_job(vm_id: &VmId, job_id: &JobId) -> Self {
        let detail = format!("source VM {vm_id} has the active job {job_id}");
        let mut error = Self::new(StatusCode::CONFLICT, ErrorCode::ActiveJobs, detail)
            .action(format!("Follow that job at {}.", job_url(job_id)))
            .action("Wait until it has ended, or cancel it, and try again.");
        error.problem.job_id = Some(job_id.clone());
        error.problem.job_url = Some(job_url(job_id));
        error
    }

    /// An action is not allowed in the job's present state.
    pub fn not_allowed(job_id: &JobId, detail: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::CONFLICT, ErrorCode::NotAllowed, detail).action(format!(
            "See what is allowed now under actions at {}.",
            job_url(job_id)
        ));
        error.problem.job_id = Some(job_id.clone());
        error.problem.job_url = Some(job_url(job_id));
        error
    }

    /// An action is allowed when the caller agrees to what it means.
    pub fn needs_consent(job_id: &JobId, meaning: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::CONFLICT, ErrorCode::ConsentNeeded, meaning).action(format!(
            "If that is what you want, send it again with the body {{\"{DISCARD_GUEST_WRITES}\": true}}."
        ));
        error.problem.job_id = Some(job_id.clone());
        error.problem.job_url = Some(job_url(job_id));
        error
    }

    /// A mistake of ours; `cause` goes to the log.
    pub fn internal(cause: impl Into<String>) -> Self {
        let detail = "the server made a mistake; its log says more under this request's id";
        let mut error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::InternalError,
            detail,
        )
        .action("Give the request id to whoever runs the server.");
        error.cause = Some(cause.into());
        error
    }

    /// The error with one more thing to do.
    #[must_use]
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.problem.required_actions.push(action.into());
        self
    }

    fn not_ready(vm_id: &VmId, readiness: Readiness) -> Self {
        let failed: Vec<Finding> = readiness
            .checks
            .into_iter()
            .filter(|c| c.status == CheckStatus::Fail)
            .collect();
        let names: Vec<&str> = failed.iter().map(|f| f.check_name.as_str()).collect();
        let mut error = match cloud_failure(&failed) {
            // Nothing can be said about the VM while the cloud does not answer: that is the error.
            Some(finding) => Self::new(
                cloud_status(finding),
                ErrorCode::OsseaApiError,
                format!(
                    "the readiness of source VM {vm_id} cannot be found out: {}",
                    finding.message
                ),
            ),
            None => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ErrorCode::ValidationFailed,
                format!(
                    "source VM {vm_id} is not ready (score {}): failed are {}",
                    readiness.readiness_score,
                    names.join(", ")
                ),
            ),
        };
        error.problem.required_actions = readiness.required_actions;
        error.problem.readiness_score = Some(readiness.readiness_score);
        error.problem.findings = failed;
        error
    }
}

/// The finding that says that the cloud cannot be asked at all.
fn cloud_failure(failed: &[Finding]) -> Option<&Finding> {
    failed.iter().find(|finding| finding.rule == "cloud_reachable")
}

fn cloud_status(finding: &Finding) -> StatusCode {
    match finding.details["error"].as_str() {
        Some("throttled" | "busy") => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_GATEWAY,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.problem.status).expect("a problem's status was made from a StatusCode");
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let unavailable = |detail: String| {
            Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::DatabaseUnavailable,
                detail,
            )
        };
        match error {
            StoreError::Unavailable(cause) => {
                let mut error = unavailable("the database cannot be reached".to_owned())
                    .action("Try again in a moment; if it goes on, check the database and the server's log.");
                error.retry_after = Some(Duration::from_secs(5));
                error.cause = Some(cause);
                error
            }
            StoreError::Schema(what) => unavailable(format!(
                "the database schema does not fit this version of the server: {what}"
            ))
            .action("Run the version of the server that fits the schema, or migrate the database."),
            StoreError::Corrupt { .. } => {
                let detail = error.to_string();
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    ErrorCode::InternalError,
                    detail,
                )
                .action("Repair the row, or restore it from a backup.")
            }
        }
    }
}

impl From<OsseaError> for ApiError {
    fn from(error: OsseaError) -> Self {
        let detail = error.to_string();
        let (status, retry_after, action) = match error {
            OsseaError::Unreachable(_) => (
                StatusCode::BAD_GATEWAY,
                None,
                "Check ossea.endpoint in the server's configuration and the network to the management server.",
            ),
            OsseaError::Throttled { retry_after } => (
                StatusCode::SERVICE_UNAVAILABLE,
                Some(retry_after),
                "Wait and try again; raise the account's API limit if it happens often.",
            ),
            OsseaError::Busy(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                Some(Duration::from_secs(30)),
                "Wait until the management server takes work again and try again.",
            ),
            OsseaError::Unauthorized(_) => (
                StatusCode::BAD_GATEWAY,
                None,
                "Check API key, secret key, the account's role and the server's clock.",
            ),
            OsseaError::Malformed(_) => (
                StatusCode::BAD_GATEWAY,
                None,
                "Check that ossea.endpoint leads to CloudStack's API and not to a proxy, a portal or a login page.",
            ),
            OsseaError::Refused(_) | OsseaError::NotFound(_) => (
                StatusCode::BAD_GATEWAY,
                None,
                "Check the ids under [target] in the server's configuration and the account's permissions.",
            ),
            OsseaError::OutcomeUnknown(_) => (
                StatusCode::BAD_GATEWAY,
                None,
                "Try again; nothing was changed by this request.",
            ),
        };
        let mut error = Self::new(status, ErrorCode::OsseaApiError, detail).action(action);
        error.retry_after = retry_after;
        error
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        let detail = error.to_string();
        match error {
            StartError::UnknownVm(vm_id) => Self::unknown_vm(&vm_id),
            StartError::NameMismatch { .. } => Self::invalid(
                detail,
                "Give the vm_id and the vm_name of the same VM, or leave vm_name out.",
            ),
            StartError::Active { vm_id, job_id } => Self::active_job(&vm_id, &job_id),
            StartError::Mapping { .. } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ErrorCode::NetworkMappingMissing,
                detail,
            )
            .action("Give the id or the exact name of a network: GET /api/v1/ossea/networks lists them."),
            StartError::NotReady { vm_id, readiness } => Self::not_ready(&vm_id, *readiness),
            StartError::Strategy(refused) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ErrorCode::ValidationFailed,
                detail,
            )
            .action(refused.remedy),
            StartError::NoFreeName { .. } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ErrorCode::ValidationFailed,
                detail,
            )
            .action("Remove or rename VMs of earlier tests in the cloud."),
            StartError::Plan(mistake) => mistake.into(),
            StartError::Cloud(error) => error.into(),
            StartError::MissingTarget { .. } => {
                Self::new(StatusCode::BAD_GATEWAY, ErrorCode::OsseaApiError, detail)
                    .action("Correct the id under [target] in the server's configuration.")
            }
            StartError::Store(error) => error.into(),
        }
    }
}

impl From<StartOnceError> for ApiError {
    fn from(error: StartOnceError) -> Self {
        match error {
            // Whoever has claimed the key meanwhile answers it.
            StartOnceError::ClaimLost(key) => under_way(&key, Duration::from_secs(1)),
            StartOnceError::Create(error) => StartError::from(error).into(),
        }
    }
}

impl From<ClearError> for ApiError {
    fn from(error: ClearError) -> Self {
        match error {
            ClearError::Active { vm_id, job_id } => Self::active_job(&vm_id, &job_id),
            ClearError::Store(error) => error.into(),
        }
    }
}

impl From<MapError> for ApiError {
    fn from(error: MapError) -> Self {
        let detail = error.to_string();
        let action = match error {
            MapError::Production { .. } => {
                "Map to a network that is isolated from production: GET /api/v1/ossea/networks lists the networks."
            }
            MapError::Test { .. } => {
                "Map to a network where no tests run, or remove the test mappings of this one first."
            }
            MapError::MarkedForTests { .. } => {
                "Map to a network where no tests run, or take this one out of target.test_network_ids first."
            }
            MapError::Both { .. } => "Map to different networks for production and for tests.",
            MapError::Store(error) => return error.into(),
        };
        Self::new(StatusCode::CONFLICT, ErrorCode::NetworkPurposeConflict, detail).action(action)
    }
}

impl From<SettleError> for ApiError {
    fn from(error: SettleError) -> Self {
        let detail = error.to_string();
        match error {
            SettleError::NoSuchJob(job_id) => Self::unknown_job(&job_id),
            SettleError::NotAllowed { job_id, .. } => Self::not_allowed(&job_id, detail),
            SettleError::Active { vm_id, job_id } => Self::active_job(&vm_id, &job_id),
            SettleError::Journal(_) => Self::internal(detail),
            SettleError::Store(error) => error.into(),
        }
    }
}

impl From<PlanMistake> for ApiError {
    fn from(mistake: PlanMistake) -> Self {
        let (code, action) = match mistake {
            PlanMistake::MissingSpec { .. } => (
                ErrorCode::ValidationFailed,
                "Report the VM again with the missing facts.",
            ),
            PlanMistake::DiskCount(_) => (
                ErrorCode::ValidationFailed,
                "Report the VM again with all disks that are to move.",
            ),
            PlanMistake::NoReplica(_) | PlanMistake::NotOnOma { .. } => (
                ErrorCode::VolumeNotAvailable,
                "Let the migration tool replicate the disk, and attach its volume to the OMA.",
            ),
            PlanMistake::Unmapped(_) | PlanMistake::NoNic => (
                ErrorCode::NetworkMappingMissing,
                "Map every network of the VM: POST /api/v1/network-mappings, or network_mappings in the request.",
            ),
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, mistake.to_string()).action(action)
    }
}

impl From<PutError> for ApiError {
    fn from(error: PutError) -> Self {
        let detail = error.to_string();
        match error {
            PutError::VolumeTaken { owner, .. } => {
                Self::new(StatusCode::CONFLICT, ErrorCode::VolumeNotAvailable, detail).action(format!(
                    "Give the volume of this disk, or first report {owner} without that volume."
                ))
            }
            PutError::Active { vm_id, job_id } => {
                let mut error = Self::active_job(&vm_id, &job_id);
                error.problem.detail = detail;
                error
            }
            PutError::Store(error) => error.into(),
        }
    }
}
