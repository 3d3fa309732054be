//! Readiness.

use failover_domain::{CheckStatus, CheckType, Finding, Readiness, ReadinessBand};

use super::Paint;

/// The verdict over a source VM.
pub(crate) fn readiness(vm: &str, readiness: &Readiness, paint: Paint) -> String {
    let verdict = match readiness.band {
        ReadinessBand::Ready => paint.good("READY"),
        ReadinessBand::ReadyWithWarnings => paint.warn("READY WITH WARNINGS"),
        ReadinessBand::SignificantIssues => paint.bad("NOT READY: significant issues"),
        ReadinessBand::CriticalFailures => paint.bad("NOT READY: critical failures"),
    };
    let mut text = format!(
        "{}: {verdict} (score {:.0} of 100)\n",
        paint.bold(vm),
        readiness.readiness_score
    );
    for finding in &readiness.checks {
        text += &finding_lines(finding, paint, "  ");
    }
    text
}

/// One finding; a failed one with its remedy.
pub(crate) fn finding_lines(finding: &Finding, paint: Paint, margin: &str) -> String {
    let kind = match finding.check_type {
        CheckType::Critical => "critical",
        CheckType::Warning => "warning",
    };
    match finding.status {
        CheckStatus::Pass => {
            format!(
                "{margin}{}  {}: {}\n",
                paint.good("pass"),
                finding.check_name,
                finding.message
            )
        }
        CheckStatus::Fail => {
            let word = match finding.check_type {
                CheckType::Critical => paint.bad("FAIL"),
                CheckType::Warning => paint.warn("WARN"),
            };
            let mut text = format!(
                "{margin}{word}  {} ({kind}): {}\n",
                finding.check_name, finding.message
            );
            if let Some(remedy) = &finding.remedy {
                text += &format!("{margin}      -> {remedy}\n");
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_verdict_lists_every_check_and_the_remedies() {
        let verdict = Readiness::from_findings(vec![fixture::passed_finding(), fixture::failed_finding()]);
        assert_eq!(
            readiness("erp-01", &verdict, Paint::Plain),
            "erp-01: NOT READY: critical failures (score 0 of 100)\n  pass  VM Existence: erp-01 is in the inventory\n  FAIL  \
             Volume State (critical): volume erp-disk-0 is attached to no VM\n        -> Attach the volume to the OMA.\n"
        );
    }

    #[test]
    fn colours_are_escape_sequences_and_nothing_else() {
        let verdict = Readiness::from_findings(vec![fixture::passed_finding()]);
        let coloured = readiness("erp-01", &verdict, Paint::Colour);
        assert!(coloured.contains("\x1b[32mREADY\x1b[0m"));
        let plain = coloured
            .replace("\x1b[32m", "")
            .replace("\x1b[1m", "")
            .replace("\x1b[0m", "");
        assert_eq!(plain, readiness("erp-01", &verdict, Paint::Plain));
    }
}
