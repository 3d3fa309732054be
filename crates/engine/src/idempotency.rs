//! Requests that may come twice: what a caller sends again because the answer was lost is carried out once.
//!
//! # Flow
//! The caller gives each request a key. Whoever serves the request [claims](IdempotencyKeys::claim_key) the key first,
//! carries the request out, and [keeps](IdempotencyKeys::keep_answer) the answer. Who comes later with the same key and the
//! same request gets the kept answer; who comes meanwhile is told to wait.
//!
//! # If the process dies in between
//! A claim lapses after a bounded time, and the next one with the key carries the request out again. A job must not be
//! started twice so, though the first one may have ended by then: therefore a job is
//! [started](IdempotencyKeys::start_once) in the very commit that notes it under the key, and only while the claim holds. A
//! process that was only asleep finds its claim taken over, and starts nothing.
//!
//! # What is not promised
//! What is not a start is carried out again when a process died between doing it and keeping the answer. Every other
//! request means the same when it is asked twice, or is refused the second time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use failover_domain::JobId;
use uuid::Uuid;

use crate::ports::{CreateError, NewJob, StoreError};

/// The name that a caller gives one request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(String);

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("allowed are 1 to {} visible ASCII characters", IdempotencyKey::LONGEST)]
pub struct NoKey;

impl IdempotencyKey {
    /// How many characters a key may have.
    pub const LONGEST: usize = 255;

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl FromStr for IdempotencyKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let is_key = (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        is_key.then(|| Self(text.to_owned())).ok_or(NoKey)
    }
}
impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request with a key: two are the same request when all of this is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRequest {
    /// Who asks. Keys of two callers have nothing to do with each other.
    pub caller: String,
    /// The key.
    pub key: IdempotencyKey,
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The SHA-256 of the body, in hexadecimal digits.
    pub body_sha256: String,
}

/// The right to carry out a request: valid as long as the store still shows this token for the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyClaim {
    /// Who asks.
    pub caller: String,
    /// The key.
    pub key: IdempotencyKey,
    /// Made up for this claim.
    pub token: Uuid,
}

/// How long claims and answers last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTerms {
    /// After which time a claim lapses; longer than the request can take.
    pub lapse_after: Duration,
    /// How long a key is remembered.
    pub keep_for: Duration,
}

/// An answer that can be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers that belong to the answer and not to the way it took.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a claim came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The request is to be carried out.
    Granted(KeyClaim),
    /// It is being carried out.
    UnderWay {
        /// After which time at the latest it can be claimed, should nobody answer it.
        lapses_in: Duration,
    },
    /// It has started this job; its answer was not kept, or not yet.
    Started(JobId),
    /// It was answered.
    Answered(StoredAnswer),
    /// The key belongs to another request.
    Reused {
        /// That one's method.
        method: String,
        /// That one's path.
        path: String,
    },
}

/// Why a job was not started under a claim.
#[derive(Debug, thiserror::Error)]
pub enum StartOnceError {
    /// The claim has lapsed, and the request was claimed again or forgotten. Nothing was changed.
    #[error("the claim on idempotency key {0} has lapsed")]
    ClaimLost(IdempotencyKey),
    /// The job was not created.
    #[error(transparent)]
    Create(#[from] CreateError),
}
impl From<StoreError> for StartOnceError {
    fn from(error: StoreError) -> Self {
        StartOnceError::Create(error.into())
    }
}

/// The keys of requests and their answers.
///
/// # Guarantees of an implementation
/// * Of claims at once, one is granted.
/// * Time is judged by the store's clock.
/// * A key that is older than it is kept for is as good as unknown, whether its row was removed or not.
#[async_trait]
pub trait IdempotencyKeys: Send + Sync {
    /// Claims a request under `token`. A claim that has lapsed is granted again, unless it has started a job.
    async fn claim_key(
        &self,
        request: &KeyedRequest,
        token: Uuid,
        terms: KeyTerms,
    ) -> Result<Claimed, StoreError>;

    /// Creates a job as [`crate::ports::JobStore::create`] does, and notes it under the key in the same commit.
    ///
    /// # Errors
    /// [`StartOnceError`]; then no job exists.
    async fn start_once(&self, claim: &KeyClaim, job: NewJob) -> Result<JobId, StartOnceError>;

    /// Keeps the answer; `false` when the claim does not hold any more.
    async fn keep_answer(&self, claim: &KeyClaim, answer: &StoredAnswer) -> Result<bool, StoreError>;

    /// Gives a claim back, so that the request can be claimed again at once. One that has started a job stays.
    async fn give_back_key(&self, claim: &KeyClaim) -> Result<(), StoreError>;

    /// Forgets at most `limit` keys that are older than they are kept for; tells how many.
    async fn forget_old_keys(&self, limit: usize) -> Result<usize, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_and_not_too_long() {
        for good in ["a", "!~", &"x".repeat(255)] {
            assert_eq!(
                good.parse::<IdempotencyKey>().map(|k| k.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in ["", " ", "a b", "a\n", "ü", &"x".repeat(256)] {
            assert_eq!(bad.parse::<IdempotencyKey>(), Err(NoKey), "{bad:?}");
        }
    }
}
