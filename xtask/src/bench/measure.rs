//! Taking times.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::interrupt::Interrupt;

/// How long something took, many times over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Figures {
    pub(super) what: String,
    pub(super) times: usize,
    pub(super) per_second: u64,
    pub(super) p50_microseconds: u64,
    pub(super) p99_microseconds: u64,
}

/// Does something so many times, one after the other, and takes the time of each. The first tenth is not counted:
/// it warms up connections and caches. `work` gets the number of its turn and answers how long it took, so that its
/// preparation costs nothing.
pub(super) fn repeat(
    what: &str,
    times: usize,
    interrupt: &Interrupt,
    mut work: impl FnMut(usize) -> anyhow::Result<Duration>,
) -> anyhow::Result<Figures> {
    let warm_up = times / 10;
    let mut taken = Vec::with_capacity(times);
    for turn in 0..warm_up + times {
        interrupt.wait(Duration::ZERO)?;
        let took = work(turn)?;
        if turn >= warm_up {
            taken.push(took);
        }
    }
    Ok(figures(what, taken))
}

/// Takes the time of something.
pub(super) fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(Duration, T)> {
    let began = Instant::now();
    let made = work()?;
    Ok((began.elapsed(), made))
}

fn figures(what: &str, mut taken: Vec<Duration>) -> Figures {
    taken.sort_unstable();
    let all: Duration = taken.iter().sum();
    let at = |percent: usize| microseconds(percentile(&taken, percent));
    Figures {
        what: what.to_owned(),
        times: taken.len(),
        per_second: (taken.len() as u64 * 1_000_000)
            .checked_div(microseconds(all))
            .unwrap_or(0),
        p50_microseconds: at(50),
        p99_microseconds: at(99),
    }
}

/// The time that so many of a hundred do not exceed; nothing of nothing.
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_almost_all_are_below_the_percentiles() {
        let taken = (1..=200).rev().map(Duration::from_micros).collect();
        let expected = Figures {
            what: "it".to_owned(),
            times: 200,
            per_second: 9950,
            p50_microseconds: 100,
            p99_microseconds: 198,
        };
        assert_eq!(figures("it", taken), expected);
        assert_eq!(figures("nothing", Vec::new()).per_second, 0);
    }
}
