//! The limit of calls of an account (`api.throttling.enabled`).
//!
//! The first call opens an interval; the account may make so many calls until it is over, and the next call then
//! opens another one.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Cloud;
use super::error::ApiError;
use crate::settings::{ApiLimit, Role};

/// The calls of the one account that calls.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Calls {
    interval: Option<Interval>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Interval {
    ends: DateTime<Utc>,
    calls: u32,
}

impl Calls {
    fn count(&mut self, limit: ApiLimit, now: DateTime<Utc>) -> Result<(), ApiError> {
        let interval = match self.interval.take() {
            Some(Interval { ends, calls }) if now < ends => Interval {
                ends,
                calls: calls.saturating_add(1),
            },
            Some(_) | None => Interval {
                ends: now + TimeDelta::seconds(limit.interval_seconds.into()),
                calls: 1,
            },
        };
        let (left, is_over) = (interval.ends - now, interval.calls > limit.max);
        self.interval = Some(interval);
        if is_over {
            return Err(ApiError::throttled(
                left.num_milliseconds().try_into().unwrap_or(0),
            ));
        }
        Ok(())
    }
}

impl Cloud {
    /// Counts a call; 429 when it is one too many.
    pub(super) fn count_call(&mut self) -> Result<(), ApiError> {
        match (self.settings.throttling, self.settings.role) {
            (Some(limit), Role::User) => self.calls.count(limit, self.time),
            (Some(_), Role::RootAdmin) | (None, Role::User | Role::RootAdmin) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_begins_with_a_call_and_tells_when_it_ends() {
        let limit = ApiLimit {
            max: 2,
            interval_seconds: 3,
        };
        let mut calls = Calls::default();
        let mut at = |milliseconds| {
            let now = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(milliseconds);
            calls
                .count(limit, now)
                .map_err(|error| error.retry_after_ms.unwrap())
        };
        assert_eq!((at(500), at(600), at(700)), (Ok(()), Ok(()), Err(2800)));
        assert_eq!(at(3499), Err(1));
        assert_eq!((at(3500), at(3501), at(3502)), (Ok(()), Ok(()), Err(2998)));
    }
}
