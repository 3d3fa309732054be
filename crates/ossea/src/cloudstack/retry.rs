//! The layer that sends a call again where its meaning allows that.
//!
//! | a failed | is sent again when it was | is never sent again when it was |
//! |---|---|---|
//! | read | unreachable, malformed, busy, throttled | refused in any way |
//! | change | certainly not processed: no connection, 429, 503 | anything else: it may have been executed |
//!
//! One exception to the last row's middle: a command whose repetition makes a second object
//! ([`Repetition::Duplicates`]) is not sent again after 503. That the management server says so before it makes the
//! object, and that no proxy says so after it has passed the request on, is not beyond doubt; the caller, who can
//! look first, loses nothing.
//!
//! So a command is executed at most once for each call of [`crate::OsseaClient::submit`]. Every sending waits for
//! its own turn and is signed anew, but all sendings of a change expire at the same moment (see
//! [`super::signing`]), and none begins later than the call's time allows.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::call::{Answer, Asked, Call, Effect};
use super::concern::{Below, Concern, Setback};
use crate::command::Repetition;
use crate::error::OsseaError;

/// Tells a number from 0 to 1 by chance.
pub(crate) type Chance = Arc<dyn Fn() -> f64 + Send + Sync>;

/// Chance as the system has it.
pub(crate) fn chance() -> Chance {
    Arc::new(|| {
        let (high, _) = uuid::Uuid::new_v4().as_u64_pair();
        // 16 bits are plenty for spreading repetitions in time.
        f64::from(u16::try_from(high >> 48).unwrap_or(u16::MAX)) / f64::from(u16::MAX)
    })
}

/// How often and how soon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryRules {
    /// How often a call is sent at most.
    pub(crate) attempts: u32,
    /// The pause after the first sending; it doubles.
    pub(crate) shortest: Duration,
    /// The longest pause.
    pub(crate) longest: Duration,
}

impl RetryRules {
    /// How long to wait before a call that was sent `sent` times and met with `setback` is sent again; `None` when
    /// it is not sent again. `chance` spreads the pause between its half and its whole.
    fn pause(&self, call: &Call, setback: &Setback, sent: u32, chance: f64) -> Option<Duration> {
        if sent >= self.attempts || !may_repeat(call, setback) {
            return None;
        }
        let doubled = self
            .shortest
            .saturating_mul(1 << (sent - 1).min(16))
            .min(self.longest);
        match setback {
            // The budget makes everybody wait, this call among them.
            Setback::Cloud(OsseaError::Throttled { .. }) => Some(Duration::ZERO),
            Setback::Cloud(_) | Setback::Withheld(_) => {
                Some(doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0))
            }
        }
    }
}

/// Whether sending a call again can do no harm and may help.
fn may_repeat(call: &Call, setback: &Setback) -> bool {
    let error = match setback {
        // We have decided against it once already.
        Setback::Withheld(_) => return false,
        Setback::Cloud(error) => error,
    };
    match (call.effect, error) {
        (Effect::Read | Effect::Change, OsseaError::Unreachable(_) | OsseaError::Throttled { .. }) => true,
        (Effect::Read, OsseaError::Malformed(_) | OsseaError::Busy(_)) => true,
        (Effect::Change, OsseaError::Busy(_)) => match call.repetition {
            Repetition::Harmless | Repetition::Refused => true,
            Repetition::Duplicates => false,
        },
        (Effect::Change, OsseaError::Malformed(_))
        | (
            Effect::Read | Effect::Change,
            OsseaError::Refused(_)
            | OsseaError::Unauthorized(_)
            | OsseaError::NotFound(_)
            | OsseaError::OutcomeUnknown(_),
        ) => false,
    }
}

/// Sends calls again.
#[derive(Clone)]
pub(crate) struct Retry {
    pub(crate) rules: RetryRules,
    pub(crate) chance: Chance,
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Concern for Retry {
    async fn serve<S: Below>(self, asked: Asked, mut below: S) -> Result<Answer, Setback> {
        let mut sent = 0;
        loop {
            let setback = match below.call(asked.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(setback) => setback,
            };
            sent += 1;
            let Some(pause) = self.rules.pause(&asked.call, &setback, sent, (self.chance)()) else {
                return Err(setback);
            };
            if Instant::now() + pause >= asked.give_up {
                return Err(setback);
            }
            tokio::time::sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tower::{Layer, Service, service_fn};

    use super::*;
    use crate::cloudstack::call::tests::{KEY, asked, asking};
    use crate::cloudstack::concern::Around;
    use crate::error::Refusal;
    use crate::urgency::Priority;

    const RULES: RetryRules = RetryRules {
        attempts: 4,
        shortest: Duration::from_secs(1),
        longest: Duration::from_secs(3),
    };

    fn errors() -> [OsseaError; 8] {
        let text = String::new;
        [
            OsseaError::Unreachable(text()),
            OsseaError::Throttled {
                retry_after: Duration::from_secs(1),
            },
            OsseaError::Busy(text()),
            OsseaError::Malformed(text()),
            OsseaError::Refused(Refusal {
                code: 530,
                text: text(),
            }),
            OsseaError::Unauthorized(text()),
            OsseaError::NotFound(text()),
            OsseaError::OutcomeUnknown(text()),
        ]
    }

    fn change(repetition: Repetition) -> Asked {
        let call = Call::change(
            "deployVirtualMachine",
            KEY.parse().unwrap(),
            repetition,
            Vec::new(),
        );
        asking(call, Priority::WayBack)
    }

    /// When a call is sent to a cloud that always gives the same error.
    async fn sendings(asked: Asked, setback: Setback) -> Vec<Duration> {
        let begun = Instant::now();
        let times = Arc::new(Mutex::new(Vec::new()));
        let retry = Retry {
            rules: RULES,
            chance: Arc::new(|| 1.0),
        };
        let seen = Arc::clone(&times);
        let mut service = Around(retry).layer(service_fn(move |_: Asked| {
            seen.lock().unwrap().push(begun.elapsed());
            let setback = setback.clone();
            async move { Err::<Answer, _>(setback) }
        }));
        service.call(asked).await.unwrap_err();
        let times = times.lock().unwrap();
        times.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn reads_and_changes_are_repeated_only_where_that_is_safe() {
        let read = || asking(Call::read("listVolumes", Vec::new()), Priority::WayThere);
        let table = [
            (read(), [4, 4, 4, 4, 1, 1, 1, 1]),
            (asked(Priority::WayThere), [4, 4, 4, 1, 1, 1, 1, 1]),
            (change(Repetition::Harmless), [4, 4, 4, 1, 1, 1, 1, 1]),
            (change(Repetition::Duplicates), [4, 4, 1, 1, 1, 1, 1, 1]),
        ];
        for (asked, expected) in table {
            for (error, expected) in errors().into_iter().zip(expected) {
                let asked = Asked {
                    give_up: Instant::now() + Duration::from_secs(60),
                    ..asked.clone()
                };
                let sent = sendings(asked.clone(), Setback::Cloud(error.clone())).await;
                assert_eq!(sent.len(), expected, "{asked:?} {error}");
                assert_eq!(sendings(asked, Setback::Withheld(error)).await.len(), 1);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_the_longest_and_chance_halves_them_at_most() {
        let [unreachable, throttled, ..] = errors().map(Setback::Cloud);
        let seconds = |seconds: [u64; 4]| seconds.map(Duration::from_secs).to_vec();
        assert_eq!(
            sendings(asked(Priority::WayBack), unreachable.clone()).await,
            seconds([0, 1, 3, 6])
        );
        // The budget does the waiting, for everybody.
        assert_eq!(
            sendings(asked(Priority::WayBack), throttled).await,
            seconds([0, 0, 0, 0])
        );
        let call = &asked(Priority::WayBack).call;
        let least = RULES.pause(call, &unreachable, 2, 0.0);
        assert_eq!(least, Some(Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_after_its_time() {
        let [unreachable, ..] = errors().map(Setback::Cloud);
        let hurried = Asked {
            give_up: Instant::now() + Duration::from_millis(2_900),
            ..asked(Priority::WayBack)
        };
        assert_eq!(sendings(hurried, unreachable).await.len(), 2);
    }
}
