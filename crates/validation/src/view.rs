//! What the rules see: the subject, the target, and the cloud.

use failover_domain::SourceVm;
use ossea::{CloudVm, DeployVm};

use crate::reading::CloudReading;
use crate::subject::{Subject, Target};

/// The subject, the target and the cloud.
pub(crate) struct View<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) target: &'a Target,
    pub(crate) cloud: &'a CloudReading<'a>,
}

impl<'a> View<'a> {
    /// The source VM, where the inventory has it.
    pub(crate) fn vm(&self) -> Option<&'a SourceVm> {
        self.subject.vm.as_ref()
    }
}

/// The failover job that made a VM, as the VM's mark says.
pub(crate) fn made_by(vm: &CloudVm) -> Option<&str> {
    vm.details.get(DeployVm::MARK_DETAIL).map(String::as_str)
}

/// What to do about something that job `maker` has made or moved: whoever tidies it up by hand may lose a replica.
pub(crate) fn leave_to(maker: &str, subject: &Subject) -> String {
    if subject
        .active_job
        .as_ref()
        .is_some_and(|job| job.as_str() == maker)
    {
        return format!("Wait for job {maker} to end; touch nothing of it by hand.");
    }
    format!(
        "Look at it first: failoverctl jobs show {maker}. A completed live failover is rolled back or kept, a test that is \
         open is ended; touch nothing of it by hand."
    )
}
