//! A child process that does not outlive the guard that holds it.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::wait::until;

/// How long a process may take to end in order before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// Which process group a child joins: who hears the keystroke Ctrl-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Ours: the child hears Ctrl-C like us.
    Shared,
    /// One of its own: the child goes on until its guard ends it.
    Own,
}

/// A running child process. Dropping the guard ends the process and waits until it is gone.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stop_with: Signal,
}

impl Process {
    /// Starts a program that ends in order on SIGTERM.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(name: &str, command: &mut Command, group: Group) -> anyhow::Result<Self> {
        match group {
            Group::Shared => {}
            Group::Own => {
                command.process_group(0);
            }
        }
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            stop_with: Signal::TERM,
        })
    }

    /// The same for a program that wants another signal to end in order.
    pub fn stopped_with(mut self, signal: Signal) -> Self {
        self.stop_with = signal;
        self
    }

    /// Its name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The standard streams that were asked for as pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the process cannot be asked about.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("lost {}", self.name))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end within `limit`.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("{} ends", self.name);
        until(limit, &what, || self.ended())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("cannot send a signal to {}", self.name))
    }

    /// Kills it at once, as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        self.child
            .kill()
            .with_context(|| format!("cannot kill {}", self.name))?;
        self.child.wait().with_context(|| format!("lost {}", self.name))
    }

    /// Lets it go on without a guard.
    pub fn leave_running(self) {
        std::mem::forget(self);
    }

    /// Ends it in order; kills it when that takes too long.
    ///
    /// # Errors
    /// When the process can neither be stopped nor killed.
    pub fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        self.signal(self.stop_with)?;
        self.wait(GRACE).or_else(|_| self.kill())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{} may still run: {error:#}", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Process {
        Process::start("a sleeper", Command::new("sleep").arg("600"), Group::Shared).unwrap()
    }

    #[test]
    fn a_dropped_guard_ends_its_process() {
        let guard = sleeper();
        let pid = Pid::from_raw(i32::try_from(guard.id()).unwrap()).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_ok());
        drop(guard);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }

    #[test]
    fn a_killed_process_did_not_end_by_itself() {
        let mut guard = sleeper();
        assert!(guard.ended().unwrap().is_none());
        assert!(!guard.kill().unwrap().success());
        assert!(guard.ended().unwrap().is_some());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Process::start("it", &mut Command::new("/nowhere/to/be/found"), Group::Own).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/to/be/found"), "{error:#}");
    }
}
