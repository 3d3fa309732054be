//! Every source file says what it is for, and nothing unfinished is left in it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::workspace::Workspace;

/// Macros that only unfinished code needs.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// What was looked at, and what is wrong.
pub(super) struct Inspection {
    pub(super) files: usize,
    pub(super) violations: Vec<String>,
}

/// Reads all source files of all packages.
pub(super) fn inspect(workspace: &Workspace) -> anyhow::Result<Inspection> {
    let mut inspection = Inspection {
        files: 0,
        violations: Vec::new(),
    };
    for package in &workspace.packages {
        for part in ["src", "tests", "examples", "benches"] {
            for file in rust_files(&package.directory().join(part))? {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                inspection.files += 1;
                let name = workspace.relative(&file).display();
                inspection
                    .violations
                    .extend(of_text(&text).into_iter().map(|found| format!("{name}{found}")));
            }
        }
    }
    Ok(inspection)
}

/// All Rust files below a directory that may not exist, in order.
pub(crate) fn rust_files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&next) else {
            continue;
        };
        for entry in entries {
            let path = entry
                .with_context(|| format!("cannot list {}", next.display()))?
                .path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn of_text(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(" does not open with what it is for: a first line with //!".to_owned());
    }
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        for word in UNFINISHED {
            if calls(code, word) {
                found.push(format!(":{} is unfinished: {word}!", number + 1));
            }
        }
    }
    found
}

/// Whether a line calls the macro `word`, and not one whose name only ends like it.
fn calls(code: &str, word: &str) -> bool {
    let call = format!("{word}!");
    code.match_indices(&call).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + call.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_') && matches!(after, Some('(' | '[' | '{'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_purpose_is_found() {
        assert_eq!(of_text("fn main() {}\n").len(), 1);
        assert_eq!(of_text("//! Starts.\nfn main() {}\n").len(), 0);
    }

    #[test]
    fn unfinished_code_is_found_and_comments_are_not() {
        let call = |word: &str| format!("//! Purpose.\nfn f() {{ {word}!() }}\n");
        for word in UNFINISHED {
            assert_eq!(of_text(&call(word)).len(), 1, "{word}");
            assert_eq!(of_text(&call(&format!("my_{word}"))).len(), 0, "{word}");
        }
        assert_eq!(
            of_text(&format!("//! Purpose.\n// never {}!()\n", "todo")).len(),
            0
        );
    }
}
