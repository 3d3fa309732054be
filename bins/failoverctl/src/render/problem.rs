//! Problem documents: what happened, to which object, and what to do.

use failover_api::dto::{ErrorCode, Problem};

use super::Paint;
use super::readiness::finding_lines;

/// An error of the API.
pub(crate) fn problem(problem: &Problem, paint: Paint) -> String {
    let mut text = format!(
        "{} {} ({})\n  {}\n",
        paint.bad("error:"),
        paint.bold(&problem.title),
        problem.error_code.as_str(),
        problem.detail
    );
    if let Some(score) = problem.readiness_score {
        text += &format!("  readiness score: {score:.0} of 100\n");
    }
    for finding in &problem.findings {
        text += &finding_lines(finding, paint, "  ");
    }
    for mistake in &problem.mistakes {
        text += &format!("  {}: {}\n", mistake.path, mistake.message);
    }
    if let Some(job) = &problem.job_id {
        text += &format!("  job: {job} (failoverctl jobs show {job} --watch)\n");
    }
    // Remedies of the findings are told beside them; telling them twice would hide the others.
    let told = |action: &&String| {
        !problem
            .findings
            .iter()
            .any(|f| f.remedy.as_ref() == Some(*action))
    };
    let actions: Vec<&String> = problem.required_actions.iter().filter(told).collect();
    if !actions.is_empty() {
        text += "What to do:\n";
        for action in actions {
            text += &format!("  - {action}\n");
        }
    }
    if problem.error_code == ErrorCode::ConsentNeeded {
        text += "  With failoverctl: the same command with --discard-guest-writes.\n";
    }
    if let Some(id) = &problem.request_id {
        text += &format!("  request id: {id}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use failover_api::dto::Mistake;

    use super::*;
    use crate::fixture;

    #[test]
    fn an_active_job_is_named_with_the_way_to_it() {
        let mut conflict = Problem::new(409, ErrorCode::ActiveJobs, "source VM erp-01 has an active job")
            .action("Wait for it.");
        conflict.job_id = Some(fixture::job_id());
        conflict.request_id = Some("req-1".into());
        let job = fixture::JOB;
        assert_eq!(
            problem(&conflict, Paint::Plain),
            format!(
                "error: The source VM has an active job (ACTIVE_JOBS)\n  source VM erp-01 has an active job\n  job: {job} \
                 (failoverctl jobs show {job} --watch)\nWhat to do:\n  - Wait for it.\n  request id: req-1\n"
            )
        );
    }

    #[test]
    fn findings_tell_their_remedy_once() {
        let mut refused = Problem::new(422, ErrorCode::ValidationFailed, "erp-01 is not ready");
        refused.readiness_score = Some(0.0);
        refused.findings = vec![fixture::failed_finding()];
        refused.required_actions = vec!["Attach the volume to the OMA.".into(), "Check again.".into()];
        assert_eq!(
            problem(&refused, Paint::Plain),
            "error: The source VM is not ready (VALIDATION_FAILED)\n  erp-01 is not ready\n  readiness score: 0 of 100\n  \
             FAIL  Volume State (critical): volume erp-disk-0 is attached to no VM\n        -> Attach the volume to the \
             OMA.\nWhat to do:\n  - Check again.\n"
        );
    }

    #[test]
    fn mistakes_are_listed_with_their_places() {
        let mut wrong = Problem::new(400, ErrorCode::InvalidRequest, "the file has 1 mistake");
        wrong.mistakes = vec![Mistake {
            path: "vms[2].name".into(),
            message: "is empty".into(),
        }];
        assert_eq!(
            problem(&wrong, Paint::Plain),
            "error: The request is wrong (INVALID_REQUEST)\n  the file has 1 mistake\n  vms[2].name: is empty\n"
        );
    }
}
