//! What only tests, and what comes after live failovers, have: the window, the comparison, the policies.

use failover_api::dto::engine::Comparison;
use failover_api::dto::{CommitPolicyView, JobDetail, StrategyView, WindowView};
use failover_domain::{AtWindowEnd, JobStatus};

use super::{Paint, figures};

/// What only some jobs have: strategy, window, health, policy.
pub(crate) fn particulars(detail: &JobDetail) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let chosen = detail.strategy.as_ref();
    lines.extend(chosen.map(|view| format!("rollback strategy {}", strategy(view))));
    lines.extend(detail.window.as_ref().map(|view| window(view, detail)));
    lines.extend(health(detail));
    lines.extend(settlement(detail));
    lines
}

/// How the rollback point is made, and why so.
fn strategy(view: &StrategyView) -> String {
    format!("{}: {}", view.strategy, view.reason)
}

/// What happens at the end of a window.
pub(crate) fn at_end(at_window_end: AtWindowEnd) -> &'static str {
    match at_window_end {
        AtWindowEnd::CleanUp => "then it is cleaned up",
        AtWindowEnd::Remind => "then it goes on until somebody ends it",
    }
}

/// The window of a test, with the time that is left.
fn window(view: &WindowView, detail: &JobDetail) -> String {
    let job = &detail.summary;
    let (opened, deadline) = (figures::instant(view.opened_at), figures::instant(view.deadline));
    if job.window_deadline.is_none() {
        return format!("test window was open from {opened}");
    }
    let end = at_end(view.at_window_end);
    match view.remaining_seconds {
        0 => format!("test window is over since {deadline}; {end}"),
        left => format!(
            "test window open until {deadline}, {} left; {end}",
            figures::seconds(left)
        ),
    }
}

/// How the VM of an open test is.
fn health(detail: &JobDetail) -> Option<String> {
    let health = detail.health.as_ref()?;
    Some(format!("test VM {} is {}", detail.plan.vm.name, health.words()))
}

/// What becomes of a live failover once it is completed, and what became of it.
fn settlement(detail: &JobDetail) -> Vec<String> {
    let job = &detail.summary;
    let mut lines = Vec::new();
    if let Some(live) = &detail.settles {
        lines.push(format!("of live failover {live}"));
    }
    match &detail.commit_policy {
        None | Some(CommitPolicyView::Manual {}) => {}
        Some(CommitPolicyView::CommitAfter { after }) => {
            lines.push(format!("is committed by itself {after} after its completion"));
        }
        Some(CommitPolicyView::RollbackAfter { after }) => {
            lines.push(format!("is rolled back by itself {after} after its completion"));
        }
    }
    match (&job.settled_by, job.settle_at) {
        (Some(by), _) => lines.push(format!("committed or rolled back by job {by}")),
        (None, Some(at)) => lines.push(format!("that is at {}", figures::instant(at))),
        (None, None) if detail.commit_policy.is_some() && job.status == JobStatus::Completed => {
            lines.push("neither committed nor rolled back: its rollback points are kept".to_owned());
        }
        (None, None) => {}
    }
    lines
}

/// The cloud before and after, in short.
pub(crate) fn verdict(comparison: &Comparison) -> String {
    let compared = figures::count(comparison.compared, "object");
    match comparison.differences.len() {
        0 => format!("{compared} compared, no difference"),
        count => format!("{compared} compared, {}", figures::count(count, "difference")),
    }
}

/// The same with every difference.
pub(crate) fn comparison(comparison: &Comparison, paint: Paint) -> String {
    let head = verdict(comparison);
    let head = if comparison.differences.is_empty() {
        paint.good(&head)
    } else {
        paint.bad(&head)
    };
    let mut text = format!("Cloud before and after: {head}\n");
    for difference in &comparison.differences {
        text += &format!(
            "  {}: was {}, is {}\n",
            difference.object, difference.before, difference.after
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use failover_api::dto::engine::Difference;

    use super::*;
    use crate::fixture;

    #[test]
    fn a_comparison_lists_every_difference() {
        let mut seen = Comparison {
            compared: 12,
            differences: Vec::new(),
        };
        assert_eq!(
            comparison(&seen, Paint::Plain),
            "Cloud before and after: 12 objects compared, no difference\n"
        );
        seen.differences.push(Difference {
            object: "volume erp-disk-0 (volume-0)".into(),
            before: "not there".into(),
            after: "still there".into(),
        });
        assert_eq!(
            comparison(&seen, Paint::Plain),
            "Cloud before and after: 12 objects compared, 1 difference\n  volume erp-disk-0 (volume-0): was not there, is \
             still there\n"
        );
    }

    #[test]
    fn a_window_tells_what_is_left_and_what_comes_then() {
        let mut job = fixture::testing();
        let view = job.window.clone().unwrap();
        let text = window(&view, &job);
        assert_eq!(
            text,
            "test window open until 2025-08-18 13:00:00 UTC, 40 min left; then it is cleaned up"
        );
        let over = WindowView {
            remaining_seconds: 0,
            at_window_end: AtWindowEnd::Remind,
            ..view
        };
        let text = window(&over, &job);
        assert!(
            text.contains("is over since") && text.ends_with("until somebody ends it"),
            "{text}"
        );
        job.summary.window_deadline = None;
        let text = window(&over, &job);
        assert_eq!(text, "test window was open from 2025-08-18 12:00:00 UTC");
    }

    #[test]
    fn a_policy_says_when_it_strikes() {
        let mut job = fixture::completed();
        assert!(settlement(&job)[0].contains("neither committed nor rolled back"));
        job.commit_policy = Some(CommitPolicyView::CommitAfter { after: "2h".into() });
        job.summary.settle_at = Some(fixture::at(7350));
        assert_eq!(
            settlement(&job),
            [
                "is committed by itself 2h after its completion",
                "that is at 2025-08-18 14:02:30 UTC"
            ]
        );
    }
}
