//! What became of the mutants, module by module.

use std::collections::BTreeMap;
use std::fmt;

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// A test failed.
    Killed,
    /// The tests did not end, and nobody takes that for success.
    TimedOut,
    /// It does not compile, so it says nothing about the tests.
    Unviable,
    /// No test noticed.
    Survived,
}

/// The fate of every mutant, by its file and its name.
#[derive(Debug, Default)]
pub(super) struct Table(BTreeMap<(String, String), Fate>);

impl Table {
    /// Notes what a round found out; what an earlier one found out is replaced.
    pub(super) fn note(&mut self, file: &str, name: &str, fate: Fate) {
        self.0.insert((file.to_owned(), name.to_owned()), fate);
    }

    fn survivors(&self) -> impl Iterator<Item = &str> {
        let survived = self.0.iter().filter(|(_, fate)| **fate == Fate::Survived);
        survived.map(|((_, name), _)| name.as_str())
    }

    fn modules(&self) -> BTreeMap<&str, Counts> {
        let mut modules: BTreeMap<&str, Counts> = BTreeMap::new();
        for ((file, _), fate) in &self.0 {
            modules.entry(module(file)).or_default().count(*fate);
        }
        modules
    }

    /// The modules in which less than so many of a hundred are killed.
    pub(super) fn below(&self, required: f64) -> Vec<&str> {
        let modules = self.modules().into_iter();
        modules
            .filter(|(_, counts)| counts.share() < required)
            .map(|(module, _)| module)
            .collect()
    }
}

/// A table in Markdown, and the list of survivors.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| module | mutants | killed | timed out | unviable | survived | killed of the viable |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|")?;
        let mut sum = Counts::default();
        for (module, counts) in self.modules() {
            writeln!(f, "| {module} | {counts} |")?;
            sum.add(&counts);
        }
        writeln!(f, "| **all** | {sum} |\n\nSurvivors:\n")?;
        self.survivors().try_for_each(|name| writeln!(f, "* `{name}`"))
    }
}

/// How many mutants came to which end.
#[derive(Debug, Default)]
struct Counts {
    killed: u32,
    timed_out: u32,
    unviable: u32,
    survived: u32,
}

impl Counts {
    fn count(&mut self, fate: Fate) {
        *match fate {
            Fate::Killed => &mut self.killed,
            Fate::TimedOut => &mut self.timed_out,
            Fate::Unviable => &mut self.unviable,
            Fate::Survived => &mut self.survived,
        } += 1;
    }

    fn add(&mut self, other: &Self) {
        self.killed += other.killed;
        self.timed_out += other.timed_out;
        self.unviable += other.unviable;
        self.survived += other.survived;
    }

    /// How many of a hundred viable mutants did not go unnoticed.
    fn share(&self) -> f64 {
        let noticed = self.killed + self.timed_out;
        100.0 * f64::from(noticed) / f64::from((noticed + self.survived).max(1))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.killed + self.timed_out + self.unviable + self.survived;
        write!(
            f,
            "{all} | {} | {} | {} | {} | {:.1} %",
            self.killed,
            self.timed_out,
            self.unviable,
            self.survived,
            self.share()
        )
    }
}

/// The module that a file belongs to, in the words of the proof.
fn module(file: &str) -> &str {
    let known = [
        ("engine/src/journal.rs", "journal (engine)"),
        ("engine/src/state", "state machine"),
        ("engine/src/return_planner.rs", "return planner"),
        ("engine/src/memory", "lease and journal in memory"),
        ("engine/src/ports.rs", "rules of a batch (ports)"),
        ("shared/leases.rs", "lease in SQL"),
        ("shared/journal.rs", "journal in SQL"),
        ("shared/requests.rs", "requests in SQL"),
    ];
    let found = known.into_iter().find(|(part, _)| file.contains(part));
    found.map_or(file, |(_, module)| module)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(fates: &[Fate]) -> Table {
        let mut table = Table::default();
        for (number, fate) in (0..).zip(fates) {
            let number: u8 = number;
            table.note(
                "crates/engine/src/journal.rs",
                &format!("crates/engine/src/journal.rs:{number}"),
                *fate,
            );
        }
        table
    }

    #[test]
    fn what_does_not_compile_does_not_count_and_what_does_not_end_is_killed() {
        let mut all = vec![Fate::Killed; 8];
        all.extend([Fate::TimedOut, Fate::Unviable, Fate::Unviable, Fate::Survived]);
        let table = table(&all);
        assert_eq!(table.below(90.0), [""; 0]);
        assert_eq!(table.below(90.1), ["journal (engine)"]);
        let text = table.to_string();
        assert!(
            text.contains("| journal (engine) | 12 | 8 | 1 | 2 | 1 | 90.0 % |"),
            "{text}"
        );
        assert!(text.contains("* `crates/engine/src/journal.rs:11`"), "{text}");
    }

    #[test]
    fn a_later_round_replaces_what_an_earlier_one_found_out() {
        let mut table = table(&[Fate::Survived]);
        assert_eq!(table.survivors().count(), 1);
        table.note(
            "crates/engine/src/journal.rs",
            "crates/engine/src/journal.rs:0",
            Fate::Killed,
        );
        assert_eq!(table.survivors().count(), 0);
    }
}
