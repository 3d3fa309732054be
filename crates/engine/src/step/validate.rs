//! Runs the readiness rules inside the job; their verdict binds.
//!
//! * **Done** when the rules allow a start, with the active job being this one.
//! * **Command**: none. **Postcondition**: the verdict itself.
//! * **Unknown outcome**: impossible; the rules change nothing and are simply run again.

use failover_domain::Readiness;

use super::{Looked, Observation, View, blocked};
use crate::event::{StepError, StepErrorKind, StepFacts};
use crate::plan::WarningPolicy;
use crate::service::may_start;

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let Some(failover) = view.plan.job_type.failover_type() else {
        return Ok(blocked(format!(
            "a {} has no readiness rules",
            view.plan.job_type
        )));
    };
    let readiness = view
        .parts
        .service()
        .readiness_for_job(view.plan, failover, view.job_id)
        .await?;
    Ok(judge(&readiness, view.plan.warnings))
}

fn judge(readiness: &Readiness, warnings: WarningPolicy) -> Observation {
    if may_start(readiness, warnings) {
        return Observation::Done(StepFacts::Readiness {
            score: readiness.readiness_score,
        });
    }
    let found: Vec<&str> = readiness.failures().map(|f| f.message.as_str()).collect();
    Observation::Blocked(StepError {
        kind: StepErrorKind::NotReady,
        message: format!("score {}: {}", readiness.readiness_score, found.join("; ")),
        refusal: None,
    })
}
