//! A server of ours as a child process: it says on one JSON line of its standard output that it is up.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::process::{Group, Process};
use crate::wait::until;

/// How long a server may take until it is up: a migration of the database is in it.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Where the binaries of this workspace are.
#[derive(Debug, Clone)]
pub struct Binaries {
    directory: PathBuf,
}

impl Binaries {
    /// The binaries in a directory of cargo's, such as `target/debug`.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The binaries that were built beside the running test.
    ///
    /// # Errors
    /// When the running program is not where cargo builds tests.
    pub fn beside_test() -> anyhow::Result<Self> {
        let test = std::env::current_exe().context("the running program has no path")?;
        let directory = test
            .parent()
            .and_then(Path::parent)
            .context("the running program is no test of cargo's")?;
        Ok(Self::in_directory(directory))
    }

    /// A command that starts one of them. It inherits nothing of our environment that would configure it.
    ///
    /// # Errors
    /// When it was not built.
    pub fn command(&self, name: &str) -> anyhow::Result<Command> {
        let path = self.path(name)?;
        let mut command = Command::new(path);
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("FAILOVER_") {
                command.env_remove(key);
            }
        }
        // Whatever proxy this machine uses: the stack is on the loopback interface.
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        Ok(command)
    }

    /// Where one of them is.
    ///
    /// # Errors
    /// When it was not built.
    pub fn path(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.directory.join(name);
        if !path.is_file() {
            bail!(
                "{} is not there: run `cargo build --workspace --bins`",
                path.display()
            );
        }
        Ok(path)
    }
}

/// A running server. Dropping the guard stops it.
#[derive(Debug)]
pub struct Server {
    process: Process,
    up: Value,
    outputs: Outputs,
}

/// The files into which a server writes.
#[derive(Debug, Clone)]
struct Outputs {
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Outputs {
    fn in_directory(directory: &Path, name: &str) -> Self {
        Self {
            stdout: directory.join(format!("{name}.stdout")),
            stderr: directory.join(format!("{name}.log")),
        }
    }

    /// The last lines of both, for messages.
    fn end(&self) -> String {
        let mut lines = Vec::new();
        for path in [&self.stdout, &self.stderr] {
            let text = fs::read_to_string(path).unwrap_or_default();
            let all: Vec<&str> = text.lines().collect();
            lines.extend(
                all[all.len().saturating_sub(15)..]
                    .iter()
                    .map(|line| (*line).to_owned()),
            );
        }
        lines.join("\n")
    }
}

impl Server {
    /// Starts a server and waits until it is up. What it writes goes into files named after `name` in `outputs`.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not get up in time; with the last lines that it wrote.
    pub fn start(name: &str, mut command: Command, outputs: &Path, group: Group) -> anyhow::Result<Self> {
        let outputs = Outputs::in_directory(outputs, name);
        let open =
            |path: &Path| File::create(path).with_context(|| format!("cannot create {}", path.display()));
        command
            .stdin(Stdio::null())
            .stdout(open(&outputs.stdout)?)
            .stderr(open(&outputs.stderr)?);
        let mut process = Process::start(name, &mut command, group)?;
        let what = format!("{name} is up");
        let up = until(START_LIMIT, &what, || {
            if let Some(status) = process.ended()? {
                bail!("{name} ended with {status} before it was up:\n{}", outputs.end());
            }
            Ok(first_json_line(&outputs.stdout))
        })?;
        Ok(Self { process, up, outputs })
    }

    /// A text of the line that said that it is up.
    ///
    /// # Errors
    /// When the line does not have it.
    pub fn said(&self, key: &str) -> anyhow::Result<&str> {
        let text = self.up.get(key).and_then(Value::as_str);
        text.with_context(|| format!("{} did not say its {key}: {}", self.process.name(), self.up))
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The program's name.
    pub fn name(&self) -> &str {
        self.process.name()
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Lets it go on without a guard.
    pub fn leave_running(self) {
        self.process.leave_running();
    }

    /// The last lines that it wrote, for messages.
    pub fn end_of_output(&self) -> String {
        self.outputs.end()
    }
}

/// The first whole line that is JSON.
fn first_json_line(path: &Path) -> Option<Value> {
    let text = fs::read_to_string(path).ok()?;
    let (whole, _) = text.rsplit_once('\n')?;
    whole.lines().find_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_server_is_up_when_it_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let script = shell(r#"echo starting; echo '{"listening":"http://127.0.0.1:1"}'; exec sleep 600"#);
        let server = Server::start("it", script, directory.path(), Group::Shared).unwrap();
        assert_eq!(server.said("listening").unwrap(), "http://127.0.0.1:1");
        assert!(server.said("worker").is_err());
    }

    #[test]
    fn a_server_that_ends_tells_what_it_wrote() {
        let directory = tempfile::tempdir().unwrap();
        let script = shell("echo the port is taken >&2; exit 3");
        let error = Server::start("it", script, directory.path(), Group::Shared).unwrap_err();
        assert!(error.to_string().contains("the port is taken"), "{error}");
    }

    #[test]
    fn a_binary_that_was_not_built_is_named() {
        let error = Binaries::in_directory("/nowhere")
            .command("failover-api")
            .unwrap_err();
        assert!(error.to_string().contains("cargo build"), "{error}");
    }
}
