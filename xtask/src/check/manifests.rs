//! Every package inherits the workspace's lints and licence.

use anyhow::Context as _;

use crate::workspace::{Package, Workspace};

/// The licence of everything here.
const LICENCE: &str = "Apache-2.0";

/// Every manifest that goes its own way.
pub(super) fn violations(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let mut violations = Vec::new();
    for package in &workspace.packages {
        let path = &package.manifest_path;
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: toml::Table = text
            .parse()
            .with_context(|| format!("cannot understand {}", path.display()))?;
        violations.extend(of_package(package, &manifest));
    }
    if !workspace.root.join("LICENSE").is_file() {
        violations.push("the file LICENSE is missing".to_owned());
    }
    Ok(violations)
}

fn of_package(package: &Package, manifest: &toml::Table) -> Vec<String> {
    let mut violations = Vec::new();
    let inherits = |section: &str, key: &[&str]| {
        let start = manifest.get(section);
        let value = key
            .iter()
            .fold(start, |value, key| value.and_then(|v| v.get(key)));
        value.and_then(toml::Value::as_bool) == Some(true)
    };
    if !inherits("lints", &["workspace"]) {
        violations.push(format!(
            "{} does not inherit the lints: [lints] workspace = true",
            package.name
        ));
    }
    if !inherits("package", &["license", "workspace"]) || package.license.as_deref() != Some(LICENCE) {
        violations.push(format!(
            "{} does not inherit the licence: license.workspace = true",
            package.name
        ));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(manifest: &str) -> Vec<String> {
        let package = Package {
            name: "x".into(),
            license: Some(LICENCE.into()),
            manifest_path: "Cargo.toml".into(),
            dependencies: Vec::new(),
        };
        of_package(&package, &manifest.parse().unwrap())
    }

    #[test]
    fn a_manifest_that_inherits_is_fine() {
        let manifest = "[package]\nlicense.workspace = true\n[lints]\nworkspace = true\n";
        assert_eq!(found(manifest), Vec::<String>::new());
    }

    #[test]
    fn own_lints_and_an_own_licence_are_found() {
        assert_eq!(
            found("[package]\nlicense = \"MIT\"\n[lints.rust]\nmissing_docs = \"allow\"\n").len(),
            2
        );
    }
}
