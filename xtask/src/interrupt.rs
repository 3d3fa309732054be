//! Ctrl-C and termination, turned into an ordinary error: the stack unwinds, and every guard on it removes what
//! it started. Children that must outlive the keystroke until then run in process groups of their own.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The user wants to stop.
#[derive(Debug)]
struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}
impl std::error::Error for Interrupted {}

/// Whether an error is nothing but the user's wish to stop.
pub(crate) fn is_interruption(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<Interrupted>())
}

/// Hears the signals that ask a program to stop.
pub(crate) struct Interrupt {
    signals: Receiver<()>,
}

impl Interrupt {
    /// From now on such a signal no longer ends the process; the next [`Interrupt::wait`] reports it.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot listen for signals")?;
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for _ in signals.forever() {
                if sender.send(()).is_err() {
                    break;
                }
            }
        });
        Ok(Self { signals: receiver })
    }

    /// Waits for `time` unless the user wants to stop.
    pub(crate) fn wait(&self, time: Duration) -> anyhow::Result<()> {
        match self.signals.recv_timeout(time) {
            Ok(()) => Err(Interrupted.into()),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the signal thread has ended"),
        }
    }
}
