//! The front door: readiness, the dry run, the start of jobs, and what comes after a completed live failover. The API is
//! a thin skin over this, and foreign programs use it directly.

mod estimate;
mod network;
mod readiness;
mod request;
mod settle;

use std::collections::BTreeMap;
use std::sync::Arc;

use failover_domain::{FailoverType, JobId, Readiness, VmId, VolumeId};
use failover_validation::{
    StrategyError, StrategyRefused, Subject, Target, assess, choose_strategy, free_destination_name,
};
use ossea::{OsseaClient, OsseaError};

use crate::clock::SharedClock;
use crate::plan::{Plan, PlanInput, PlanMistake, TestPlanInput, WarningPolicy, live_plan, test_plan};
use crate::ports::{CreateError, Inventory, JobStore, Mappings, NewJob, StoreError};

pub use network::{MapError, find_network, purpose_of};
pub use readiness::{FleetQuery, FleetReadiness, VmReadiness};
pub use request::{FailoverRequest, Wanted, WantedTest};
pub use settle::{SettleError, Settlement};

/// Why a failover does not start. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The inventory does not have the VM.
    #[error("source VM {0} is not in the inventory")]
    UnknownVm(VmId),
    /// The id belongs to a VM of another name.
    #[error("vm_name is {given:?}, but source VM {vm_id} is called {known:?}")]
    NameMismatch {
        /// The source VM.
        vm_id: VmId,
        /// The name in the request.
        given: String,
        /// The name in the inventory.
        known: String,
    },
    /// The source VM has an active job.
    #[error("source VM {vm_id} has the active job {job_id}")]
    Active {
        /// The source VM.
        vm_id: VmId,
        /// The job that runs.
        job_id: JobId,
    },
    /// A mapping of the request cannot be used.
    #[error("network_mappings[{source_network:?}] is {value:?}, {problem}")]
    Mapping {
        /// The key.
        source_network: String,
        /// The value.
        value: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
    /// The readiness rules say no.
    #[error("source VM {vm_id} is not ready: score {}", .readiness.readiness_score)]
    NotReady {
        /// The source VM.
        vm_id: VmId,
        /// The findings.
        readiness: Box<Readiness>,
    },
    /// The rollback strategy that was asked for cannot be had.
    #[error(transparent)]
    Strategy(StrategyRefused),
    /// Every name that the test VM could have is taken.
    #[error("every name that the test VM of {vm_name} could have is taken in the cloud")]
    NoFreeName {
        /// The source VM's name.
        vm_name: String,
    },
    /// No plan can be made.
    #[error(transparent)]
    Plan(#[from] PlanMistake),
    /// The cloud could not be asked.
    #[error(transparent)]
    Cloud(#[from] OsseaError),
    /// An object of the configuration does not exist in the cloud.
    #[error("{object} {id} of the configuration does not exist in the cloud")]
    MissingTarget {
        /// What kind of object.
        object: &'static str,
        /// Its id.
        id: String,
    },
    /// Persistence failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<StrategyError> for StartError {
    fn from(error: StrategyError) -> Self {
        match error {
            StrategyError::Refused(refused) => StartError::Strategy(refused),
            StrategyError::Cloud(error) => StartError::Cloud(error),
        }
    }
}

impl From<CreateError> for StartError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Active { vm_id, job_id } => StartError::Active { vm_id, job_id },
            CreateError::Settled { of, by } => StartError::Store(StoreError::Corrupt {
                table: "failover_jobs",
                column: "settled_by",
                id: of.to_string(),
                detail: format!("a failover was taken for a settlement of it, which is job {by}"),
            }),
            CreateError::Store(e) => StartError::Store(e),
        }
    }
}

/// A plan with the verdict that allowed it.
#[derive(Debug, Clone, PartialEq)]
pub struct DryRun {
    /// The plan.
    pub plan: Plan,
    /// The findings.
    pub readiness: Readiness,
}

/// Readiness, dry run and start.
#[derive(Clone)]
pub struct FailoverService {
    /// Jobs.
    pub jobs: Arc<dyn JobStore>,
    /// Source VMs.
    pub inventory: Arc<dyn Inventory>,
    /// Network mappings.
    pub mappings: Arc<dyn Mappings>,
    /// The cloud.
    pub cloud: Arc<dyn OsseaClient>,
    /// Where to.
    pub target: Target,
    /// The clock.
    pub clock: SharedClock,
}

impl FailoverService {
    /// The plan of a failover, and why it may start. Changes nothing.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn plan(&self, request: &FailoverRequest) -> Result<DryRun, StartError> {
        let planned = self.plan_as_things_are(request).await;
        // A job that began meanwhile is the reason for whatever was found, and says more than the findings.
        if let Err(
            StartError::NotReady { .. }
            | StartError::Plan(_)
            | StartError::Strategy(_)
            | StartError::NoFreeName { .. },
        ) = &planned
            && let Some(job_id) = self.jobs.active_job(&request.vm_id).await?
        {
            let vm_id = request.vm_id.clone();
            return Err(StartError::Active { vm_id, job_id });
        }
        planned
    }

    async fn plan_as_things_are(&self, request: &FailoverRequest) -> Result<DryRun, StartError> {
        let vm_id = &request.vm_id;
        let vm = self
            .inventory
            .vm(vm_id)
            .await?
            .ok_or_else(|| StartError::UnknownVm(vm_id.clone()))?;
        if let Some(given) = request
            .vm_name
            .as_ref()
            .filter(|n| **n != vm.name && **n != vm.display_name)
        {
            let (given, known) = (given.clone(), vm.name.clone());
            return Err(StartError::NameMismatch {
                vm_id: vm_id.clone(),
                given,
                known,
            });
        }
        if let Some(job_id) = self.jobs.active_job(vm_id).await? {
            return Err(StartError::Active {
                vm_id: vm_id.clone(),
                job_id,
            });
        }
        let failover = request.wanted.failover_type();
        let overlay = self
            .resolve_mappings(&request.network_mappings, purpose_of(failover))
            .await?;
        let strategy = request.wanted.strategy();
        let subject = self.subject(vm_id, failover, strategy, overlay).await?;
        let readiness = assess(&subject, &self.target, self.cloud.as_ref()).await;
        if !may_start(&readiness, request.warnings) {
            return Err(StartError::NotReady {
                vm_id: vm_id.clone(),
                readiness: Box::new(readiness),
            });
        }
        let plan = self.plan_of(&subject, request).await?;
        Ok(DryRun { plan, readiness })
    }

    /// Starts a failover: stores the job with its plan. A worker takes it up.
    ///
    /// # Errors
    /// [`StartError`]; then no job exists.
    pub async fn start(&self, request: &FailoverRequest) -> Result<JobId, StartError> {
        Ok(self.jobs.create(self.prepare(request).await?).await?)
    }

    /// The job that [`FailoverService::start`] would store, for callers that store it together with something of their
    /// own. Changes nothing.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn prepare(&self, request: &FailoverRequest) -> Result<NewJob, StartError> {
        Ok(NewJob {
            plan: self.plan(request).await?.plan,
            requested_by: request.requested_by.clone(),
            at: self.clock.now(),
        })
    }

    async fn plan_of(&self, subject: &Subject, request: &FailoverRequest) -> Result<Plan, StartError> {
        let vm = subject
            .vm
            .as_ref()
            .ok_or_else(|| StartError::UnknownVm(subject.vm_id.clone()))?;
        let missing = |object, id: &str| StartError::MissingTarget {
            object,
            id: id.to_owned(),
        };
        let target = &self.target;
        let offering = self.cloud.service_offering(&target.offering).await?;
        let offering = offering.ok_or_else(|| missing("service offering", target.offering.as_str()))?;
        let template = self.cloud.template(&target.template, &target.zone).await?;
        let template = template.ok_or_else(|| missing("template", target.template.as_str()))?;
        let mut volumes = BTreeMap::new();
        for volume in self.cloud.volumes_on(&target.oma_vm).await? {
            volumes.insert(volume.id.clone(), volume);
        }
        let common = PlanInput {
            vm,
            mappings: &subject.mappings,
            target,
            offering: &offering,
            template: &template,
            volumes: &volumes,
            boot: request.boot.clone(),
            warnings: request.warnings,
            now: self.clock.now(),
        };
        match &request.wanted {
            Wanted::Live { commit } => Ok(live_plan(common, *commit)?),
            Wanted::Test(test) => Ok(test_plan(self.test_input(common, test).await?)?),
        }
    }

    async fn test_input<'a>(
        &self,
        common: PlanInput<'a>,
        test: &WantedTest,
    ) -> Result<TestPlanInput<'a>, StartError> {
        let (cloud, zone) = (self.cloud.as_ref(), &self.target.zone);
        let replicas = common.vm.disks.iter().filter_map(|d| d.replica.as_ref());
        let replicas: Vec<VolumeId> = replicas.map(|r| r.volume_id.clone()).collect();
        let strategy = choose_strategy(cloud, zone, &replicas, test.strategy).await?;
        let vm_name = common.vm.name.clone();
        let name = free_destination_name(cloud, zone, &vm_name, FailoverType::Test).await?;
        let name = name.ok_or(StartError::NoFreeName { vm_name })?;
        Ok(TestPlanInput {
            common,
            name,
            strategy,
            window: test.window,
            at_window_end: test.at_window_end,
        })
    }
}

/// Whether a verdict allows a start under a policy for warnings. Critical failures never do.
pub fn may_start(readiness: &Readiness, warnings: WarningPolicy) -> bool {
    use failover_domain::CheckType;
    match warnings {
        WarningPolicy::Count => readiness.is_ready,
        WarningPolicy::Skip => readiness.failures().all(|f| f.check_type == CheckType::Warning),
    }
}

#[cfg(test)]
mod tests {
    use failover_domain::{CheckStatus, CheckType, Finding};
    use failover_validation::catalogue;

    use super::*;

    /// The verdict of all rules of a type, of which those that `fails` names failed.
    fn verdict(failover: FailoverType, fails: impl Fn(&str) -> bool) -> Readiness {
        let finding = |rule: failover_validation::RuleInfo| Finding {
            rule: rule.name.to_owned(),
            check_name: rule.check_name.to_owned(),
            check_type: rule.check_type,
            status: if fails(rule.name) {
                CheckStatus::Fail
            } else {
                CheckStatus::Pass
            },
            message: String::new(),
            details: serde_json::Value::Null,
            remedy: None,
            execution_time_ms: 0,
        };
        Readiness::from_findings(catalogue(failover).into_iter().map(finding).collect())
    }

    #[test]
    fn rules_that_protect_data_cannot_be_skipped() {
        for failover in [FailoverType::Live, FailoverType::Test] {
            for rule in catalogue(failover) {
                let verdict = verdict(failover, |name| name == rule.name);
                let is_warning = rule.check_type == CheckType::Warning;
                for warnings in [WarningPolicy::Count, WarningPolicy::Skip] {
                    assert_eq!(
                        may_start(&verdict, warnings),
                        is_warning,
                        "{failover} {}",
                        rule.name
                    );
                }
            }
        }
    }

    #[test]
    fn any_number_of_warnings_can_be_skipped() {
        let warnings: Vec<&str> = catalogue(FailoverType::Live)
            .into_iter()
            .filter(|rule| rule.check_type == CheckType::Warning)
            .map(|rule| rule.name)
            .collect();
        let all = verdict(FailoverType::Live, |name| warnings.contains(&name));
        assert!(
            !may_start(&all, WarningPolicy::Count),
            "score {}",
            all.readiness_score
        );
        assert!(may_start(&all, WarningPolicy::Skip));
    }
}
