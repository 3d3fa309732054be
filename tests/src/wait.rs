//! Waiting for what other processes do: a condition that is looked at again and again until a deadline.

use std::time::{Duration, Instant};

use anyhow::bail;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Looks until `condition` gives something.
///
/// # Errors
/// The condition's own error, or that `what` did not come true within `limit`.
pub fn until<T>(
    limit: Duration,
    what: &str,
    mut condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = condition()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("waited {} s in vain until {what}", limit.as_secs_f32());
        }
        pause(LOOK);
    }
}

/// Lets other processes work for a moment between two looks.
#[expect(
    clippy::disallowed_methods,
    reason = "another process gives no sign to wait for; this is the pace of looking"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_looked_at_until_it_holds() {
        let mut looks = 0;
        let found = until(Duration::from_secs(60), "three looks", || {
            looks += 1;
            Ok((looks == 3).then_some("here"))
        });
        assert_eq!(found.unwrap(), "here");
    }

    #[test]
    fn the_deadline_says_what_was_waited_for() {
        let error = until::<()>(Duration::ZERO, "the end of days", || Ok(None)).unwrap_err();
        assert!(error.to_string().contains("the end of days"), "{error}");
    }
}
