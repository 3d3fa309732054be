//! Answers as text for people. Everything here is a pure function of the answer.

pub(crate) mod access;
pub(crate) mod attention;
pub(crate) mod capabilities;
pub(crate) mod check;
pub(crate) mod event;
pub(crate) mod figures;
pub(crate) mod inventory;
pub(crate) mod job;
pub(crate) mod mapping;
pub(crate) mod ossea;
pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod readiness;
pub(crate) mod step;
pub(crate) mod test;
pub(crate) mod verb;
pub(crate) mod watch;

use comfy_table::{ContentArrangement, Table, presets};

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// No escape sequences at all.
    Plain,
    /// ANSI colours.
    Colour,
}

impl Paint {
    pub(crate) fn bold(self, text: &str) -> String {
        self.sgr("1", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.sgr("32", text)
    }

    pub(crate) fn warn(self, text: &str) -> String {
        self.sgr("33", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.sgr("31", text)
    }

    fn sgr(self, code: &str, text: &str) -> String {
        match self {
            Paint::Plain => text.to_owned(),
            Paint::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// A table of columns two spaces apart, without lines, so that it can be cut and searched.
pub(crate) fn table<const N: usize>(
    indent: usize,
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let margin = " ".repeat(indent);
    table
        .lines()
        .map(|line| format!("{margin}{}", line.trim_end()) + "\n")
        .collect()
}

/// A value, or a dash.
pub(crate) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
