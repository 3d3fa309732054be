//! Readiness of one source VM, of one inside its job, and of many at once.

use std::collections::{BTreeMap, BTreeSet};

use failover_domain::{
    FailoverType, Finding, JobId, JobStatus, NetworkId, NetworkMapping, Purpose, Readiness, RollbackStrategy,
    SourceVm, StrategyRequest, VmId,
};
use failover_validation::{ReadinessPart, Subject, assess, assess_many, assess_part};
use ossea::Priority;

use super::estimate::add_estimate;
use super::network::networks_for;
use super::{FailoverService, purpose_of};
use crate::plan::{Plan, PlannedNic};
use crate::ports::{JobFilter, StoreError};

/// How many active jobs are read at once.
const JOBS_AT_ONCE: usize = 500;

/// Which source VMs a look over many is for: a page of the inventory, ordered by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetQuery {
    /// For which kind of failover.
    pub failover: FailoverType,
    /// Only source VMs after this one.
    pub after: Option<VmId>,
    /// At most so many.
    pub limit: usize,
}

/// The verdicts over a page of the inventory.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetReadiness {
    /// One source VM after the other, ordered by id.
    pub vms: Vec<VmReadiness>,
    /// The last one of the page, when the inventory has more after it.
    pub next: Option<VmId>,
}

/// The verdict over one source VM of many.
#[derive(Debug, Clone, PartialEq)]
pub struct VmReadiness {
    /// The source VM.
    pub vm_id: VmId,
    /// Its name.
    pub name: String,
    /// The verdict.
    pub readiness: Readiness,
}

/// What a subject is made of beside the source VM itself.
struct Surroundings {
    failover: FailoverType,
    strategy: StrategyRequest,
    /// All stored mappings of the source VM.
    stored: Vec<NetworkMapping>,
    /// Mappings of the request, which win over stored ones.
    overlay: BTreeMap<String, NetworkMapping>,
    active_job: Option<JobId>,
}

impl FailoverService {
    /// The verdict over a source VM with its stored mappings. An unknown VM is a finding, not an error.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked; a silent cloud is a finding.
    pub async fn readiness(&self, vm_id: &VmId, failover: FailoverType) -> Result<Readiness, StoreError> {
        let subject = self
            .subject(vm_id, failover, StrategyRequest::Auto, BTreeMap::new())
            .await?;
        let mut verdict = assess(&subject, &self.target, self.cloud.as_ref()).await;
        let history = self.step_history(failover).await?;
        add_estimate(&mut verdict, subject.vm.as_ref(), failover, &history);
        Ok(verdict)
    }

    /// What the rules of one part of readiness find of a source VM with its stored mappings. It is no verdict.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked; a silent cloud is a finding.
    pub async fn readiness_part(
        &self,
        vm_id: &VmId,
        failover: FailoverType,
        part: ReadinessPart,
    ) -> Result<Vec<Finding>, StoreError> {
        let subject = self
            .subject(vm_id, failover, StrategyRequest::Auto, BTreeMap::new())
            .await?;
        Ok(assess_part(&subject, &self.target, self.cloud.as_ref(), part).await)
    }

    /// The verdict inside a job: the mappings are those of the plan, and the job itself is no obstacle.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked; a silent cloud is a finding.
    pub async fn readiness_for_job(
        &self,
        plan: &Plan,
        failover: FailoverType,
        job_id: &JobId,
    ) -> Result<Readiness, StoreError> {
        let mapping = |nic: &PlannedNic| {
            let mapping = NetworkMapping {
                source_network: nic.source_network.clone(),
                purpose: purpose_of(failover),
                network_id: nic.network.clone(),
                network_name: nic.network_name.clone(),
            };
            (nic.source_network.clone(), mapping)
        };
        let overlay = plan.vm.nics.iter().map(mapping).collect();
        let strategy = match plan.test().map(|test| test.strategy) {
            Some(RollbackStrategy::VmSnapshot) => StrategyRequest::VmSnapshot,
            Some(RollbackStrategy::VolumeSnapshots) => StrategyRequest::VolumeSnapshots,
            None => StrategyRequest::Auto,
        };
        let mut subject = self.subject(&plan.vm_id, failover, strategy, overlay).await?;
        subject.active_job = subject.active_job.filter(|active| active != job_id);
        Ok(assess(&subject, &self.target, self.cloud.as_ref()).await)
    }

    /// The verdicts over many source VMs with their stored mappings. The cloud is asked after everything that belongs to
    /// a job; the number of its calls and of the database's does not grow with the number of VMs.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked; a silent cloud is a finding of each VM.
    pub async fn readiness_of_many(&self, query: &FleetQuery) -> Result<FleetReadiness, StoreError> {
        // One more than asked for tells whether there is a next page.
        let mut vms = self
            .inventory
            .vms(query.after.as_ref(), query.limit.saturating_add(1))
            .await?;
        let has_more = vms.len() > query.limit;
        vms.truncate(query.limit);
        let next = vms.last().filter(|_| has_more).map(|vm| vm.vm_id.clone());
        let subjects = self.subjects(vms, query.failover).await?;
        let cloud = self.cloud.with_priority(Priority::Background);
        let verdicts = assess_many(&subjects, &self.target, cloud.as_ref()).await;
        let history = self.step_history(query.failover).await?;
        let told = |(subject, mut readiness): (Subject, Readiness)| {
            add_estimate(&mut readiness, subject.vm.as_ref(), query.failover, &history);
            VmReadiness {
                name: subject.vm.map(|vm| vm.name).unwrap_or_default(),
                vm_id: subject.vm_id,
                readiness,
            }
        };
        let vms = subjects.into_iter().zip(verdicts).map(told).collect();
        Ok(FleetReadiness { vms, next })
    }

    pub(super) async fn subject(
        &self,
        vm_id: &VmId,
        failover: FailoverType,
        strategy: StrategyRequest,
        overlay: BTreeMap<String, NetworkMapping>,
    ) -> Result<Subject, StoreError> {
        let around = Surroundings {
            failover,
            strategy,
            stored: self.mappings.mappings(vm_id).await?,
            overlay,
            active_job: self.jobs.active_job(vm_id).await?,
        };
        let vm = self.inventory.vm(vm_id).await?;
        let users = self.mappings.users(Purpose::Production, &around.used()).await?;
        Ok(around.subject(vm_id.clone(), vm, &users))
    }

    /// The subjects of many source VMs, with a few questions to the database for all of them.
    async fn subjects(&self, vms: Vec<SourceVm>, failover: FailoverType) -> Result<Vec<Subject>, StoreError> {
        let ids: Vec<VmId> = vms.iter().map(|vm| vm.vm_id.clone()).collect();
        let mut stored = self.mappings.mappings_of_many(&ids).await?;
        let mut active = self.active_jobs().await?;
        let with_surroundings = |vm: SourceVm| {
            let around = Surroundings {
                failover,
                strategy: StrategyRequest::Auto,
                stored: stored.remove(&vm.vm_id).unwrap_or_default(),
                overlay: BTreeMap::new(),
                active_job: active.remove(&vm.vm_id),
            };
            (vm, around)
        };
        let vms: Vec<(SourceVm, Surroundings)> = vms.into_iter().map(with_surroundings).collect();
        let used = vms.iter().flat_map(|(_, around)| around.used()).collect();
        let users = self.mappings.users(Purpose::Production, &used).await?;
        let subject =
            |(vm, around): (SourceVm, Surroundings)| around.subject(vm.vm_id.clone(), Some(vm), &users);
        Ok(vms.into_iter().map(subject).collect())
    }

    async fn active_jobs(&self) -> Result<BTreeMap<VmId, JobId>, StoreError> {
        let mut active = BTreeMap::new();
        let mut filter = JobFilter {
            statuses: JobStatus::ACTIVE.to_vec(),
            limit: JOBS_AT_ONCE,
            ..JobFilter::default()
        };
        loop {
            let page = self.jobs.jobs(&filter).await?;
            let is_last = page.len() < JOBS_AT_ONCE;
            filter.after = page.last().map(|job| job.job_id.clone());
            active.extend(page.into_iter().map(|job| (job.vm_id, job.job_id)));
            if is_last {
                return Ok(active);
            }
        }
    }
}

impl Surroundings {
    /// The mappings that apply.
    fn mappings(&self) -> BTreeMap<String, NetworkMapping> {
        let purpose = purpose_of(self.failover);
        let stored = self.stored.iter().filter(|m| m.purpose == purpose).cloned();
        let mut mappings: BTreeMap<String, NetworkMapping> =
            stored.map(|m| (m.source_network.clone(), m)).collect();
        mappings.extend(self.overlay.clone());
        mappings
    }

    /// The networks of the mappings that apply.
    fn used(&self) -> BTreeSet<NetworkId> {
        self.mappings().into_values().map(|m| m.network_id).collect()
    }

    /// `users` may know of more networks than this source VM uses.
    fn subject(self, vm_id: VmId, vm: Option<SourceVm>, users: &BTreeMap<NetworkId, VmId>) -> Subject {
        let used = self.used();
        let own = networks_for(Purpose::Production, &self.stored);
        let whose = |network: &NetworkId| {
            let user = if own.contains(network) {
                Some(&vm_id)
            } else {
                users.get(network)
            };
            user.map(|user| (network.clone(), user.clone()))
        };
        let production_networks = used.iter().filter_map(whose).collect();
        Subject {
            failover: self.failover,
            vm,
            mappings: self.mappings(),
            marked_networks: networks_for(Purpose::Test, &self.stored),
            production_networks,
            strategy: self.strategy,
            active_job: self.active_job,
            vm_id,
        }
    }
}
