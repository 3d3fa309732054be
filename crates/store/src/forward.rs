//! [`Store`] hands every call of the ports to the database that was opened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use failover_access::{
    Actor, ApiToken, AuditHead, AuditRow, NewToken, Revocation, StoredToken, TokenId, TokenPrefix, Tokens,
    TokensError,
};
use failover_domain::inventory::VmReport;
use failover_domain::{FailoverType, JobId, NetworkId, NetworkMapping, Purpose, SourceVm, VmId, VolumeId};
use failover_engine::idempotency::{
    Claimed, IdempotencyKeys, KeyClaim, KeyTerms, KeyedRequest, StartOnceError, StoredAnswer,
};
use failover_engine::looks::{ReadinessLook, ReadinessLooks};
use failover_engine::ports::{
    AppendError, AuditFilter, AuditTrail, Batch, ClaimedJob, ClearError, CreateError, Inventory, JobFilter,
    JobRecord, JobStore, Lease, LivingWorker, Mappings, NewJob, OpenRequest, PutError, PutOutcome,
    RequestOutcome, ResourceRow, ResyncMark, StoreError, VolumeRow, WorkerId, Workers,
};
use failover_engine::request::{JobRequest, StoredRequest};
use failover_engine::{Plan, StoredEvent};
use uuid::Uuid;

use crate::Store;

#[async_trait]
impl JobStore for Store {
    async fn create(&self, job: NewJob) -> Result<JobId, CreateError> {
        self.backend.create(job).await
    }

    async fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
        self.backend.job(id).await
    }

    async fn plan(&self, id: &JobId) -> Result<Option<Plan>, StoreError> {
        self.backend.plan(id).await
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, StoreError> {
        self.backend.jobs(filter).await
    }

    async fn active_job(&self, vm: &VmId) -> Result<Option<JobId>, StoreError> {
        self.backend.active_job(vm).await
    }

    async fn events(&self, id: &JobId, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.backend.events(id, after, limit).await
    }

    async fn volumes(&self, id: &JobId) -> Result<Vec<VolumeRow>, StoreError> {
        self.backend.volumes(id).await
    }

    async fn resources(&self, id: &JobId) -> Result<Vec<ResourceRow>, StoreError> {
        self.backend.resources(id).await
    }

    async fn submit_request(
        &self,
        id: &JobId,
        by: &Actor,
        request: &JobRequest,
    ) -> Result<RequestOutcome, StoreError> {
        self.backend.submit_request(id, by, request).await
    }

    async fn requests(&self, id: &JobId) -> Result<Vec<StoredRequest>, StoreError> {
        self.backend.requests(id).await
    }

    async fn due_settlements(&self, limit: usize) -> Result<Vec<JobRecord>, StoreError> {
        self.backend.due_settlements(limit).await
    }

    async fn renew_worker(&self, worker: &WorkerId, lease: Duration) -> Result<(), StoreError> {
        self.backend.renew_worker(worker, lease).await
    }

    async fn claim(&self, worker: &WorkerId, limit: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        self.backend.claim(worker, limit).await
    }

    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), AppendError> {
        self.backend.append(lease, batch).await
    }

    async fn open_requests(&self, worker: &WorkerId) -> Result<Vec<OpenRequest>, StoreError> {
        self.backend.open_requests(worker).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.backend.release(lease).await
    }

    async fn retire_worker(&self, worker: &WorkerId) -> Result<(), StoreError> {
        self.backend.retire_worker(worker).await
    }
}

#[async_trait]
impl Inventory for Store {
    async fn put_vm(&self, report: &VmReport, at: DateTime<Utc>, by: &Actor) -> Result<PutOutcome, PutError> {
        self.backend.put_vm(report, at, by).await
    }

    async fn vm(&self, id: &VmId) -> Result<Option<SourceVm>, StoreError> {
        self.backend.vm(id).await
    }

    async fn vms_named(&self, name: &str) -> Result<Vec<SourceVm>, StoreError> {
        self.backend.vms_named(name).await
    }

    async fn vms(&self, after: Option<&VmId>, limit: usize) -> Result<Vec<SourceVm>, StoreError> {
        self.backend.vms(after, limit).await
    }

    async fn mark_resync(&self, volume: &VolumeId, mark: ResyncMark) -> Result<bool, StoreError> {
        self.backend.mark_resync(volume, mark).await
    }

    async fn clear_quarantine(
        &self,
        vm: &VmId,
        volume: &VolumeId,
        by: &Actor,
        reason: &str,
    ) -> Result<bool, ClearError> {
        self.backend.clear_quarantine(vm, volume, by, reason).await
    }
}

#[async_trait]
impl Mappings for Store {
    async fn mappings(&self, vm: &VmId) -> Result<Vec<NetworkMapping>, StoreError> {
        self.backend.mappings(vm).await
    }

    async fn mappings_of_many(
        &self,
        vms: &[VmId],
    ) -> Result<BTreeMap<VmId, Vec<NetworkMapping>>, StoreError> {
        self.backend.mappings_of_many(vms).await
    }

    async fn users(
        &self,
        purpose: Purpose,
        networks: &BTreeSet<NetworkId>,
    ) -> Result<BTreeMap<NetworkId, VmId>, StoreError> {
        self.backend.users(purpose, networks).await
    }

    async fn put_mappings(&self, mappings: &[(VmId, NetworkMapping)], by: &Actor) -> Result<(), StoreError> {
        self.backend.put_mappings(mappings, by).await
    }

    async fn delete_mapping(
        &self,
        vm: &VmId,
        source_network: &str,
        purpose: Purpose,
        by: &Actor,
    ) -> Result<bool, StoreError> {
        self.backend.delete_mapping(vm, source_network, purpose, by).await
    }
}

#[async_trait]
impl AuditTrail for Store {
    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        self.backend.audit(filter).await
    }

    async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        self.backend.audit_head().await
    }
}

#[async_trait]
impl Tokens for Store {
    async fn create_token(&self, token: &NewToken, by: &Actor) -> Result<ApiToken, TokensError> {
        self.backend.create_token(token, by).await
    }

    async fn tokens(&self) -> Result<Vec<ApiToken>, TokensError> {
        self.backend.tokens().await
    }

    async fn revoke_token(
        &self,
        id: &TokenId,
        at: DateTime<Utc>,
        by: &Actor,
    ) -> Result<Revocation, TokensError> {
        self.backend.revoke_token(id, at, by).await
    }

    async fn token_of_prefix(&self, prefix: &TokenPrefix) -> Result<Option<StoredToken>, TokensError> {
        self.backend.token_of_prefix(prefix).await
    }

    async fn note_use(&self, id: &TokenId, at: DateTime<Utc>) -> Result<(), TokensError> {
        self.backend.note_use(id, at).await
    }
}

#[async_trait]
impl Workers for Store {
    async fn living_workers(&self) -> Result<Vec<LivingWorker>, StoreError> {
        self.backend.living_workers().await
    }
}

#[async_trait]
impl IdempotencyKeys for Store {
    async fn claim_key(
        &self,
        request: &KeyedRequest,
        token: Uuid,
        terms: KeyTerms,
    ) -> Result<Claimed, StoreError> {
        self.backend.claim_key(request, token, terms).await
    }

    async fn start_once(&self, claim: &KeyClaim, job: NewJob) -> Result<JobId, StartOnceError> {
        self.backend.start_once(claim, job).await
    }

    async fn keep_answer(&self, claim: &KeyClaim, answer: &StoredAnswer) -> Result<bool, StoreError> {
        self.backend.keep_answer(claim, answer).await
    }

    async fn give_back_key(&self, claim: &KeyClaim) -> Result<(), StoreError> {
        self.backend.give_back_key(claim).await
    }

    async fn forget_old_keys(&self, limit: usize) -> Result<usize, StoreError> {
        self.backend.forget_old_keys(limit).await
    }
}

#[async_trait]
impl ReadinessLooks for Store {
    async fn last_looks(
        &self,
        failover: FailoverType,
        vms: &[VmId],
    ) -> Result<BTreeMap<VmId, ReadinessLook>, StoreError> {
        self.backend.last_looks(failover, vms).await
    }

    async fn put_looks(&self, looks: &[ReadinessLook]) -> Result<(), StoreError> {
        self.backend.put_looks(looks).await
    }
}
