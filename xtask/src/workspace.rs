//! What `cargo metadata` says about this workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::foreground;
use crate::interrupt::Interrupt;

/// The workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// Its root directory.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    /// Its own packages.
    pub(crate) packages: Vec<Package>,
}

/// One package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its licence.
    pub(crate) license: Option<String>,
    /// Its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
    /// What it depends on.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One dependency of a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// The other package.
    pub(crate) name: String,
    /// What it is for.
    #[serde(default, deserialize_with = "kind_or_normal")]
    pub(crate) kind: DependencyKind,
}

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DependencyKind {
    /// The package itself.
    #[default]
    Normal,
    /// Its tests and examples.
    Dev,
    /// Its build script.
    Build,
}

/// Cargo writes `null` for an ordinary dependency.
fn kind_or_normal<'de, D: serde::Deserializer<'de>>(from: D) -> Result<DependencyKind, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> anyhow::Result<Self> {
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cannot start cargo")?;
        ensure!(
            output.status.success(),
            "cargo metadata failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("cargo metadata has an unknown form")
    }

    /// A command of cargo in the workspace's root.
    pub(crate) fn cargo<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root).args(args);
        command
    }

    /// Builds all binaries for debugging.
    pub(crate) fn build_binaries(&self, interrupt: &Interrupt) -> anyhow::Result<()> {
        foreground::succeed(&mut self.cargo(["build", "--workspace", "--bins"]), interrupt)
    }

    /// Where [`Workspace::build_binaries`] puts them.
    pub(crate) fn debug_directory(&self) -> PathBuf {
        self.target.join("debug")
    }

    /// A path relative to the root, for messages.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

impl Package {
    /// The directory of the package.
    pub(crate) fn directory(&self) -> &Path {
        self.manifest_path
            .parent()
            .expect("cargo gives the manifest with its directory")
    }
}

/// The cargo that runs us, or the one on the path.
///
/// What cargo told us about ourselves is not passed on: build scripts that look at such variables would run again,
/// with everything that depends on them, whenever a build by hand follows one by us.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let about_us = |key: &str| key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_");
    for (key, _) in std::env::vars_os() {
        if key.to_str().is_some_and(about_us) {
            command.env_remove(key);
        }
    }
    command
}
