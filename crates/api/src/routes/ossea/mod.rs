//! `/api/v1/ossea`: what the cloud is like and has to offer. Everything here only asks, and asks after everything
//! that belongs to a job.

pub(in crate::routes) mod capabilities;
pub(in crate::routes) mod check;
pub(in crate::routes) mod lists;
pub(in crate::routes) mod vms;

use ::ossea::OsseaError;
use ::ossea::probe::{FailedRefresh, ProbeReading, Wanted};
use tokio::time::timeout;

use crate::cloud_view::{age_of, age_without};
use crate::dto::ProbeAge;
use crate::state::ApiState;

/// What the cloud answers in most of the time that the request has, so that a silent cloud is told as such and not
/// as a request that took too long.
async fn in_time<T>(
    state: &ApiState,
    answer: impl Future<Output = Result<T, OsseaError>>,
) -> Result<T, OsseaError> {
    let most = state.settings.request_timeout * 3 / 4;
    timeout(most, answer).await.unwrap_or_else(|_| {
        Err(OsseaError::Unreachable(format!(
            "no answer within {} s",
            most.as_secs()
        )))
    })
}

/// An answer of the cloud, with the age of what is known otherwise. The answer does not depend on the age; a failure is
/// told at once.
async fn with_age<T>(
    state: &ApiState,
    answer: impl Future<Output = Result<T, OsseaError>>,
) -> Result<(T, ProbeAge), OsseaError> {
    let age = async {
        Ok(match state.probes.read(Wanted::Recent).await {
            Ok(reading) => age_of(&reading),
            Err(failed) => age_without(&failed),
        })
    };
    tokio::try_join!(in_time(state, answer), age)
}

/// The last attempt to take a probe, where it failed.
fn failure(reading: &Result<ProbeReading, FailedRefresh>) -> Option<&FailedRefresh> {
    match reading {
        Ok(reading) => reading.failed_refresh.as_ref(),
        Err(failed) => Some(failed),
    }
}
