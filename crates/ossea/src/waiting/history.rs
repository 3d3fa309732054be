//! How long the cloud's jobs take, learnt by watching.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// So many jobs of each command are remembered: enough for a quartile, few enough to follow a cloud that becomes
/// slower within one failover of a site.
const REMEMBERED: usize = 32;

/// For each command, how long its latest jobs were **seen unfinished**: a lower bound of what they took. The instants
/// at which they were found finished would carry the delay of the looks themselves, and learning from them would never
/// make the looks earlier.
#[derive(Debug, Default)]
pub(super) struct History {
    unfinished_for: BTreeMap<String, VecDeque<Duration>>,
}

impl History {
    /// Remembers one job.
    pub(super) fn learn(&mut self, command: &str, unfinished_for: Duration) {
        let latest = self.unfinished_for.entry(command.to_owned()).or_default();
        if latest.len() == REMEMBERED {
            latest.pop_front();
        }
        latest.push_back(unfinished_for);
    }

    /// When a job of this command is worth the first look: three in four of the latest ones were still unfinished then.
    /// Zero where nothing is known.
    pub(super) fn first_look(&self, command: &str) -> Duration {
        let Some(latest) = self.unfinished_for.get(command) else {
            return Duration::ZERO;
        };
        let mut ascending: Vec<Duration> = latest.iter().copied().collect();
        ascending.sort_unstable();
        ascending.get(ascending.len() / 4).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_never_seen_is_looked_at_once() {
        assert_eq!(History::default().first_look("attachVolume"), Duration::ZERO);
    }

    #[test]
    fn three_in_four_jobs_are_not_looked_at_in_vain() {
        let mut history = History::default();
        for seconds in [40, 10, 30, 20] {
            history.learn("createSnapshot", SECOND * seconds);
        }
        assert_eq!(history.first_look("createSnapshot"), SECOND * 20);
        assert_eq!(history.first_look("revertSnapshot"), Duration::ZERO);
    }

    #[test]
    fn a_cloud_that_became_slower_is_believed_after_some_jobs() {
        let mut history = History::default();
        for _ in 0..1000 {
            history.learn("attachVolume", SECOND);
        }
        for _ in 0..REMEMBERED {
            history.learn("attachVolume", SECOND * 9);
        }
        assert_eq!(history.first_look("attachVolume"), SECOND * 9);
    }
}
