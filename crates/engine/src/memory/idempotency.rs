//! Idempotency keys in memory.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::JobId;
use uuid::Uuid;

use super::{MemoryStore, Tables};
use crate::idempotency::{
    Claimed, IdempotencyKeys, KeyClaim, KeyTerms, KeyedRequest, StartOnceError, StoredAnswer,
};
use crate::ports::{NewJob, StoreError};

/// What is known under one key.
pub(super) struct KeyRow {
    request: KeyedRequest,
    token: Uuid,
    lapses_at: DateTime<Utc>,
    kept_until: DateTime<Utc>,
    started: Option<JobId>,
    answer: Option<StoredAnswer>,
}

impl KeyRow {
    /// What a second claim comes to; `None` when it is granted.
    fn standing(&self, request: &KeyedRequest, now: DateTime<Utc>) -> Option<Claimed> {
        if self.kept_until <= now {
            return None;
        }
        if self.request != *request {
            let KeyedRequest { method, path, .. } = self.request.clone();
            return Some(Claimed::Reused { method, path });
        }
        if let Some(answer) = &self.answer {
            return Some(Claimed::Answered(answer.clone()));
        }
        if let Some(job) = &self.started {
            return Some(Claimed::Started(job.clone()));
        }
        let lapses_in = (self.lapses_at - now).to_std().unwrap_or_default();
        (!lapses_in.is_zero()).then_some(Claimed::UnderWay { lapses_in })
    }
}

fn later(now: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

impl Tables {
    /// The row of a claim that still holds.
    fn held(&mut self, claim: &KeyClaim) -> Option<&mut KeyRow> {
        let row = self.keys.get_mut(&(claim.caller.clone(), claim.key.clone()));
        row.filter(|row| row.token == claim.token)
    }
}

#[async_trait]
impl IdempotencyKeys for MemoryStore {
    async fn claim_key(
        &self,
        request: &KeyedRequest,
        token: Uuid,
        terms: KeyTerms,
    ) -> Result<Claimed, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let place = (request.caller.clone(), request.key.clone());
        if let Some(standing) = tables.keys.get(&place).and_then(|row| row.standing(request, now)) {
            return Ok(standing);
        }
        let (caller, key) = place.clone();
        let row = KeyRow {
            request: request.clone(),
            token,
            lapses_at: later(now, terms.lapse_after),
            kept_until: later(now, terms.keep_for),
            started: None,
            answer: None,
        };
        tables.keys.insert(place, row);
        Ok(Claimed::Granted(KeyClaim { caller, key, token }))
    }

    async fn start_once(&self, claim: &KeyClaim, job: NewJob) -> Result<JobId, StartOnceError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        if tables.held(claim).is_none() {
            return Err(StartOnceError::ClaimLost(claim.key.clone()));
        }
        let job_id = tables.create(job, now)?;
        if let Some(row) = tables.held(claim) {
            row.started = Some(job_id.clone());
        }
        Ok(job_id)
    }

    async fn keep_answer(&self, claim: &KeyClaim, answer: &StoredAnswer) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let held = tables.held(claim);
        Ok(held.map(|row| row.answer = Some(answer.clone())).is_some())
    }

    async fn give_back_key(&self, claim: &KeyClaim) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let is_empty = |row: &mut KeyRow| row.started.is_none() && row.answer.is_none();
        if tables.held(claim).is_some_and(is_empty) {
            tables.keys.remove(&(claim.caller.clone(), claim.key.clone()));
        }
        Ok(())
    }

    async fn forget_old_keys(&self, limit: usize) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let old = tables.keys.iter().filter(|(_, row)| row.kept_until <= now);
        let old: Vec<_> = old.take(limit).map(|(place, _)| place.clone()).collect();
        for place in &old {
            tables.keys.remove(place);
        }
        Ok(old.len())
    }
}
