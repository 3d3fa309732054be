//! Virtual environments of Python for tests that run other people's programs: made once for each list of requirements,
//! below cargo's target directory.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::interrupt::Interrupt;
use crate::workspace::Workspace;
use crate::{debian, foreground};

/// What an environment is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The foreign CloudStack clients.
    ForeignClients,
    /// schemathesis, which tries the API by its description.
    Schemathesis,
}

impl Purpose {
    /// All of them.
    pub(crate) const ALL: [Purpose; 2] = [Purpose::ForeignClients, Purpose::Schemathesis];

    /// The variable that tells tests which interpreter to run.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Purpose::ForeignClients => "FAILOVER_TEST_FOREIGN_PYTHON",
            Purpose::Schemathesis => "FAILOVER_TEST_SCHEMATHESIS_PYTHON",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Purpose::ForeignClients => "foreign-clients",
            Purpose::Schemathesis => "schemathesis",
        }
    }

    /// Where its requirements are, below the workspace's root. Every one of them has a version and a hash.
    fn requirements(self) -> &'static str {
        match self {
            Purpose::ForeignClients => "tests/foreign/requirements.txt",
            Purpose::Schemathesis => "tests/schemathesis/requirements.txt",
        }
    }
}

/// A virtual environment with everything installed.
#[derive(Debug)]
pub(crate) struct Environment {
    python: PathBuf,
}

impl Environment {
    /// The environment for a purpose, made if it is not there. One whose making was interrupted is made anew.
    pub(crate) fn ready(
        purpose: Purpose,
        workspace: &Workspace,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let requirements = workspace.root.join(purpose.requirements());
        let text = fs::read_to_string(&requirements)
            .with_context(|| format!("cannot read {}", requirements.display()))?;
        let directory = workspace
            .target
            .join("python")
            .join(directory_name(purpose, &text));
        let environment = Self {
            python: directory.join("bin").join("python"),
        };
        let complete = directory.join("complete");
        if complete.is_file() && works(&environment.python, "import sys") {
            return Ok(environment);
        }
        println!("making the Python environment {}", directory.display());
        let base = find_or_install(interrupt)?;
        let mut make = Command::new(base);
        make.args(["-m", "venv", "--clear"]).arg(&directory);
        foreground::succeed(&mut make, interrupt)?;
        foreground::succeed(&mut environment.install(&requirements), interrupt)?;
        fs::write(&complete, "").with_context(|| format!("cannot write {}", complete.display()))?;
        Ok(environment)
    }

    /// Its interpreter.
    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// Nothing is built and nothing is looked for beyond the list, so that the hashes say all that is installed.
    fn install(&self, requirements: &Path) -> Command {
        let mut pip = Command::new(&self.python);
        pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check", "install"])
            .args([
                "--require-hashes",
                "--no-deps",
                "--only-binary",
                ":all:",
                "--requirement",
            ])
            .arg(requirements);
        pip
    }
}

/// A changed list of requirements gets a directory of its own.
fn directory_name(purpose: Purpose, requirements: &str) -> String {
    let mut hasher = DefaultHasher::new();
    requirements.hash(&mut hasher);
    format!("{}-{:016x}", purpose.name(), hasher.finish())
}

/// The Python that makes environments.
fn find_or_install(interrupt: &Interrupt) -> anyhow::Result<&'static str> {
    let (python, can_make) = ("python3", "import ensurepip, venv");
    if works(python, can_make) {
        return Ok(python);
    }
    let what = "Python 3 with its module `venv`";
    debian::install(&["python3", "python3-venv"], what, interrupt)?;
    ensure!(
        works(python, can_make),
        "python3 and python3-venv are installed, but python3 cannot make environments"
    );
    Ok(python)
}

fn works(python: impl AsRef<std::ffi::OsStr>, program: &str) -> bool {
    let mut command = Command::new(python);
    command
        .args(["-c", program])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_belongs_to_its_requirements() {
        let name = |text| directory_name(Purpose::ForeignClients, text);
        assert_eq!(name("cs==5.2.0"), name("cs==5.2.0"));
        assert_ne!(name("cs==5.2.0"), name("cs==5.2.1"));
        assert!(name("").starts_with("foreign-clients-"));
    }

    #[test]
    fn a_program_that_is_not_there_does_not_work() {
        assert!(!works("/nowhere/python3", ""));
        assert!(works("true", ""));
    }
}
