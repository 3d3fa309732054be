//! Idempotency keys: every write is guarded by the token of its claim, and a job is created in the commit that notes it.

use std::time::Duration;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use failover_domain::JobId;
use failover_engine::idempotency::{
    Claimed, IdempotencyKeys, KeyClaim, KeyTerms, KeyedRequest, StartOnceError, StoredAnswer,
};
use failover_engine::ports::{NewJob, StoreError};
use uuid::Uuid;

use super::audit::append;
use super::database::{Database, OrStoreError};
use super::dialect::{Conn, locked};
use super::journal::create_in;
use super::schema::idempotency_keys as keys;
use crate::row::{RowId, stored_number, stored_text};
use crate::tx::Abort;
use crate::types::{JsonText, Ts};

/// The row of a key.
macro_rules! of_key {
    ($caller:expr, $key:expr) => {
        keys::table
            .filter(keys::caller.eq(stored_text(&$caller)))
            .filter(keys::idempotency_key.eq($key.as_str()))
    };
}

/// The row of a claim that still holds.
macro_rules! held {
    ($claim:expr) => {
        of_key!($claim.caller, $claim.key).filter(keys::claim.eq($claim.token.to_string()))
    };
}

/// What is known under a key, with the present instant by the store's clock.
#[derive(Queryable)]
struct KeyRow {
    id: i64,
    method: String,
    path: String,
    body_sha256: String,
    claimed_until: Ts,
    kept_until: Ts,
    job_id: Option<String>,
    status: Option<i32>,
    headers: Option<JsonText>,
    body: Option<Vec<u8>>,
    now: Ts,
}

impl KeyRow {
    /// What a second claim comes to; `None` when it is granted.
    fn standing(self, request: &KeyedRequest) -> Result<Option<Claimed>, StoreError> {
        let row = RowId {
            table: "idempotency_keys",
            id: request.key.as_str(),
        };
        if self.kept_until <= self.now {
            return Ok(None);
        }
        let is_same = self.method == request.method
            && self.path == request.path
            && self.body_sha256 == request.body_sha256;
        if !is_same {
            let (method, path) = (self.method, self.path);
            return Ok(Some(Claimed::Reused { method, path }));
        }
        if let Some(status) = self.status {
            let answer = StoredAnswer {
                status: row.number("status", i64::from(status))?,
                headers: row.json("headers", &row.present("headers", self.headers)?)?,
                body: row.present("body", self.body)?,
            };
            return Ok(Some(Claimed::Answered(answer)));
        }
        if let Some(job_id) = self.job_id {
            return Ok(Some(Claimed::Started(row.parse("job_id", &job_id)?)));
        }
        let left = self.claimed_until.instant() - self.now.instant();
        let lapses_in: Duration = left.to_std().unwrap_or_default();
        Ok((!lapses_in.is_zero()).then_some(Claimed::UnderWay { lapses_in }))
    }
}

#[async_trait]
impl IdempotencyKeys for Database {
    async fn claim_key(
        &self,
        request: &KeyedRequest,
        token: Uuid,
        terms: KeyTerms,
    ) -> Result<Claimed, StoreError> {
        let caller = stored_text(&request.caller);
        let granted = || {
            Claimed::Granted(KeyClaim {
                caller: caller.clone(),
                key: request.key.clone(),
                token,
            })
        };
        let columns = (
            keys::method.eq(&request.method),
            keys::path.eq(&request.path),
            keys::body_sha256.eq(&request.body_sha256),
            keys::claim.eq(token.to_string()),
            keys::claimed_until.eq(self.after(terms.lapse_after)),
            keys::kept_until.eq(self.after(terms.keep_for)),
        );
        self.write("idempotency_keys", async |c: &mut Conn| {
            let place = (
                keys::caller.eq(&caller),
                keys::idempotency_key.eq(request.key.as_str()),
            );
            let inserted = diesel::insert_into(keys::table)
                .values((place, columns.clone()))
                .on_conflict_do_nothing()
                .execute(c)
                .await?;
            if inserted == 1 {
                return Ok(granted());
            }
            let known = of_key!(caller, request.key).select((
                keys::id,
                keys::method,
                keys::path,
                keys::body_sha256,
                keys::claimed_until,
                keys::kept_until,
                keys::job_id,
                keys::status,
                keys::headers,
                keys::body,
                self.now(),
            ));
            let known: Option<KeyRow> = locked!(known).first(c).await.optional()?;
            let Some(known) = known else {
                let gone = "the key was forgotten while it was claimed".to_owned();
                return Err(Abort::Refused(StoreError::Unavailable(gone)));
            };
            let id = known.id;
            if let Some(standing) = known.standing(request).map_err(Abort::Refused)? {
                return Ok(standing);
            }
            let emptied = (
                keys::job_id.eq(None::<String>),
                keys::status.eq(None::<i32>),
                keys::headers.eq(None::<JsonText>),
                keys::body.eq(None::<Vec<u8>>),
            );
            diesel::update(keys::table.find(id))
                .set((columns, emptied))
                .execute(c)
                .await?;
            Ok(granted())
        })
        .await
    }

    async fn start_once(&self, claim: &KeyClaim, job: NewJob) -> Result<JobId, StartOnceError> {
        let now = self.now();
        self.write("failover_jobs", async |c: &mut Conn| {
            let created = create_in(c, &job, now.clone()).await;
            let job_id = created.map_err(|abort| abort.map(StartOnceError::from))?;
            let noted = diesel::update(held!(claim))
                .set(keys::job_id.eq(job_id.as_str()))
                .execute(c)
                .await?;
            if noted == 0 {
                return Err(Abort::Refused(StartOnceError::ClaimLost(claim.key.clone())));
            }
            append(c, now, &job.audited(&job_id)).await?;
            Ok(job_id)
        })
        .await
    }

    async fn keep_answer(&self, claim: &KeyClaim, answer: &StoredAnswer) -> Result<bool, StoreError> {
        self.write("idempotency_keys", async |c: &mut Conn| {
            let kept = diesel::update(held!(claim))
                .set((
                    keys::status.eq(i32::from(answer.status)),
                    keys::headers.eq(JsonText::of(&answer.headers)),
                    keys::body.eq(&answer.body),
                ))
                .execute(c)
                .await?;
            Ok::<_, Abort<StoreError>>(kept == 1)
        })
        .await
    }

    async fn give_back_key(&self, claim: &KeyClaim) -> Result<(), StoreError> {
        self.write("idempotency_keys", async |c: &mut Conn| {
            let open = held!(claim)
                .filter(keys::status.is_null())
                .filter(keys::job_id.is_null());
            // Nothing is left to do where it does not hold any more.
            diesel::delete(open).execute(c).await?;
            Ok::<_, Abort<StoreError>>(())
        })
        .await
    }

    async fn forget_old_keys(&self, limit: usize) -> Result<usize, StoreError> {
        let old = keys::table.filter(keys::kept_until.le(self.now()));
        let oldest = old
            .clone()
            .order(keys::kept_until)
            .limit(stored_number(limit))
            .select(keys::id);
        let mut reader = self.reader().await?;
        let ids: Vec<i64> = oldest
            .load(&mut reader)
            .await
            .or_store_error("idempotency_keys")?;
        drop(reader);
        if ids.is_empty() {
            return Ok(0);
        }
        // One that was claimed anew meanwhile is not old any more.
        let still_old = old.filter(keys::id.eq_any(ids));
        self.write("idempotency_keys", async |c: &mut Conn| {
            Ok::<_, Abort<StoreError>>(diesel::delete(still_old).execute(c).await?)
        })
        .await
    }
}
