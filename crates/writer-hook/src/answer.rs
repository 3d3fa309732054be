//! What an answer over HTTP means, and how it is put into words for people.

use failover_engine::writer::WriterAnswer;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};

/// How much of an answer's body is shown to people: a sentence or two, but not a web page.
const SHOWN_CHARACTERS: usize = 300;

/// Stands for the secret where an answer repeats it.
const HIDDEN: &str = "(hidden)";

/// An answer as it was received.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: StatusCode,
    /// What was read of the body.
    pub(crate) body: Vec<u8>,
    pub(crate) end: BodyEnd,
}

/// How the reading of a body ended.
#[derive(Debug)]
pub(crate) enum BodyEnd {
    /// With its last byte.
    Whole,
    /// At the limit of what is read.
    TooLong,
    /// With an error, in words.
    Broken(String),
}

/// Who was asked: the beginning of every text. The engine says for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Scheme, host and port. The path stays out, because some people put tokens there.
    pub(crate) origin: &'a str,
    pub(crate) secret: &'a SecretString,
}

impl Asked<'_> {
    /// What the answer means.
    pub(crate) fn meaning(&self, received: &Received) -> WriterAnswer {
        let text = self.words(received);
        match received.status.as_u16() {
            // Only this lets replicas leave, so only this must be beyond doubt: the tool may have died within it.
            200 | 204 => match &received.end {
                BodyEnd::Whole => WriterAnswer::Done,
                BodyEnd::TooLong => {
                    WriterAnswer::Unknown(format!("{text} (and too much more to be an answer)"))
                }
                BodyEnd::Broken(why) => WriterAnswer::Unknown(format!("{text} (and broke off: {why})")),
            },
            202 => WriterAnswer::NotYet(text),
            // The server gave up waiting, or wants to be asked later: nothing is said about the wish.
            408 | 425 | 429 => WriterAnswer::Unknown(text),
            400..=499 => WriterAnswer::Refused(text),
            300..=399 => WriterAnswer::Unknown(format!("{text} (redirects are not followed)")),
            _ => WriterAnswer::Unknown(text),
        }
    }

    /// No answer came.
    pub(crate) fn silence(&self, why: &str) -> WriterAnswer {
        WriterAnswer::Unknown(format!("{} gave no answer: {}", self.origin, self.plain(why)))
    }

    fn words(&self, received: &Received) -> String {
        let said = self.plain(&String::from_utf8_lossy(&received.body));
        let answered = format!("{} answered {}", self.origin, received.status.as_u16());
        if said.is_empty() {
            answered
        } else {
            format!("{answered}: {said}")
        }
    }

    /// One line without control characters and without the secret, cut to what people want to read.
    ///
    /// The order matters: a secret with control characters inside becomes readable when those are gone, and a cut
    /// could leave a part of it.
    fn plain(&self, text: &str) -> String {
        let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let printable: String = spaced.chars().filter(|c| !c.is_control()).collect();
        let without_secret = printable.replace(self.secret.expose_secret(), HIDDEN);
        without_secret.chars().take(SHOWN_CHARACTERS).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let asked = Asked {
            origin: "http://oma",
            secret: &"hunter2".into(),
        };
        asked.plain(text)
    }

    #[test]
    fn what_is_shown_is_one_printable_line() {
        assert_eq!(
            plain("  a copy\r\n\tis \u{1b}[31mrunning\0  "),
            "a copy is [31mrunning"
        );
    }

    #[test]
    fn a_repeated_secret_is_hidden_however_it_is_wrapped() {
        assert_eq!(plain("use hunter2!"), "use (hidden)!");
        assert_eq!(plain("hun\u{7}ter2"), "(hidden)");
        let at_the_cut = format!("{}hunter2", "x".repeat(SHOWN_CHARACTERS - 3));
        assert!(plain(&at_the_cut).ends_with("x(hi"), "{}", plain(&at_the_cut));
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert_eq!(plain(&"é".repeat(400)).chars().count(), SHOWN_CHARACTERS);
    }
}
