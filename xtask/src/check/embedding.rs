//! What programs that embed our crates get along with them: nothing of the servers, the databases or the real client.

use anyhow::{Context as _, ensure};

use crate::workspace::Workspace;

/// The crates that a foreign program embeds to drive failovers with a store and a client of its own, and the features
/// that it takes.
const EMBEDDED: &[(&str, &[&str])] = &[
    ("failover-domain", &[]),
    ("failover-validation", &[]),
    ("failover-engine", &[]),
    ("ossea", &["--no-default-features"]),
    ("ossea-sim", &["--no-default-features"]),
];

/// Crates of others that such a program must not be made to build.
const HEAVY: &[&str] = &[
    "axum",
    "diesel",
    "hyper",
    "libsqlite3-sys",
    "reqwest",
    "rustls",
    "tokio-postgres",
    "tower-http",
    "utoipa",
];

/// How to see that they compile with nothing else.
pub(super) const ALONE: &[&[&str]] = &[
    &["--package", "failover-engine"],
    &["--package", "ossea-sim", "--no-default-features"],
    &[
        "--package",
        "ossea-sim",
        "--no-default-features",
        "--features",
        "contract",
    ],
];

/// Every heavy crate that comes along all the same.
pub(super) fn violations(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let mut violations = Vec::new();
    for (package, features) in EMBEDDED {
        let tree = [
            "tree",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--package",
            package,
        ];
        let output = workspace
            .cargo(tree.into_iter().chain(features.iter().copied()))
            .output()
            .context("cannot start cargo tree")?;
        ensure!(
            output.status.success(),
            "cargo tree of {package} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let tree = String::from_utf8_lossy(&output.stdout);
        violations.extend(heavy_in(&tree).map(|heavy| {
            format!(
                "{package} {}brings {heavy} to whoever embeds it",
                switches(features)
            )
        }));
    }
    Ok(violations)
}

fn switches(features: &[&str]) -> String {
    features.iter().map(|switch| format!("with {switch} ")).collect()
}

/// The heavy crates that a tree without prefixes names.
fn heavy_in(tree: &str) -> impl Iterator<Item = &'static str> {
    let comes_along = |heavy: &&&'static str| {
        tree.lines()
            .any(|line| line.split_whitespace().next() == Some(**heavy))
    };
    HEAVY.iter().filter(comes_along).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heavy_crate_is_found_by_its_whole_name() {
        let tree = "failover-engine v0.1.0\nhyper-util v0.1.0\nreqwest v0.13.5 (*)\nserde v1.0.0";
        assert_eq!(heavy_in(tree).collect::<Vec<_>>(), ["reqwest"]);
    }
}
