//! A child process that does not outlive the guard that holds it.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::descendants::descendants;
use crate::wait::until;

/// How long a process may take to end in order before it is killed. PostgreSQL writes a checkpoint, which takes minutes on a
/// disk that others keep busy.
const GRACE: Duration = Duration::from_secs(180);

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

    /// Kills it and all that it has started, as a power cut would, and waits until nothing of it is left.
    ///
    /// # Errors
    /// When a process cannot be killed, or is not gone within seconds.
    pub fn kill_with_descendants(&mut self) -> anyhow::Result<ExitStatus> {
        // Stopped, it starts no more children and does not take note of the end of those it has: until it is killed
        // itself their ids belong to nobody else.
        self.signal(Signal::STOP)?;
        let of = Pid::from_child(&self.child);
        let what = format!("all that {} has started is gone", self.name);
        until(GRACE, &what, || {
            let left = descendants(of);
            for process in &left {
                // Failing means that it has ended by itself.
                let _ = kill_process(*process, Signal::KILL);
            }
            Ok(left.is_empty().then_some(()))
        })?;
        self.kill()
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
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

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
    fn what_it_has_started_is_killed_with_it() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 600 & sleep 600 & echo ready; wait"]);
        let mut guard = Process::start("a shell", shell.stdout(Stdio::piped()), Group::Shared).unwrap();
        let stdout = guard.child().stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut String::new()).unwrap();
        let sleepers = descendants(Pid::from_child(guard.child()));
        assert_eq!(sleepers.len(), 2);
        assert!(!guard.kill_with_descendants().unwrap().success());
        // They are gone, or their new parent has not taken note yet.
        let state = |pid: Pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        for sleeper in sleepers {
            let state = state(sleeper);
            assert!(state.is_empty() || state.contains(") Z "), "{state}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Process::start("it", &mut Command::new("/nowhere/to/be/found"), Group::Own).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/to/be/found"), "{error:#}");
    }
}
