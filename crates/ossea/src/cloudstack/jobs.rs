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
    let text = result.reason();
    result
        .small_number("errorcode")
        .map(|code| Refusal { code, text })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn reported(job: Value) -> JobReport {
        report(Row::new("job", job.as_object().unwrap())).unwrap()
    }

    #[test]
    fn a_job_in_progress_is_pending() {
        assert_eq!(
            reported(json!({"jobstatus": 0, "jobresultcode": 0})),
            JobReport::Pending
        );
        assert_eq!(reported(json!({"jobstatus": "0"})), JobReport::Pending);
    }

    #[test]
    fn the_object_of_a_successful_job_is_named_by_its_result() {
        for kind in ["volume", "virtualmachine", "snapshot", "vmsnapshot"] {
            let job =
                json!({"jobstatus": 1, "jobresultcode": 0, "jobresult": {kind: {"id": "abc", "name": "x"}}});
            assert_eq!(
                reported(job),
                JobReport::Succeeded {
                    object: Some("abc".to_owned())
                }
            );
        }
        for result in [
            json!({"success": true}),
            json!({}),
            Value::Null,
            json!({"virtualmachine": {}}),
        ] {
            let job = json!({"jobstatus": 1, "jobresult": result});
            assert_eq!(reported(job), JobReport::Succeeded { object: None });
        }
    }

    #[test]
    fn a_failed_job_with_a_reason_has_failed() {
        let job =
            json!({"jobstatus": 2, "jobresultcode": 530, "jobresult": {"errorcode": 431, "errortext": "no"}});
        assert_eq!(
            reported(job),
            JobReport::Failed(Refusal {
                code: 431,
                text: "no".to_owned()
            })
        );
        let silent = json!({"jobstatus": "2", "jobresultcode": "530", "jobresult": {"errorcode": "530"}});
        assert!(matches!(reported(silent), JobReport::Failed(refusal) if refusal.code == 530));
    }

    #[test]
    fn a_failed_job_without_a_reason_was_cut_off() {
        for (code, job) in [
            (530, json!({"jobstatus": 2, "jobresultcode": 530})),
            (0, json!({"jobstatus": 2, "jobresultcode": 0, "jobresult": null})),
            (
                530,
                json!({"jobstatus": 2, "jobresultcode": 530, "jobresult": "management server restarted"}),
            ),
            (
                530,
                json!({"jobstatus": 2, "jobresultcode": 530, "jobresult": {}}),
            ),
        ] {
            assert_eq!(reported(job), JobReport::Interrupted { code });
        }
    }

    #[test]
    fn an_unknown_status_is_neither_success_nor_failure() {
        assert_eq!(
            reported(json!({"jobstatus": 3, "jobresultcode": 7})),
            JobReport::Interrupted { code: 7 }
        );
    }

    #[test]
    fn a_job_without_a_status_is_unreadable() {
        for job in [
            json!({}),
            json!({"jobstatus": "soon"}),
            json!({"jobstatus": null}),
        ] {
            assert!(report(Row::new("job", job.as_object().unwrap())).is_err());
        }
    }
}
