//! Where the view appears: redrawn in place on a terminal, appended line by line elsewhere, or not at all.

use std::collections::VecDeque;
use std::io::Write;

use failover_api::dto::JobDetail;

use crate::render::Paint;
use crate::render::watch::{RECENT, Size, view};

/// Where the view appears.
pub(crate) enum Screen {
    /// A terminal, with the number of lines that were drawn last.
    Live { drawn: usize },
    /// A file or a pipe: one line a journal entry.
    Appended,
    /// For programs: nothing before the end.
    Silent,
}

impl Screen {
    pub(crate) fn live() -> Self {
        Screen::Live { drawn: 0 }
    }

    /// Takes new journal lines.
    pub(crate) fn add(&self, lines: &[String], recent: &mut VecDeque<String>) -> std::io::Result<()> {
        match self {
            Screen::Live { .. } => {
                recent.extend(lines.iter().cloned());
                let too_many = recent.len().saturating_sub(RECENT);
                recent.drain(..too_many);
            }
            Screen::Appended => {
                let mut stdout = std::io::stdout().lock();
                for line in lines {
                    writeln!(stdout, "{line}")?;
                }
                stdout.flush()?;
            }
            Screen::Silent => {}
        }
        Ok(())
    }

    /// Draws the view, where there is one.
    pub(crate) fn draw(
        &mut self,
        detail: &JobDetail,
        recent: &VecDeque<String>,
        note: Option<&str>,
        paint: Paint,
    ) -> std::io::Result<()> {
        match self {
            Screen::Live { .. } => self.redraw(&view(detail, recent, note, terminal_size(), paint)),
            Screen::Appended | Screen::Silent => Ok(()),
        }
    }

    /// Draws nothing but a note, before the job was seen for the first time.
    pub(crate) fn draw_note(&mut self, note: &str, paint: Paint) -> std::io::Result<()> {
        match self {
            Screen::Live { .. } => self.redraw(&[paint.warn(note)]),
            Screen::Appended | Screen::Silent => Ok(()),
        }
    }

    /// Says something once where nothing is redrawn. Not on standard output: that has the journal only.
    pub(crate) fn append_note(&self, note: &str) -> std::io::Result<()> {
        match self {
            Screen::Live { .. } => Ok(()),
            Screen::Appended | Screen::Silent => writeln!(std::io::stderr(), "{note}"),
        }
    }

    fn redraw(&mut self, lines: &[String]) -> std::io::Result<()> {
        let Screen::Live { drawn } = self else {
            return Ok(());
        };
        let frame = frame(*drawn, lines);
        *drawn = lines.len();
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(frame.as_bytes())?;
        stdout.flush()
    }
}

/// One frame over the one of `drawn` lines before it, written at once so that it does not flicker. Wrapping is
/// off meanwhile: a character that is wider than it counts would move everything below it.
fn frame(drawn: usize, lines: &[String]) -> String {
    let mut frame = String::from("\x1b[?7l");
    if drawn > 0 {
        frame += &format!("\x1b[{drawn}A\r");
    }
    for line in lines {
        frame += &format!("\x1b[2K{line}\n");
    }
    frame + "\x1b[J\x1b[?7h"
}

fn terminal_size() -> Size {
    match terminal_size::terminal_size() {
        Some((width, height)) => Size {
            columns: width.0.into(),
            rows: height.0.into(),
        },
        // The size that every terminal has at least.
        None => Size {
            columns: 80,
            rows: 24,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_replaces_the_one_before_it() {
        let lines = ["one".to_owned(), "two".to_owned()];
        assert_eq!(frame(0, &lines), "\x1b[?7l\x1b[2Kone\n\x1b[2Ktwo\n\x1b[J\x1b[?7h");
        assert_eq!(
            frame(5, &lines[..1]),
            "\x1b[?7l\x1b[5A\r\x1b[2Kone\n\x1b[J\x1b[?7h"
        );
    }
}
