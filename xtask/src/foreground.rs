//! Programs that run in the foreground until they end.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::interrupt::Interrupt;

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Runs a program with our own terminal until it ends, and demands success.
pub(crate) fn succeed(command: &mut Command, interrupt: &Interrupt) -> anyhow::Result<()> {
    let status = finish(command, interrupt)?;
    if !status.success() {
        bail!("{} ended with {status}", describe(command));
    }
    Ok(())
}

/// Runs a program with our own terminal until it ends.
pub(crate) fn finish(command: &mut Command, interrupt: &Interrupt) -> anyhow::Result<ExitStatus> {
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    loop {
        if let Some(status) = child
            .try_wait()
            .with_context(|| format!("lost {}", describe(command)))?
        {
            // A keystroke reaches the program and us: it counts as the user's wish, not as the program's failure.
            interrupt.wait(Duration::ZERO)?;
            return Ok(status);
        }
        if let Err(stop) = interrupt.wait(LOOK) {
            end(child);
            return Err(stop);
        }
    }
}

/// Asks a program to end and waits until it has. A second request is not needed: what runs here obeys SIGTERM.
fn end(mut child: std::process::Child) {
    let pid = rustix::process::Pid::from_child(&child);
    // Failing means that it has ended already.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    let _ = child.wait();
}

/// The program and its arguments, for messages.
pub(crate) fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
