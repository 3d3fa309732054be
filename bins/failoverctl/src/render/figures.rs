//! Figures as people read them.

use chrono::{DateTime, Utc};
use failover_domain::EstimatedDuration;

/// A size with the largest unit that leaves at most one digit after the point.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
    ];
    for (unit, size) in UNITS {
        if bytes >= size {
            let (whole, tenth) = (bytes / size, bytes % size * 10 / size);
            return if tenth == 0 {
                format!("{whole} {unit}")
            } else {
                format!("{whole}.{tenth} {unit}")
            };
        }
    }
    format!("{bytes} B")
}

/// A time span: `45 s`, `2 min 5 s`, `1 h 3 min`.
pub(crate) fn seconds(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, rest) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// How long something should take, and how that is known.
pub(crate) fn estimate(estimate: &EstimatedDuration) -> String {
    format!("{} ({})", seconds(estimate.seconds), estimate.source)
}

/// A number of things: `1 disk`, `3 disks`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// An instant to the second.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The time of day of an instant.
pub(crate) fn clock(at: DateTime<Utc>) -> String {
    at.format("%H:%M:%S").to_string()
}

/// A progress bar of `width` characters between brackets, and the percentage.
pub(crate) fn bar(percent: f64, width: usize) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the share is between 0 and 1 and the width a few dozen"
    )]
    let filled = (percent.clamp(0.0, 100.0) / 100.0 * width as f64).round() as usize;
    format!(
        "[{}{}] {percent:.0} %",
        "#".repeat(filled),
        "-".repeat(width - filled)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (size, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1 << 10, "1 KiB"),
            (40 << 30, "40 GiB"),
            (1_610_612_736, "1.5 GiB"),
            (3 << 40, "3 TiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn spans_read_well() {
        for (span, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (125, "2 min 5 s"),
            (3600, "1 h"),
            (3780, "1 h 3 min"),
        ] {
            assert_eq!(seconds(span), text);
        }
    }

    #[test]
    fn a_bar_is_as_long_as_it_should_be() {
        assert_eq!(bar(0.0, 10), "[----------] 0 %");
        assert_eq!(bar(50.0, 10), "[#####-----] 50 %");
        assert_eq!(bar(100.0, 10), "[##########] 100 %");
        assert_eq!(bar(120.0, 4), "[####] 120 %");
    }
}
