//! Readiness.

use failover_api::dto::engine::ReadinessChanges;
use failover_api::dto::{FleetReadinessPage, ReadinessAnswer, ReadinessTotals, VmReadinessView};
use failover_domain::{CheckStatus, CheckType, Finding, Readiness, ReadinessBand};

use super::{Paint, figures, or_dash, table};

/// The verdict over a source VM, and what has changed since somebody looked last.
pub(crate) fn answer(vm: &str, answer: &ReadinessAnswer, paint: Paint) -> String {
    let mut text = readiness(vm, &answer.readiness, paint);
    if let Some(last_look) = answer.last_look_at {
        let changed = changed(answer.changes.as_ref());
        text += &format!("  since {}: {changed}\n", figures::instant(last_look));
    }
    text
}

/// The changes in words.
fn changed(changes: Option<&ReadinessChanges>) -> String {
    let Some(changes) = changes else {
        return "nothing has changed".to_owned();
    };
    let rules = |rules: &[String], how: &str| {
        (!rules.is_empty()).then(|| format!("{} {how} newly", rules.join(", ")))
    };
    let failed = rules(&changes.newly_failed, "failed");
    let passed = rules(&changes.newly_passed, "passed");
    let parts: Vec<String> = failed.into_iter().chain(passed).collect();
    parts.join("; ")
}

/// How a VM of many has changed: `+` for what passed newly, `-` for what failed newly, nothing where nobody has looked.
fn changed_in_short(vm: &VmReadinessView) -> String {
    let Some(changes) = &vm.changes else {
        return or_dash(vm.last_look_at.map(|_| "none"));
    };
    let failed = changes.newly_failed.iter().map(|rule| format!("-{rule}"));
    let passed = changes.newly_passed.iter().map(|rule| format!("+{rule}"));
    failed.chain(passed).collect::<Vec<String>>().join(" ")
}

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
    if let Some(estimate) = &readiness.estimated_duration {
        text += &format!("  should take {}\n", figures::estimate(estimate));
    }
    text
}

/// The verdicts over many source VMs, a line each, and their sums.
pub(crate) fn fleet(page: &FleetReadinessPage, paint: Paint) -> String {
    if page.totals.assessed == 0 {
        return "The inventory has no source VM.\n".to_owned();
    }
    let mut text = String::new();
    if !page.vms.is_empty() {
        let header = ["VM", "READY", "SCORE", "FAILED CHECKS", "CHANGES", "VM ID"];
        text += &table(0, header, page.vms.iter().map(fleet_row));
        text += "\n";
    }
    let ReadinessTotals {
        assessed,
        ready,
        not_ready,
        failed_checks,
    } = &page.totals;
    let sentence = format!(
        "{ready} of {assessed} source VMs are ready for a {} failover.",
        page.failover
    );
    text += &if *not_ready == 0 {
        paint.good(&sentence)
    } else {
        paint.bad(&sentence)
    };
    text += "\n";
    if !failed_checks.is_empty() {
        let counts: Vec<String> = failed_checks
            .iter()
            .map(|(rule, n)| format!("{rule} {n}"))
            .collect();
        text += &format!("Failed checks: {}.\n", counts.join(", "));
        text += &format!(
            "failoverctl readiness VM --type {} says what to do.\n",
            page.failover
        );
    }
    text
}

fn fleet_row(vm: &VmReadinessView) -> [String; 6] {
    let ready = match vm.band {
        ReadinessBand::Ready => "yes",
        ReadinessBand::ReadyWithWarnings => "with warnings",
        ReadinessBand::SignificantIssues | ReadinessBand::CriticalFailures => "no",
    };
    let failed: Vec<&str> = vm.failed_checks.iter().map(|check| check.rule.as_str()).collect();
    [
        vm.vm_name.clone(),
        ready.to_owned(),
        format!("{:.0}", vm.readiness_score),
        or_dash((!failed.is_empty()).then(|| failed.join(", "))),
        changed_in_short(vm),
        vm.vm_id.to_string(),
    ]
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
    use failover_api::dto::engine::VmReadiness;
    use failover_domain::{EstimateSource, EstimatedDuration, FailoverType};

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
    fn a_verdict_tells_how_long_the_failover_should_take_and_how_that_is_known() {
        let mut verdict = Readiness::from_findings(vec![fixture::passed_finding()]);
        for (source, words) in [
            (EstimateSource::Expected, "should take 2 min 5 s (expected)"),
            (
                EstimateSource::Measured { jobs: 7 },
                "should take 2 min 5 s (measured over 7 jobs)",
            ),
        ] {
            verdict.estimated_duration = Some(EstimatedDuration { seconds: 125, source });
            let text = readiness("erp-01", &verdict, Paint::Plain);
            assert!(text.ends_with(&format!("  {words}\n")), "{text}");
        }
    }

    fn changes(failed: &[&str], passed: &[&str]) -> ReadinessChanges {
        ReadinessChanges {
            was_ready: true,
            previous_score: 100.0,
            newly_failed: failed.iter().map(ToString::to_string).collect(),
            newly_passed: passed.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn what_has_changed_is_told_with_the_instant_of_the_last_look() {
        let told = |last_look_at, changes| {
            let shown = ReadinessAnswer {
                readiness: Readiness::from_findings(vec![fixture::passed_finding()]),
                last_look_at,
                changes,
            };
            answer("erp-01", &shown, Paint::Plain)
        };
        let then = Some(chrono::DateTime::UNIX_EPOCH);
        for (changes, words) in [
            (None, "nothing has changed"),
            (Some(changes(&["a", "b"], &[])), "a, b failed newly"),
            (Some(changes(&["a"], &["c"])), "a failed newly; c passed newly"),
        ] {
            let line = format!("  since 1970-01-01 00:00:00 UTC: {words}\n");
            assert!(told(then, changes).ends_with(&line), "{words}");
        }
        assert!(!told(None, None).contains("since"));
    }

    #[test]
    fn many_verdicts_are_a_table_with_its_sums() {
        let view = |name: &str, findings| {
            let readiness = Readiness::from_findings(findings);
            VmReadinessView::in_short(VmReadiness {
                vm_id: fixture::source_vm().vm_id,
                name: name.to_owned(),
                readiness,
            })
        };
        let mut page = FleetReadinessPage {
            failover: FailoverType::Test,
            totals: ReadinessTotals {
                assessed: 2,
                ready: 1,
                not_ready: 1,
                failed_checks: [("volume_state".to_owned(), 1)].into(),
            },
            vms: vec![
                view("erp-01", vec![fixture::passed_finding()]),
                view("web-01", vec![fixture::failed_finding()]),
            ],
            next_cursor: None,
        };
        page.vms[0].last_look_at = Some(chrono::DateTime::UNIX_EPOCH);
        page.vms[1].last_look_at = Some(chrono::DateTime::UNIX_EPOCH);
        page.vms[1].changes = Some(changes(&["volume_state"], &["sync_status"]));
        let id = fixture::source_vm().vm_id;
        assert_eq!(
            fleet(&page, Paint::Plain),
            format!(
                "VM      READY  SCORE  FAILED CHECKS  CHANGES                     VM ID\n\
                 erp-01  yes    100    -              none                        {id}\n\
                 web-01  no     0      volume_state   -volume_state +sync_status  {id}\n\n\
                 1 of 2 source VMs are ready for a test failover.\n\
                 Failed checks: volume_state 1.\n\
                 failoverctl readiness VM --type test says what to do.\n"
            )
        );
        let nobody = FleetReadinessPage {
            totals: ReadinessTotals::default(),
            vms: Vec::new(),
            ..page
        };
        assert_eq!(fleet(&nobody, Paint::Plain), "The inventory has no source VM.\n");
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
