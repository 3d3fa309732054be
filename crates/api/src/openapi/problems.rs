//! The problems that operations answer with, by name: each is described once and referred to wherever it can happen.

use std::collections::BTreeMap;

use utoipa::ToResponse;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::dto::problem::MEDIA_TYPE;

macro_rules! problems {
    ($($name:ident: $description:literal;)+) => {
        $(
            #[doc = $description]
            pub(crate) struct $name;

            impl $name {
                /// The name in the description.
                pub(crate) const NAME: &str = stringify!($name);
            }
            impl<'r> ToResponse<'r> for $name {
                fn response() -> (&'r str, RefOr<Response>) {
                    (Self::NAME, problem($description).into())
                }
            }
        )+

        /// All of them, and the answer that is neither a success nor a problem.
        pub(super) fn all() -> BTreeMap<String, RefOr<Response>> {
            BTreeMap::from([
                (UNCHANGED.to_owned(), unchanged().into()),
                $((
                    $name::NAME.to_owned(),
                    <$name as ToResponse>::response().1,
                )),+
            ])
        }
    };
}

problems! {
    InvalidRequest: "The request is wrong and nothing was changed: `INVALID_REQUEST`. `detail` or `mistakes` name the field, its value and what is allowed.";
    Unauthorized: "The request shows no valid token, or one that was revoked or has expired: `UNAUTHORIZED`.";
    Forbidden: "The caller's role, or the restriction of its token to certain source VMs, does not allow it: `FORBIDDEN`.";
    UnknownToken: "There is no such token: `TOKEN_NOT_FOUND`.";
    TokenNameTaken: "A token that is not revoked has the name: `TOKEN_NAME_TAKEN`.";
    UnknownVm: "The inventory does not have the source VM: `VM_NOT_FOUND`.";
    UnknownJob: "There is no such job: `JOB_NOT_FOUND`.";
    UnknownMapping: "The inventory does not have the source VM, or the VM has no such mapping: `VM_NOT_FOUND`, `MAPPING_NOT_FOUND`.";
    UnknownReplica: "The inventory does not have the source VM, or the VM has no such replica: `VM_NOT_FOUND`, `REPLICA_NOT_FOUND`.";
    ActiveJob: "The source VM has an active job, which `job_id` names: `ACTIVE_JOBS`.";
    NotAllowedNow: "The job's present state does not allow it, or only with the caller's consent: `NOT_ALLOWED`, `CONSENT_NEEDED`, `ACTIVE_JOBS`. `detail` says why; `actions` of the job say what is allowed.";
    NotMarked: "The replica is not marked, or its VM has an active job: `NOT_ALLOWED`, `ACTIVE_JOBS`.";
    PurposeConflict: "The network serves tests or production already and cannot serve the other as well: `NETWORK_PURPOSE_CONFLICT`.";
    ReplicaConflict: "A volume belongs to a disk of another source VM, or the VM has an active job: `VOLUME_NOT_AVAILABLE`, `ACTIVE_JOBS`.";
    NoLogs: "This process keeps no log records in memory: `ROUTE_NOT_FOUND`.";
    KeyInUse: "The request with this idempotency key is being carried out, or its answer held a secret: `IDEMPOTENCY_IN_PROGRESS`, `IDEMPOTENCY_ANSWER_NOT_KEPT`.";
    KeyReused: "The idempotency key belongs to another request: `IDEMPOTENCY_KEY_REUSED`.";
    BodyStopped: "The body stopped coming, and nothing was done: `REQUEST_TIMEOUT`.";
    BodyTooLarge: "The body is larger than this route takes: `BODY_TOO_LARGE`.";
    NotJson: "The body is not declared as JSON: `UNSUPPORTED_MEDIA_TYPE`.";
    NotReady: "The source VM cannot be failed over as it is: `VALIDATION_FAILED` with the failed `findings`, `NETWORK_MAPPING_MISSING`, `VOLUME_NOT_AVAILABLE`.";
    NoSuchNetwork: "The cloud has no such network: `NETWORK_MAPPING_MISSING`.";
    InternalError: "The server made a mistake: `INTERNAL_ERROR`. Its log says more under the request's id.";
    CloudFails: "The cloud does not answer or refuses: `OSSEA_API_ERROR`.";
    RateLimited: "The caller asks too often: `RATE_LIMITED`. `Retry-After` says when to ask again.";
    Unavailable: "The database or the cloud cannot be asked now, or the server has as much to do as it may: `DATABASE_UNAVAILABLE`, `OSSEA_API_ERROR`, `SERVER_BUSY`. `Retry-After` says when to try again.";
    RequestTimeout: "The request took too long: `REQUEST_TIMEOUT`. What it asked for may have been done.";
}

/// The name of the answer that nothing has changed.
pub(super) const UNCHANGED: &str = "Unchanged";

fn unchanged() -> Response {
    ResponseBuilder::new()
        .description("What `If-None-Match` names is what the answer would be; there is no body.")
        .build()
}

fn problem(description: &str) -> Response {
    let body = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content(MEDIA_TYPE, body)
        .build()
}
