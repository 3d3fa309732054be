//! What the runs have shown, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fault::Fault;
use crate::trial::Verdict;

/// The row of runs with two faults.
const PAIRS: &str = "pairs of faults";

/// What all courses have shown so far; they run side by side.
static RUNS: AtomicUsize = AtomicUsize::new(0);
static PASSED: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    runs: usize,
    passed: usize,
    one_only: usize,
}

/// Runs by fault.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<&'static str, Count>,
    failures: Vec<String>,
}

impl Table {
    pub(crate) fn count(&mut self, faults: &[Fault], name: &str, verdict: &Verdict) {
        let row = match faults {
            [fault] => fault.kind(),
            _ => PAIRS,
        };
        let count = self.rows.entry(row).or_default();
        count.runs += 1;
        match verdict {
            Verdict::Withstood => count.passed += 1,
            Verdict::OneOnly => {
                count.passed += 1;
                count.one_only += 1;
            }
            Verdict::Harm(_) => self.failures.push(name.to_owned()),
        }
    }

    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    pub(crate) fn render(&self, course: &dyn fmt::Display, seed: u64) -> String {
        let mut text = format!("\n{course} (seed {seed})\n");
        for (row, count) in &self.rows {
            let Count {
                runs,
                passed,
                one_only,
            } = count;
            write!(text, "  {row:<24} {runs:>6} runs {passed:>6} passed").expect("text grows");
            if *one_only > 0 {
                write!(text, ", {one_only} in which one fault had no moment").expect("text grows");
            }
            text.push('\n');
        }
        let (runs, passed) = self.total();
        let earlier = (
            RUNS.fetch_add(runs, Ordering::Relaxed),
            PASSED.fetch_add(passed, Ordering::Relaxed),
        );
        writeln!(text, "  {:<24} {runs:>6} runs {passed:>6} passed", "all").expect("text grows");
        writeln!(
            text,
            "the matrix so far: {} runs, {} passed",
            earlier.0 + runs,
            earlier.1 + passed
        )
        .expect("text grows");
        text
    }

    /// Most pairs must have had both their moments, or the harness strikes nothing.
    pub(crate) fn insist_that_pairs_fired(&self) {
        if let Some(pairs) = self.rows.get(PAIRS) {
            assert!(
                pairs.one_only * 5 < pairs.runs,
                "of {} pairs {} have had one fault only",
                pairs.runs,
                pairs.one_only
            );
        }
    }

    fn total(&self) -> (usize, usize) {
        let sum = |of: fn(&Count) -> usize| self.rows.values().map(of).sum();
        (sum(|count| count.runs), sum(|count| count.passed))
    }
}
