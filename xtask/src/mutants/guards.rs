//! Mutants that cargo-mutants does not know: an SQL statement that lost a condition. The guards of the database are such
//! conditions, owner and epoch of a batch among them.

use std::fs::{self, File};
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::build_directory;
use super::table::{Fate, Table};
use crate::foreground;
use crate::interrupt::Interrupt;
use crate::test::POSTGRES_URL;
use crate::workspace::Workspace;

/// The tests of the store, on SQLite: without a server, those on PostgreSQL do nothing.
pub(super) const TESTS: &[&str] = &["--lib", "--test=store"];

/// The files whose statements lose a condition.
const FILES: [&str; 3] = [
    "crates/store/src/shared/journal.rs",
    "crates/store/src/shared/leases.rs",
    "crates/store/src/shared/requests.rs",
];

/// How long the tests, or their compilation, may take: either is done in a minute or two.
const LONGEST: Duration = Duration::from_secs(300);

/// What a condition begins with.
const FILTER: &str = ".filter(";

/// Conditions of `leases.rs` without which the outcome is the same, at least on SQLite, so that they are left alone: the text,
/// which one of that text, and why.
const REDUNDANT: &[(&str, usize, &str)] = &[
    (
        ".filter(not(exists(owned)))",
        1,
        "the jobs of dead workers were freed a statement before; it counts beside another claim",
    ),
    (
        ".filter(failover_jobs::owner.is_null())",
        3,
        "the rows were chosen and locked by the same condition a statement before",
    ),
    (
        ".filter(active())",
        3,
        "the rows were chosen and locked by the same condition a statement before",
    ),
    (
        ".filter(failover_plans::job_id.eq_any(ids))",
        1,
        "what is read of other jobs is not used; it only spares reading",
    ),
    (
        ".filter(failover_events::job_id.eq_any(ids))",
        1,
        "what is read of other jobs is not used; it only spares reading",
    ),
    (
        ".filter(failover_jobs::owner.eq(lease.worker.as_str()))",
        1,
        "an epoch has one owner, and whoever lost it before is answered by its epoch",
    ),
];

/// Runs the tests of the store without one condition after the other, in a copy of the workspace.
pub(super) fn run(workspace: &Workspace, interrupt: &Interrupt, table: &mut Table) -> anyhow::Result<()> {
    let copy = copy_of(workspace, interrupt)?;
    let log = workspace.target.join("mutants/guards.log");
    let log = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let attempt = |more: &[&str]| {
        let mut test = store_tests(workspace, copy.path());
        test.args(more).stdout(log.try_clone()?).stderr(log.try_clone()?);
        foreground::finish_within(&mut test, interrupt, LONGEST)
    };
    let sound = attempt(&[])?;
    ensure!(
        sound.is_some_and(|status| status.success()),
        "the tests of the store fail without a mutant, too"
    );
    for file in FILES {
        let path = copy.path().join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for Condition {
            range,
            text: condition,
            number,
        } in conditions(&text)
        {
            if file.ends_with("leases.rs") && is_redundant(&condition, number) {
                continue;
            }
            let line = 1 + text[..range.start].matches('\n').count();
            let name = format!("{file}:{line}: remove {condition}");
            fs::write(&path, format!("{}{}", &text[..range.start], &text[range.end..]))?;
            let is_viable = attempt(&["--no-run"])?.is_some_and(|status| status.success());
            let fate = if is_viable {
                match attempt(&[])? {
                    None => Fate::TimedOut,
                    Some(status) if status.success() => Fate::Survived,
                    Some(_) => Fate::Killed,
                }
            } else {
                Fate::Unviable
            };
            println!("{fate:?}: {name}");
            table.note(file, &name, fate);
        }
        fs::write(&path, text)?;
    }
    Ok(())
}

fn store_tests(workspace: &Workspace, copy: &Path) -> Command {
    let mut test = workspace.cargo(["test", "--profile=mutants", "--package=failover-store"]);
    test.args(TESTS)
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", build_directory(workspace))
        .env_remove(POSTGRES_URL);
    test
}

/// The files that git knows, as they are in the working tree.
fn copy_of(workspace: &Workspace, interrupt: &Interrupt) -> anyhow::Result<TempDir> {
    let copy = tempfile::Builder::new().prefix("failover-mutants-").tempdir()?;
    let mut list = Command::new("git");
    list.current_dir(&workspace.root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let names = foreground::output(&mut list, interrupt)?;
    let names = String::from_utf8(names).context("a file of the workspace has no readable name")?;
    for name in names.split_terminator('\0') {
        let (from, to) = (workspace.root.join(name), copy.path().join(name));
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap_or(copy.path()))?;
            // Written, not copied: a file that is older than what was built of a mutant would not be built anew.
            fs::write(&to, fs::read(&from)?).with_context(|| format!("cannot copy {name}"))?;
        }
    }
    Ok(copy)
}

/// A call of `filter`.
struct Condition {
    /// Where it is.
    range: Range<usize>,
    /// Its text without spaces.
    text: String,
    /// Which one of that text it is, from 1.
    number: usize,
}

fn conditions(text: &str) -> Vec<Condition> {
    let mut found: Vec<Condition> = Vec::new();
    for (start, _) in text.match_indices(FILTER) {
        let Some(end) = end_of_call(text, start) else {
            continue;
        };
        let condition: String = text[start..end].split_whitespace().collect();
        let number = 1 + found.iter().filter(|other| other.text == condition).count();
        found.push(Condition {
            range: start..end,
            text: condition,
            number,
        });
    }
    found
}

fn is_redundant(condition: &str, number: usize) -> bool {
    REDUNDANT
        .iter()
        .any(|(text, which, _)| *text == condition && *which == number)
}

/// The place after the parenthesis that closes the first one after `start`.
fn end_of_call(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0_u32;
    for (place, letter) in text[start..].char_indices() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(start + place + 1),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(String, usize)> {
        let found = conditions(text).into_iter();
        found
            .map(|condition| (condition.text, condition.number))
            .collect()
    }

    #[test]
    fn a_condition_ends_with_its_own_parenthesis() {
        let text =
            "t.filter(owner.eq(me())).filter(free(\n()))\n.filter(free(())).first(c); rows.filter_map(f)";
        let expected = [
            (".filter(owner.eq(me()))", 1),
            (".filter(free(()))", 1),
            (".filter(free(()))", 2),
        ];
        assert_eq!(
            texts(text),
            expected.map(|(text, number)| (text.to_owned(), number))
        );
        assert_eq!(texts("t.filter(never"), []);
    }

    #[test]
    fn the_guards_of_a_batch_are_among_the_conditions() {
        let found = texts(include_str!("../../../crates/store/src/shared/journal.rs"));
        for guard in ["owner", "epoch", "last_request", "last_seq"] {
            assert!(found.iter().any(|(text, _)| text.contains(guard)), "{guard}");
        }
    }

    #[test]
    fn what_is_left_alone_is_there() {
        let found = texts(include_str!("../../../crates/store/src/shared/leases.rs"));
        for (text, number, why) in REDUNDANT {
            assert!(
                found.contains(&((*text).to_owned(), *number)),
                "{text}, number {number}: {why}"
            );
        }
    }
}
