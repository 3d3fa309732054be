//! Where output goes: standard output for answers, standard error for everything else.

use std::io::{IsTerminal, Write};

use crate::cli::{Global, Output};
use crate::exit::CtlError;
use crate::render::{Paint, problem};

/// The process's outputs and how they are written.
pub(crate) struct Terminal {
    pub(crate) output: Output,
    pub(crate) paint: Paint,
    /// Whether standard output is a terminal, on which a view can be redrawn.
    pub(crate) is_live: bool,
}

impl Terminal {
    pub(crate) fn of_process(global: &Global) -> Self {
        let is_live = std::io::stdout().is_terminal();
        let no_color = global.no_color || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let paint = if is_live && !no_color {
            Paint::Colour
        } else {
            Paint::Plain
        };
        Self {
            output: global.output,
            paint,
            is_live,
        }
    }

    /// Prints an answer: the body as it is for programs, what `render` makes of it for people.
    pub(crate) fn answer(&self, body: &str, render: impl FnOnce() -> String) -> Result<(), CtlError> {
        match self.output {
            // Some answers have no body.
            Output::Json if body.is_empty() => Ok(()),
            Output::Json => self.print(body),
            Output::Table => self.print(&render()),
        }
    }

    /// Prints a text, ended by a line break. A reader who has gone away (`| head`) is no error.
    pub(crate) fn print(&self, text: &str) -> Result<(), CtlError> {
        let mut stdout = std::io::stdout().lock();
        let text = text.trim_end_matches('\n');
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }

    /// Tells what went wrong: on standard error, and for programs the API's problem document on standard output.
    pub(crate) fn report(&self, error: &CtlError) {
        let text = match error {
            CtlError::Problem { problem, body } => {
                if self.output == Output::Json && self.print(body).is_ok() {
                    return;
                }
                problem::problem(problem, Paint::Plain)
            }
            CtlError::Usage(what) | CtlError::Unreachable(what) | CtlError::Lookup(what) => {
                format!("error: {what}\n")
            }
            CtlError::Output(_) => format!("error: {error}\n"),
        };
        eprint!("{text}");
    }
}
