//! Programs that run in the foreground until they end.

use std::io::Read as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use failover_system_tests::descendants::descendants;
use rustix::process::{Pid, Signal, kill_process};

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
    let child = command
        .spawn()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    wait(child, command, interrupt)
}

/// Runs a program until it ends, or ends it when its time is over: then there is no status.
pub(crate) fn finish_within(
    command: &mut Command,
    interrupt: &Interrupt,
    limit: Duration,
) -> anyhow::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    loop {
        if let Some(status) = look(&mut child, command, interrupt)? {
            return Ok(Some(status));
        }
        if let Err(stop) = interrupt.wait(LOOK) {
            end(child);
            return Err(stop);
        }
        if Instant::now() >= deadline {
            end(child);
            return Ok(None);
        }
    }
}

/// Runs a program until it ends, demands success, and answers what it wrote to its standard output.
pub(crate) fn output(command: &mut Command, interrupt: &Interrupt) -> anyhow::Result<Vec<u8>> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    let mut stdout = child.stdout.take().context("a piped output is there")?;
    // A program that nobody reads stops writing, and never ends.
    let reader = std::thread::spawn(move || {
        let mut written = Vec::new();
        stdout.read_to_end(&mut written).map(|_| written)
    });
    let status = wait(child, command, interrupt)?;
    if !status.success() {
        bail!("{} ended with {status}", describe(command));
    }
    let written = reader
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    written.with_context(|| format!("cannot read what {} writes", describe(command)))
}

fn wait(mut child: Child, command: &Command, interrupt: &Interrupt) -> anyhow::Result<ExitStatus> {
    loop {
        if let Some(status) = look(&mut child, command, interrupt)? {
            return Ok(status);
        }
        if let Err(stop) = interrupt.wait(LOOK) {
            end(child);
            return Err(stop);
        }
    }
}

/// How a program has ended, if it has.
fn look(child: &mut Child, command: &Command, interrupt: &Interrupt) -> anyhow::Result<Option<ExitStatus>> {
    let ended = child
        .try_wait()
        .with_context(|| format!("lost {}", describe(command)))?;
    if ended.is_some() {
        // A keystroke reaches the program and us: it counts as the user's wish, not as the program's failure.
        interrupt.wait(Duration::ZERO)?;
    }
    Ok(ended)
}

/// Asks a program and all that it has started to end, and waits until it has. Cargo does not pass a signal on to
/// the tests that it runs. A second request is not needed: what runs here obeys SIGTERM.
fn end(mut child: Child) {
    let pid = Pid::from_child(&child);
    for pid in descendants(pid).into_iter().chain([pid]) {
        // Failing means that it has ended already.
        let _ = kill_process(pid, Signal::TERM);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_writes_is_read_while_it_writes_and_its_failure_is_told() {
        let interrupt = Interrupt::install().unwrap();
        let shell = |script: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script]);
            shell
        };
        // More than a pipe holds.
        let mut long = shell("head -c 300000 /dev/zero");
        assert_eq!(output(&mut long, &interrupt).unwrap().len(), 300_000);
        let failed = output(&mut shell("echo half; exit 3"), &interrupt).unwrap_err();
        assert!(failed.to_string().contains('3'), "{failed}");
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let interrupt = Interrupt::install().unwrap();
        let mut endless = Command::new("sleep");
        let ended = finish_within(endless.arg("600"), &interrupt, Duration::from_millis(100));
        assert!(ended.unwrap().is_none());
        let ended = finish_within(&mut Command::new("true"), &interrupt, Duration::from_secs(60));
        assert!(ended.unwrap().unwrap().success());
    }

    #[test]
    fn what_a_program_has_started_ends_with_it() {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "sleep 600 & echo $!; wait"])
            .stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        let (shell, sleeper) = (Pid::from_child(&child), line.trim().parse().unwrap());
        assert_eq!(descendants(shell), [Pid::from_raw(sleeper).unwrap()]);
        end(child);
        assert_eq!(descendants(shell), []);
    }
}
