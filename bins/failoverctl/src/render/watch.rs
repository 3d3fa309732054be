//! The live view of a job: what fits on a screen and matters now.

use std::collections::VecDeque;

use failover_api::dto::{JobDetail, StepView};

use super::job::{elapsed, standing, status_painted, steps_under_way, trouble};
use super::step::call;
use super::test::particulars;
use super::{Paint, figures};

/// How many of the last journal entries are shown at most.
pub(crate) const RECENT: usize = 8;

/// Two empty lines, the line about further steps, and the line on which the cursor rests.
const SPARE_ROWS: usize = 4;

/// The size of a terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// The view, one line an entry, cut to the terminal: a line that wraps would spoil the next redraw.
pub(crate) fn view(
    detail: &JobDetail,
    recent: &VecDeque<String>,
    note: Option<&str>,
    size: Size,
    paint: Paint,
) -> Vec<String> {
    let head = head(detail, paint, size);
    let attention = alerts(detail, paint);
    let steps = steps(detail);
    // Steps and journal give way on a small terminal, in the reverse order of what they tell; attention comes
    // before both and is cut last.
    let fixed = head.len() + attention.len() + usize::from(note.is_some()) + SPARE_ROWS;
    let free = size.rows.saturating_sub(fixed);
    let shown_steps = steps.len().min(free);
    let shown_recent = recent.len().min(free - shown_steps);

    let mut lines = head;
    lines.extend(note.map(|note| paint.warn(note)));
    lines.extend(attention);
    lines.push(String::new());
    lines.extend(steps.iter().take(shown_steps).cloned());
    if steps.len() > shown_steps {
        lines.push(format!(
            "  … and {} more steps side by side",
            steps.len() - shown_steps
        ));
    }
    if shown_recent > 0 {
        lines.push(String::new());
        lines.extend(recent.iter().skip(recent.len() - shown_recent).cloned());
    }
    lines.truncate(size.rows.saturating_sub(1));
    lines.into_iter().map(|line| cut(&line, size.columns)).collect()
}

fn head(detail: &JobDetail, paint: Paint, size: Size) -> Vec<String> {
    let job = &detail.summary;
    let title = format!("{} -> {}", job.source_vm_name, detail.plan.vm.name);
    let width = size.columns.saturating_sub(30).clamp(10, 40);
    let mut lines = vec![
        format!("{}  {}", paint.bold(&title), job.job_id),
        format!(
            "{}  {}",
            figures::bar(job.progress, width),
            status_painted(job, paint)
        ),
        elapsed(detail),
    ];
    lines.extend(particulars(detail));
    lines
}

/// The steps under way, side by side as the plan has them. What they wait for comes first: the end of a line is
/// what a narrow terminal loses.
fn steps(detail: &JobDetail) -> Vec<String> {
    let steps = steps_under_way(detail);
    let standings: Vec<String> = steps.iter().map(|(_, step)| standing(step, detail)).collect();
    let widest = |texts: &mut dyn Iterator<Item = &str>| texts.map(|t| t.chars().count()).max().unwrap_or(0);
    let lane_width = widest(&mut steps.iter().map(|(lane, _)| *lane));
    // A long error must not push everything else out of sight.
    let standing_width = widest(&mut standings.iter().map(String::as_str)).min(40);
    let line = |((lane, step), standing): (&(&str, &StepView), &String)| {
        let words = call(&detail.plan, step.step.kind);
        format!(
            "  {lane:lane_width$}  {standing:standing_width$}  {}",
            words.text()
        )
    };
    steps.iter().zip(&standings).map(line).collect()
}

fn alerts(detail: &JobDetail, paint: Paint) -> Vec<String> {
    let text = trouble(&detail.summary, paint);
    text.lines().map(str::to_owned).collect()
}

/// Cuts a line to a number of visible characters; escape sequences take no room and are kept.
fn cut(line: &str, columns: usize) -> String {
    let mut out = String::with_capacity(line.len());
    let mut visible = 0;
    let mut in_escape = false;
    for c in line.chars() {
        if c == '\x1b' {
            in_escape = true;
        }
        if in_escape {
            out.push(c);
            in_escape = c != 'm';
        } else if visible < columns {
            out.push(c);
            visible += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    const WIDE: Size = Size {
        columns: 100,
        rows: 40,
    };

    fn recent() -> VecDeque<String> {
        (1..=12)
            .map(|n| format!("{n:>4}  12:00:{n:02}  something happened"))
            .collect()
    }

    #[test]
    fn the_view_shows_status_steps_journal_and_notes() {
        let lines = view(
            &fixture::running(),
            &recent(),
            Some("the API does not answer"),
            WIDE,
            Paint::Plain,
        );
        let text = lines.join("\n") + "\n";
        assert_eq!(text, include_str!("../../tests/expected/watch.txt"), "\n{text}");
    }

    #[test]
    fn a_test_shows_the_time_that_is_left() {
        let text = view(&fixture::testing(), &recent(), None, WIDE, Paint::Plain).join("\n");
        for words in [
            "40 min left",
            "75 %",
            "test VM erp-01-test is running at 127.30.1.5",
        ] {
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn a_small_terminal_loses_the_journal_before_the_steps() {
        let small = Size {
            columns: 40,
            rows: 10,
        };
        let lines = view(&fixture::running(), &recent(), None, small, Paint::Colour);
        assert!(lines.len() <= 10, "{lines:#?}");
        assert!(lines.iter().any(|l| l.contains("22 s of about")), "{lines:#?}");
        for line in &lines {
            let visible = line
                .replace("\x1b[1m", "")
                .replace("\x1b[33m", "")
                .replace("\x1b[0m", "");
            assert!(visible.chars().count() <= 40, "{line:?}");
        }
    }

    #[test]
    fn an_attention_is_always_shown() {
        let tiny = Size {
            columns: 200,
            rows: 8,
        };
        let text = view(
            &fixture::returning_with_attention(),
            &recent(),
            None,
            tiny,
            Paint::Plain,
        )
        .join("\n");
        assert!(text.contains("ATTENTION (critical) REPLICA_DETACHED"), "{text}");
        assert!(text.contains("on the way back"), "{text}");
    }

    #[test]
    fn cutting_keeps_escape_sequences_whole() {
        assert_eq!(cut("\x1b[31mabcdef\x1b[0m", 3), "\x1b[31mabc\x1b[0m");
    }
}
