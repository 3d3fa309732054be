//! The prerequisites of the cloud.

use failover_api::dto::CheckAnswer;
use failover_api::dto::ossea::{Prerequisite, PrerequisiteStatus};
use failover_domain::CheckType;

use super::capabilities::age;
use super::{Paint, table};

/// The report, with remedies and suggestions.
pub(crate) fn check(answer: &CheckAnswer, paint: Paint) -> String {
    let verdict = if answer.report.is_usable {
        paint.good("USABLE")
    } else {
        paint.bad("NOT USABLE: a critical check failed")
    };
    let mut text = format!("{}: {verdict}\n", paint.bold("cloud"));
    for check in &answer.report.checks {
        text += &lines(check, paint);
    }
    text + &age(&answer.probe)
}

fn lines(check: &Prerequisite, paint: Paint) -> String {
    let word = match (check.status, check.severity) {
        (PrerequisiteStatus::Passed, _) => paint.good("pass"),
        (PrerequisiteStatus::NotTold, _) => paint.warn("????"),
        (PrerequisiteStatus::Failed, CheckType::Critical) => paint.bad("FAIL"),
        (PrerequisiteStatus::Failed, CheckType::Warning) => paint.warn("WARN"),
    };
    let mut text = format!("  {word}  {}: {}\n", check.title, check.message);
    if let Some(remedy) = &check.remedy {
        text += &format!("        -> {remedy}\n");
    }
    if !check.suggestions.is_empty() {
        let rows = check
            .suggestions
            .iter()
            .map(|s| [s.name.clone(), s.id.clone(), s.why.clone()]);
        text += "        What could be configured instead:\n";
        text += &table(10, ["NAME", "ID", ""], rows);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_report_tells_what_is_wrong_what_to_do_and_what_could_be_taken() {
        assert_eq!(
            check(&fixture::check(), Paint::Plain),
            "cloud: NOT USABLE: a critical check failed\n  pass  Version: CloudStack 4.22.1.0 is known\n  ????  Force \
             Stop: this release does not tell\n        -> Ask.\n  FAIL  Zone: nowhere does not exist\n        -> Correct \
             it.\n        What could be configured instead:\n          NAME    ID    \n          zone-1  east  takes \
             VMs\nThe cloud (CloudStack 4.22.1.0) told this 5 s ago.\n"
                .replace("ID    \n", "ID\n")
        );
    }

    #[test]
    fn a_usable_cloud_is_said_to_be_so() {
        let mut answer = fixture::check();
        answer.report.is_usable = true;
        assert!(check(&answer, Paint::Plain).starts_with("cloud: USABLE\n"));
    }
}
