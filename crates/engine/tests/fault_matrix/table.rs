//! What the runs have shown, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use crate::fault::Fault;
use crate::trial::Verdict;

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    runs: usize,
    passed: usize,
    first_only: usize,
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
            _ => "pairs of faults",
        };
        let count = self.rows.entry(row).or_default();
        count.runs += 1;
        match verdict {
            Verdict::Withstood => count.passed += 1,
            Verdict::FirstOnly => {
                count.passed += 1;
                count.first_only += 1;
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
                first_only,
            } = count;
            write!(text, "  {row:<24} {runs:>6} runs {passed:>6} passed").expect("text grows");
            if *first_only > 0 {
                write!(text, ", {first_only} without the second fault's moment").expect("text grows");
            }
            text.push('\n');
        }
        text
    }
}
