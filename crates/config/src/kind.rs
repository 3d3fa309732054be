//! Kinds of values: how a text becomes a value, and how a value and what is allowed are shown.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::source::RawValue;

type Parse<T> = Box<dyn Fn(&RawValue) -> Option<T>>;

/// A kind of value.
pub struct Kind<T> {
    /// What is allowed: the end of a sentence that begins with "allowed is".
    pub(crate) allowed: String,
    pub(crate) parse: Parse<T>,
    pub(crate) show: fn(&T) -> String,
}

impl Kind<String> {
    /// A text of 1 to 1024 characters.
    pub fn text() -> Self {
        Self {
            allowed: "a text of 1 to 1024 characters".to_owned(),
            parse: Box::new(|raw| {
                let text = raw.as_text()?.trim();
                (1..=1024)
                    .contains(&text.chars().count())
                    .then(|| text.to_owned())
            }),
            show: |text| format!("{text:?}"),
        }
    }

    /// An id of CloudStack.
    pub fn cloud_id() -> Self {
        Self {
            allowed: "1 to 64 letters, digits, '-', '_' or '.' (CloudStack uses UUIDs)".to_owned(),
            parse: Box::new(|raw| {
                let text = raw.as_text()?.trim();
                let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
                let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
                fits.then(|| text.to_owned())
            }),
            show: |text| format!("{text:?}"),
        }
    }

    /// The address of an HTTP service, without user name and password.
    pub fn web_address() -> Self {
        Self {
            allowed: "an address such as https://cloud.example.org/client/api, without user name, password, \
                      '?' and '#'"
                .to_owned(),
            parse: Box::new(|raw| {
                let text = raw.as_text()?.trim();
                let rest = text
                    .strip_prefix("https://")
                    .or_else(|| text.strip_prefix("http://"))?;
                let host = rest.split('/').next().filter(|host| !host.is_empty());
                let fits = host.is_some()
                    && !rest.contains(|c: char| matches!(c, '@' | '?' | '#') || c.is_whitespace());
                fits.then(|| text.to_owned())
            }),
            show: |text| format!("{text:?}"),
        }
    }
}

impl Kind<Vec<String>> {
    /// A list of ids of CloudStack.
    pub fn cloud_ids() -> Self {
        let id = Kind::cloud_id();
        Self {
            allowed: format!(
                "a list of ids such as [\"ID\", \"ID\"] (in the environment ID,ID), each of {}",
                id.allowed
            ),
            parse: Box::new(move |raw| raw.as_list()?.iter().map(&id.parse).collect()),
            show: |ids| format!("{ids:?}"),
        }
    }
}

impl Kind<Vec<String>> {
    /// A list of origins of web pages.
    pub fn origins() -> Self {
        Self {
            allowed: "a list of origins such as [\"https://console.example.org\"] (in the environment ORIGIN,ORIGIN), each \
                      with http or https, a host and perhaps a port, without a path"
                .to_owned(),
            parse: Box::new(|raw| {
                let origin = |text: &RawValue| {
                    let text = text.as_text()?.trim();
                    let host = text
                        .strip_prefix("https://")
                        .or_else(|| text.strip_prefix("http://"))?;
                    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'[' | b']');
                    let fits = !host.is_empty() && host.bytes().all(plain);
                    fits.then(|| text.to_ascii_lowercase())
                };
                raw.as_list()?.iter().map(origin).collect()
            }),
            show: |origins| format!("{origins:?}"),
        }
    }
}

impl Kind<PathBuf> {
    /// A path of a file.
    pub fn path() -> Self {
        Self {
            allowed: "a path of a file".to_owned(),
            parse: Box::new(|raw| {
                raw.as_text()
                    .filter(|text| !text.trim().is_empty())
                    .map(PathBuf::from)
            }),
            show: |path| format!("{:?}", path.display().to_string()),
        }
    }
}

impl Kind<SocketAddr> {
    /// An address to listen on.
    pub fn listen_address() -> Self {
        Self {
            allowed: "an address with a port such as \"127.0.0.1:8080\" or \"[::1]:8080\" (port 0 takes a free one)"
                .to_owned(),
            parse: Box::new(|raw| raw.as_text()?.trim().parse().ok()),
            show: |address| format!("{:?}", address.to_string()),
        }
    }
}

impl Kind<Duration> {
    /// A span of time within bounds.
    pub fn duration(bounds: RangeInclusive<Duration>) -> Self {
        Self {
            allowed: format!(
                "a time such as \"10s\", \"500ms\" or \"5m\", from {} to {}",
                humantime::format_duration(*bounds.start()),
                humantime::format_duration(*bounds.end())
            ),
            parse: Box::new(move |raw| {
                let time = humantime::parse_duration(raw.as_text()?.trim()).ok()?;
                bounds.contains(&time).then_some(time)
            }),
            show: |time| format!("\"{}\"", humantime::format_duration(*time)),
        }
    }
}

impl<T: TryFrom<u64> + PartialOrd + Display + 'static> Kind<T> {
    /// A whole number within bounds.
    pub fn number(bounds: RangeInclusive<T>) -> Self {
        Self {
            allowed: format!("a whole number from {} to {}", bounds.start(), bounds.end()),
            parse: Box::new(move |raw| {
                let number = T::try_from(raw.as_number()?.trim().parse::<u64>().ok()?).ok()?;
                bounds.contains(&number).then_some(number)
            }),
            show: T::to_string,
        }
    }
}

impl Kind<f64> {
    /// A number within bounds, with or without a fraction.
    pub fn fraction(bounds: RangeInclusive<f64>) -> Self {
        Self {
            allowed: format!("a number from {} to {}", bounds.start(), bounds.end()),
            parse: Box::new(move |raw| {
                let number = raw.as_number()?.trim().parse::<f64>().ok()?;
                bounds.contains(&number).then_some(number)
            }),
            show: f64::to_string,
        }
    }
}

impl Kind<bool> {
    /// true or false.
    pub fn switch() -> Self {
        Self {
            allowed: "true or false".to_owned(),
            parse: Box::new(RawValue::as_switch),
            show: ToString::to_string,
        }
    }
}

impl<T: Copy + PartialEq + 'static> Kind<T> {
    /// One of a few words.
    pub fn choice(words: &'static [(&'static str, T)], show: fn(&T) -> String) -> Self {
        let names: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        Self {
            allowed: format!("one of {}", names.join(", ")),
            parse: Box::new(move |raw| {
                let text = raw.as_text()?.trim();
                words
                    .iter()
                    .find(|(word, _)| *word == text)
                    .map(|(_, value)| *value)
            }),
            show,
        }
    }
}
