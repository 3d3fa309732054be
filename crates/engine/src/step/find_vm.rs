//! Finding the destination VM: by id once it is known, else by exact name **and** our mark. A VM that merely
//! has the name is never adopted.

use failover_domain::JobId;
use ossea::{CloudVm, DeployVm, OsseaClient, OsseaError};

use crate::plan::Plan;
use crate::state::JobState;

/// The destination VM of a job, if the cloud shows it.
pub(crate) async fn find_vm(
    cloud: &dyn OsseaClient,
    job_id: &JobId,
    plan: &Plan,
    state: &JobState,
) -> Result<Option<CloudVm>, OsseaError> {
    match &state.vm {
        Some(id) => cloud.vm(id).await,
        None => {
            let named = cloud.vms_named(&plan.vm.name).await?;
            Ok(named.into_iter().find(|vm| is_ours(vm, job_id)))
        }
    }
}

/// Whether a VM carries the mark of the job.
pub(crate) fn is_ours(vm: &CloudVm, job_id: &JobId) -> bool {
    vm.details
        .get(DeployVm::MARK_DETAIL)
        .is_some_and(|mark| mark == job_id.as_str())
}
