//! What may be done with a job, as answers show it.

use failover_domain::JobId;
use failover_engine::ports::JobRecord;
use failover_engine::request::StoredRequest;
use failover_engine::verbs::{self, Verb, permission};

use super::job_url;
use crate::dto::{ActionView, DISCARD_GUEST_WRITES, Permission};

/// Every verb with its permission.
pub(crate) fn actions(record: &JobRecord, asked: &[StoredRequest]) -> Vec<ActionView> {
    let view = |verb| ActionView {
        action: verb,
        permission: permission_view(record, asked, verb),
    };
    Verb::ALL.into_iter().map(view).collect()
}

fn permission_view(record: &JobRecord, asked: &[StoredRequest], verb: Verb) -> Permission {
    let (method, url) = route(&record.job_id, verb);
    let method = method.to_owned();
    match permission(record, asked, verb) {
        verbs::Permission::Allowed { meaning } => Permission::Allowed { method, url, meaning },
        verbs::Permission::NeedsConsent { meaning } => Permission::NeedsConsent {
            method,
            url,
            meaning,
            consent: DISCARD_GUEST_WRITES.to_owned(),
        },
        verbs::Permission::Refused { reason } => Permission::Refused { reason },
    }
}

/// Method and address of a verb.
fn route(job_id: &JobId, verb: Verb) -> (&'static str, String) {
    match verb {
        Verb::EndTest => ("DELETE", format!("/api/v1/failover/test/{job_id}")),
        Verb::Cancel | Verb::Extend | Verb::Retry | Verb::Decide | Verb::Commit | Verb::Rollback => {
            ("POST", format!("{}/{}", job_url(job_id), verb.as_str()))
        }
    }
}
