//! Mutants that cargo-mutants does not know: an SQL statement that lost a condition. The guards of the database are such
//! conditions, owner and epoch of a batch among them.

use std::fs::{self, File};
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
        for (start, end) in conditions(&text) {
            let words: Vec<&str> = text[start..end].split_whitespace().collect();
            let line = 1 + text[..start].matches('\n').count();
            let name = format!("{file}:{line}: remove {}", words.concat());
            fs::write(&path, format!("{}{}", &text[..start], &text[end..]))?;
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

/// Where the calls of `filter` begin and end.
fn conditions(text: &str) -> Vec<(usize, usize)> {
    let starts = text.match_indices(FILTER).map(|(start, _)| start);
    starts
        .filter_map(|start| Some((start, end_of_call(text, start)?)))
        .collect()
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

    #[test]
    fn a_condition_ends_with_its_own_parenthesis() {
        let text = "t.filter(owner.eq(me())).filter(free(())).first(c); rows.filter_map(f)";
        let found: Vec<&str> = conditions(text)
            .into_iter()
            .map(|(start, end)| &text[start..end])
            .collect();
        assert_eq!(found, [".filter(owner.eq(me()))", ".filter(free(()))"]);
        assert_eq!(conditions("t.filter(never"), []);
    }

    #[test]
    fn the_guard_of_a_batch_is_among_the_conditions() {
        let text = include_str!("../../../crates/store/src/shared/journal.rs");
        let found: Vec<&str> = conditions(text)
            .into_iter()
            .map(|(start, end)| &text[start..end])
            .collect();
        for guard in ["owner", "epoch", "last_request", "last_seq"] {
            assert!(found.iter().any(|condition| condition.contains(guard)), "{guard}");
        }
    }
}
