//! `active_jobs`: nobody else works on the VM.

use serde_json::json;

use crate::outcome::{Outcome, Problem};
use crate::view::View;

pub(crate) fn check(view: &View<'_>) -> Outcome {
    let subject = view.subject;
    let mut problems = Vec::new();
    if let Some(job) = &subject.active_job {
        problems.push(Problem::new(
            format!("failover job {job} is working on the VM"),
            format!("Wait for job {job} to end; failoverctl jobs show {job} says what may be done with it."),
        ));
    }
    let replications = view
        .vm()
        .map(|vm| vm.sync.active_replications.as_slice())
        .unwrap_or_default();
    if !replications.is_empty() {
        let jobs = replications.join(", ");
        problems.push(Problem::new(
            format!("the migration tool still writes to the replicas (replication job {jobs})"),
            format!("Wait for replication job {jobs} to end, or stop it in the migration tool."),
        ));
    }
    let details =
        json!({ "active_failover_job": subject.active_job, "active_replication_jobs": replications });
    Outcome::of(
        problems,
        "neither a failover nor a replication is active for the VM",
        details,
    )
}
