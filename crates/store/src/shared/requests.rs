//! What operators ask of jobs: stored in the order in which it comes, and brought to the worker until it has heard it.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use failover_access::Actor;
use failover_domain::JobId;
use failover_engine::ports::{OpenRequest, RequestOutcome, StoreError, WorkerId};
use failover_engine::request::{JobRequest, StoredRequest};

use super::audit::append;
use super::database::{Database, OrStoreError};
use super::dialect::{Conn, locked};
use super::job_rows::RequestRow;
use super::leases::active;
use super::schema::{failover_jobs, failover_requests};
use crate::row::{RowId, stored_text};
use crate::tx::Abort;
use crate::types::JsonText;

impl Database {
    /// Stores a request under the lock of its job's row: whoever asks at the same time waits for the next number, and
    /// the batch that would end the job waits to be refused.
    pub(super) async fn note_request(
        &self,
        id: &JobId,
        by: &Actor,
        request: &JobRequest,
    ) -> Result<RequestOutcome, StoreError> {
        let (now, name) = (self.now(), stored_text(&by.name));
        let is_cancel = *request == JobRequest::Cancel;
        self.write("failover_requests", async |c: &mut Conn| {
            let job = failover_jobs::table.find(id.as_str());
            let last = job
                .filter(active())
                .select((failover_jobs::last_request, failover_jobs::vm_id));
            let last: Option<(i64, String)> = locked!(last).get_result(c).await.optional()?;
            let Some((last, vm)) = last else {
                return refusal(c, id).await;
            };
            if is_cancel && let Some(number) = first_cancel(c, id).await? {
                return noted(id, number);
            }
            let number = last + 1;
            diesel::insert_into(failover_requests::table)
                .values((
                    failover_requests::job_id.eq(id.as_str()),
                    failover_requests::number.eq(number),
                    failover_requests::requested_by.eq(&name),
                    failover_requests::requested_at.eq(now.clone()),
                    failover_requests::kind.eq(request.as_str()),
                    failover_requests::request.eq(JsonText::of(request)),
                ))
                .execute(c)
                .await?;
            diesel::update(job)
                .set((
                    failover_jobs::last_request.eq(number),
                    is_cancel.then(|| failover_jobs::cancel_requested_by.eq(&name)),
                    failover_jobs::updated_at.eq(now.clone()),
                ))
                .execute(c)
                .await?;
            let row = RowId {
                table: "failover_jobs",
                id: id.as_str(),
            };
            let vm = row.parse("vm_id", &vm).map_err(Abort::Refused)?;
            append(c, now, &request.entry(by, id, vm)).await?;
            noted(id, number)
        })
        .await
    }

    pub(super) async fn requests_of(&self, id: &JobId) -> Result<Vec<StoredRequest>, StoreError> {
        let mut c = self.reader().await?;
        let rows: Vec<RequestRow> = failover_requests::table
            .filter(failover_requests::job_id.eq(id.as_str()))
            .order(failover_requests::number)
            .select(RequestRow::as_select())
            .load(&mut c)
            .await
            .or_store_error("failover_requests")?;
        rows.into_iter().map(|row| Ok(row.into_open()?.request)).collect()
    }

    pub(super) async fn unheard_of(&self, worker: &WorkerId) -> Result<Vec<OpenRequest>, StoreError> {
        let mut c = self.reader().await?;
        let rows: Vec<RequestRow> = failover_requests::table
            .inner_join(failover_jobs::table)
            .filter(failover_jobs::owner.eq(worker.as_str()))
            .filter(failover_requests::number.gt(failover_jobs::heard_requests))
            .order((failover_requests::job_id, failover_requests::number))
            .select(RequestRow::as_select())
            .load(&mut c)
            .await
            .or_store_error("failover_requests")?;
        // A request that cannot be read, perhaps of a later release, keeps no other from being heard. Its own job cannot
        // end before a worker that understands it has heard it.
        let readable = |row: RequestRow| {
            row.into_open()
                .inspect_err(|error| tracing::error!(%error, "A request cannot be read."))
                .ok()
        };
        Ok(rows.into_iter().filter_map(readable).collect())
    }
}

/// Why there is no active job of that id.
async fn refusal(c: &mut Conn, id: &JobId) -> Result<RequestOutcome, Abort<StoreError>> {
    let job = failover_jobs::table.find(id.as_str());
    let found: Option<String> = job.select(failover_jobs::job_id).first(c).await.optional()?;
    Ok(match found {
        Some(_) => RequestOutcome::AlreadyEnded,
        None => RequestOutcome::NoSuchJob,
    })
}

/// The number of the request to cancel, if there is one. The job's own column does not tell: the previous release
/// notes a cancel there and nowhere else.
async fn first_cancel(c: &mut Conn, id: &JobId) -> QueryResult<Option<i64>> {
    failover_requests::table
        .filter(failover_requests::job_id.eq(id.as_str()))
        .filter(failover_requests::kind.eq(JobRequest::Cancel.as_str()))
        .order(failover_requests::number)
        .select(failover_requests::number)
        .first(c)
        .await
        .optional()
}

fn noted(id: &JobId, number: i64) -> Result<RequestOutcome, Abort<StoreError>> {
    let row = RowId {
        table: "failover_requests",
        id: id.as_str(),
    };
    let number = row.number("number", number).map_err(Abort::Refused)?;
    Ok(RequestOutcome::Noted { number })
}
