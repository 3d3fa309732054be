//! How often one caller may ask. It is for scripts that have run wild: whoever polls a few hundred jobs never meets it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use failover_engine::SharedClock;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::access::Caller;
use crate::dto::ErrorCode;
use crate::error::ApiError;
use crate::state::ApiState;

/// How many seconds' worth of requests may come at once.
const BURST_SECONDS: u32 = 2;

/// After how many requests callers that have not asked for long are forgotten.
const FORGET_EVERY: usize = 10_000;

/// The injected clock, as the limiter reads it.
#[derive(Clone)]
struct Since {
    clock: SharedClock,
    start: DateTime<Utc>,
}

impl Clock for Since {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        // A clock that was set back stands still until it has caught up.
        Nanos::from((self.clock.now() - self.start).to_std().unwrap_or_default())
    }
}

/// What each caller has asked lately.
#[derive(Clone)]
pub(crate) struct CallerRates {
    limiter: Arc<RateLimiter<String, HashMapStateStore<String>, Since, NoOpMiddleware<Nanos>>>,
    clock: Since,
    asked: Arc<AtomicUsize>,
    per_second: NonZeroU32,
}

impl CallerRates {
    pub(crate) fn new(per_second: NonZeroU32, clock: SharedClock) -> Self {
        let clock = Since {
            start: clock.now(),
            clock,
        };
        let quota = Quota::per_second(per_second).allow_burst(per_second.saturating_mul(two()));
        Self {
            limiter: Arc::new(RateLimiter::new(
                quota,
                HashMapStateStore::default(),
                clock.clone(),
            )),
            clock,
            asked: Arc::default(),
            per_second,
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// It is one too many; the time after which the next one is welcome.
    fn count(&self, caller: &str) -> Result<(), Duration> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(&caller.to_owned())
            .map_err(|early| early.wait_time_from(self.clock.now()))
    }
}

const fn two() -> NonZeroU32 {
    match NonZeroU32::new(BURST_SECONDS) {
        Some(seconds) => seconds,
        None => NonZeroU32::MIN,
    }
}

/// Lets a caller pass who does not ask too often.
pub(crate) async fn limit_rate(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().map_or("", Caller::name);
    match state.rates.count(caller) {
        Ok(()) => next.run(request).await,
        Err(wait) => too_often(state.rates.per_second, wait).into_response(),
    }
}

fn too_often(per_second: NonZeroU32, wait: Duration) -> ApiError {
    let detail = format!("this caller asks more than {per_second} times in a second");
    let mut error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, detail)
        .action(
            "Ask less often: wait for the time that Retry-After tells, and poll no faster than every second.",
        )
        .action("Raise server.requests_per_second if the caller is right.");
    error.retry_after = Some(wait.max(Duration::from_secs(1)));
    error
}
