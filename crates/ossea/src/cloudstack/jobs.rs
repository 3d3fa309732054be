//! Async jobs: one by id, and all that have not ended.

use failover_domain::AsyncJobId;

use super::call::{Answer, Call, parameter};
use super::client::CloudStackClient;
use super::parse::JOB_PENDING;
use super::reads::{PENDING_JOBS, is_parameter_error, malformed};
use super::row::{Row, Unreadable};
use crate::error::{OsseaError, Refusal};
use crate::model::JobReport;

/// `jobstatus` of success.
const JOB_SUCCEEDED: u32 = 1;

/// `jobstatus` of failure.
const JOB_FAILED: u32 = 2;

impl CloudStackClient {
    /// One job, whether it has ended or not.
    pub(crate) async fn job_report(&self, id: &AsyncJobId) -> Result<JobReport, OsseaError> {
        match self
            .ask(Call::read("queryAsyncJobResult", vec![parameter("jobid", id)]))
            .await
        {
            Ok(Answer(content)) => report(Row::new("job", &content)).map_err(malformed),
            Err(error) if is_parameter_error(&error) => Ok(JobReport::NotKnown),
            Err(error) => Err(error),
        }
    }

    /// The jobs that have not ended: CloudStack lists no others.
    pub(crate) async fn unfinished_jobs(&self) -> Result<Vec<AsyncJobId>, OsseaError> {
        let listed = self.all(PENDING_JOBS, &[], listed).await?;
        Ok(listed.into_iter().flatten().collect())
    }
}

/// A listed job, unless it has ended while the list was made.
fn listed(row: Row<'_>) -> Result<Option<AsyncJobId>, Unreadable> {
    match row.optional_small_number("jobstatus")? {
        None | Some(JOB_PENDING) => row.id("jobid").map(Some),
        Some(_) => Ok(None),
    }
}

/// How a job fares.
pub(crate) fn report(row: Row<'_>) -> Result<JobReport, Unreadable> {
    let code = row.small_number("jobresultcode").unwrap_or(0);
    let result = row.object("job result", "jobresult");
    match row.optional_small_number("jobstatus")? {
        None => Err(row.unreadable("jobstatus")),
        Some(JOB_PENDING) => Ok(JobReport::Pending),
        Some(JOB_SUCCEEDED) => {
            let object = result.and_then(|result| result.objects().find_map(|object| object.text("id")));
            Ok(JobReport::Succeeded { object })
        }
        Some(JOB_FAILED) => Ok(result.and_then(|result| refusal(result)).map_or(
            // A restarted management server and a cancelled queue item leave no result behind: the work itself
            // may have been done.
            JobReport::Interrupted { code },
            JobReport::Failed,
        )),
        // Cancelled, or a status of a newer release: not success, and nothing is known.
        Some(_) => Ok(JobReport::Interrupted { code }),
    }
}

/// The cloud's reason, where a job that ended by itself gives one.
fn refusal(result: Row<'_>) -> Option<Refusal> {
    let text = result
        .text("errortext")
        .unwrap_or_else(|| "no reason given".to_owned());
    result
        .small_number("errorcode")
        .map(|code| Refusal { code, text })
}

#[cfg(test)]
#[path = "jobs_tests.rs"]
mod tests;
