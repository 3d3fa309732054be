//! Rows of the job tables, and the values they stand for.

use diesel::prelude::*;
use failover_domain::{JobId, JobStatus};
use failover_engine::event::Event;
use failover_engine::ports::{
    Batch, Custody, JobProjection, JobRecord, NewJob, OpenRequest, ResourceRow, StoreError, VolumeRow,
    WorkerId,
};
use failover_engine::request::{JobRequest, StoredRequest};
use failover_engine::{Plan, StoredEvent};

use super::schema::{
    failover_events, failover_jobs, failover_plans, failover_requests, failover_resources, failover_volumes,
};
use crate::row::{RowId, stored_number, stored_text, word_of};
use crate::types::{JsonText, Ts};

/// The columns that follow from a job's journal.
#[derive(Debug, Insertable, AsChangeset)]
#[diesel(table_name = failover_jobs, treat_none_as_null = true)]
pub(super) struct ProjectionColumns {
    status: String,
    progress: f64,
    is_returning: bool,
    current_steps: JsonText,
    attention: JsonText,
    failure: Option<JsonText>,
    error_message: Option<String>,
    ossea_snapshot_id: Option<String>,
    destination_vm_id: Option<String>,
    test_window: Option<JsonText>,
    heard_requests: i64,
    settle_at: Option<Ts>,
    started_at: Option<Ts>,
    completed_at: Option<Ts>,
}
impl From<&JobProjection> for ProjectionColumns {
    fn from(projection: &JobProjection) -> Self {
        Self {
            status: projection.status.as_str().to_owned(),
            progress: projection.progress,
            is_returning: projection.returning,
            current_steps: JsonText::of(&projection.current_steps),
            attention: JsonText::of(&projection.attention),
            failure: projection.failure.as_ref().map(JsonText::of),
            error_message: projection.failure.as_ref().map(|f| stored_text(&f.message)),
            ossea_snapshot_id: projection.ossea_snapshot_id.as_ref().map(ToString::to_string),
            destination_vm_id: projection.destination_vm_id.as_ref().map(ToString::to_string),
            test_window: projection.window.as_ref().map(JsonText::of),
            heard_requests: stored_number(projection.heard),
            settle_at: projection.settle_at.map(Ts::from),
            started_at: projection.started_at.map(Ts::from),
            completed_at: projection.completed_at.map(Ts::from),
        }
    }
}

/// A new row of `failover_jobs`.
#[derive(Debug, Insertable)]
#[diesel(table_name = failover_jobs)]
pub(super) struct NewJobRow {
    job_id: String,
    vm_id: String,
    job_type: String,
    source_vm_name: String,
    requested_by: String,
    created_at: Ts,
    updated_at: Ts,
    last_seq: i64,
    #[diesel(embed)]
    projection: ProjectionColumns,
}
impl NewJobRow {
    pub(super) fn new(job_id: &JobId, job: &NewJob, opening: &Batch) -> Self {
        Self {
            job_id: job_id.to_string(),
            vm_id: job.plan.vm_id.to_string(),
            job_type: job.plan.job_type.as_str().to_owned(),
            source_vm_name: stored_text(&job.plan.source_vm_name),
            requested_by: stored_text(&job.requested_by.name),
            created_at: job.at.into(),
            updated_at: job.at.into(),
            last_seq: opening.events.last().map_or(0, |e| stored_number(e.seq)),
            projection: (&opening.projection).into(),
        }
    }
}

/// A row of `failover_jobs`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = failover_jobs)]
pub(super) struct JobRow {
    job_id: String,
    vm_id: String,
    job_type: String,
    status: String,
    source_vm_name: String,
    ossea_snapshot_id: Option<String>,
    destination_vm_id: Option<String>,
    created_at: Ts,
    updated_at: Ts,
    completed_at: Option<Ts>,
    requested_by: String,
    progress: f64,
    is_returning: bool,
    current_steps: JsonText,
    attention: JsonText,
    failure: Option<JsonText>,
    cancel_requested_by: Option<String>,
    started_at: Option<Ts>,
    last_seq: i64,
    owner: Option<String>,
    epoch: i64,
    test_window: Option<JsonText>,
    heard_requests: i64,
    settle_at: Option<Ts>,
    settled_by: Option<String>,
}
impl JobRow {
    pub(super) fn into_record(self) -> Result<JobRecord, StoreError> {
        let row = RowId {
            table: "failover_jobs",
            id: &self.job_id,
        };
        let status: JobStatus = row.parse("status", &self.status)?;
        if status.is_final() && self.owner.is_some() {
            return Err(row.corrupt("owner", format!("a worker owns the job, which is {status}")));
        }
        Ok(JobRecord {
            job_id: row.parse("job_id", &self.job_id)?,
            vm_id: row.parse("vm_id", &self.vm_id)?,
            job_type: row.parse("job_type", &self.job_type)?,
            projection: JobProjection {
                status,
                progress: self.progress,
                returning: self.is_returning,
                current_steps: row.json("current_steps", &self.current_steps)?,
                attention: row.json("attention", &self.attention)?,
                failure: self
                    .failure
                    .as_ref()
                    .map(|f| row.json("failure", f))
                    .transpose()?,
                ossea_snapshot_id: row.parse_opt("ossea_snapshot_id", self.ossea_snapshot_id.as_deref())?,
                destination_vm_id: row.parse_opt("destination_vm_id", self.destination_vm_id.as_deref())?,
                window: self
                    .test_window
                    .as_ref()
                    .map(|w| row.json("test_window", w))
                    .transpose()?,
                heard: row.number("heard_requests", self.heard_requests)?,
                settle_at: self.settle_at.map(Ts::instant),
                started_at: self.started_at.map(Ts::instant),
                completed_at: self.completed_at.map(Ts::instant),
            },
            settled_by: row.parse_opt("settled_by", self.settled_by.as_deref())?,
            last_seq: row.number("last_seq", self.last_seq)?,
            epoch: row.number("epoch", self.epoch)?,
            requested_by: self.requested_by,
            source_vm_name: self.source_vm_name,
            cancel_requested_by: self.cancel_requested_by,
            created_at: self.created_at.instant(),
            updated_at: self.updated_at.instant(),
            owner: self.owner.map(WorkerId::from_stored),
        })
    }
}

/// A row of `failover_plans`.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = failover_plans)]
pub(super) struct PlanRow {
    pub(super) job_id: String,
    plan: JsonText,
}
impl PlanRow {
    pub(super) fn new(job_id: &JobId, plan: &Plan) -> Self {
        Self {
            job_id: job_id.to_string(),
            plan: JsonText::of(plan),
        }
    }

    pub(super) fn into_plan(self) -> Result<Plan, StoreError> {
        RowId {
            table: "failover_plans",
            id: &self.job_id,
        }
        .json("plan", &self.plan)
    }
}

/// A row of `failover_events`.
#[derive(Debug, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = failover_events)]
pub(super) struct EventRow {
    pub(super) job_id: String,
    pub(super) seq: i64,
    at: Ts,
    event: JsonText,
}
impl EventRow {
    pub(super) fn new(job_id: &JobId, stored: &StoredEvent) -> Self {
        Self {
            job_id: job_id.to_string(),
            seq: stored_number(stored.seq),
            at: stored.at.into(),
            event: JsonText::of(&stored.event),
        }
    }

    pub(super) fn into_event(self) -> Result<StoredEvent, StoreError> {
        let id = format!("{}/{}", self.job_id, self.seq);
        let row = RowId {
            table: "failover_events",
            id: &id,
        };
        let event: Event = row.json("event", &self.event)?;
        Ok(StoredEvent {
            seq: row.number("seq", self.seq)?,
            at: self.at.instant(),
            event,
        })
    }
}

/// A row of `failover_volumes`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = failover_volumes, primary_key(job_id, disk), treat_none_as_null = true)]
pub(super) struct VolumeColumns {
    job_id: String,
    disk: i64,
    volume_id: String,
    oma_device: i64,
    destination_device: i64,
    custody: String,
    device: Option<i64>,
    dirty: bool,
    snapshot_id: Option<String>,
}
impl VolumeColumns {
    pub(super) fn new(job_id: &JobId, row: &VolumeRow) -> Self {
        Self {
            job_id: job_id.to_string(),
            disk: stored_number(row.disk),
            volume_id: row.volume.to_string(),
            oma_device: row.oma_device.into(),
            destination_device: row.destination_device.into(),
            custody: row.custody.as_str().to_owned(),
            device: row.custody.device().map(Into::into),
            dirty: row.dirty,
            snapshot_id: row.snapshot.as_ref().map(ToString::to_string),
        }
    }

    pub(super) fn into_row(self) -> Result<VolumeRow, StoreError> {
        let id = format!("{}/{}", self.job_id, self.disk);
        let row = RowId {
            table: "failover_volumes",
            id: &id,
        };
        let device = self.device.map(|d| row.number("device", d)).transpose()?;
        let custody = match (self.custody.as_str(), device) {
            ("oma", Some(device)) => Custody::Oma { device },
            ("destination", Some(device)) => Custody::Destination { device },
            ("detached", None) => Custody::Detached,
            (other, device) => {
                return Err(row.corrupt("custody", format!("it is {other:?} with the device {device:?}")));
            }
        };
        Ok(VolumeRow {
            disk: row.number("disk", self.disk)?,
            volume: row.parse("volume_id", &self.volume_id)?,
            oma_device: row.number("oma_device", self.oma_device)?,
            destination_device: row.number("destination_device", self.destination_device)?,
            custody,
            dirty: self.dirty,
            snapshot: row.parse_opt("snapshot_id", self.snapshot_id.as_deref())?,
        })
    }
}

/// A row of `failover_resources`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = failover_resources, primary_key(job_id, kind, name), treat_none_as_null = true)]
pub(super) struct ResourceColumns {
    job_id: String,
    kind: String,
    name: String,
    cloud_id: Option<String>,
    state: String,
}
impl ResourceColumns {
    pub(super) fn new(job_id: &JobId, row: &ResourceRow) -> Self {
        Self {
            job_id: job_id.to_string(),
            kind: word_of(&row.kind),
            name: row.name.clone(),
            cloud_id: row.cloud_id.clone(),
            state: word_of(&row.state),
        }
    }

    pub(super) fn into_row(self) -> Result<ResourceRow, StoreError> {
        let id = format!("{}/{}/{}", self.job_id, self.kind, self.name);
        let row = RowId {
            table: "failover_resources",
            id: &id,
        };
        Ok(ResourceRow {
            kind: row.word("kind", &self.kind)?,
            state: row.word("state", &self.state)?,
            name: self.name,
            cloud_id: self.cloud_id,
        })
    }
}

/// A row of `failover_requests`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = failover_requests)]
pub(super) struct RequestRow {
    job_id: String,
    number: i64,
    requested_by: String,
    requested_at: Ts,
    kind: String,
    request: JsonText,
}
impl RequestRow {
    pub(super) fn into_open(self) -> Result<OpenRequest, StoreError> {
        let id = format!("{}/{}", self.job_id, self.number);
        let row = RowId {
            table: "failover_requests",
            id: &id,
        };
        let request: JobRequest = row.json("request", &self.request)?;
        if request.as_str() != self.kind {
            let both = format!("it is {:?}, and the request is {}", self.kind, request.as_str());
            return Err(row.corrupt("kind", both));
        }
        Ok(OpenRequest {
            job_id: row.parse("job_id", &self.job_id)?,
            request: StoredRequest {
                number: row.number("number", self.number)?,
                by: self.requested_by,
                at: self.requested_at.instant(),
                request,
            },
        })
    }
}
