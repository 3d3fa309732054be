//! What people are needed for.

use failover_domain::{Attention, JobId, JobStatus, JobType, VmId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An open attention with the job that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttentionView {
    /// The job.
    pub job_id: JobId,
    /// The source VM.
    pub vm_id: VmId,
    /// The source VM's name.
    pub source_vm_name: String,
    /// What the job does.
    pub job_type: JobType,
    /// Where the job is in its sequence; attentions may outlive their job.
    pub status: JobStatus,
    /// Where the job is shown.
    pub job_url: String,
    /// The attention.
    #[serde(flatten)]
    pub attention: Attention,
}

/// A page of open attentions, those of the newest jobs first. All attentions of one job are on one page, which may
/// therefore be a little longer than asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttentionPage {
    /// The attentions.
    pub attention: Vec<AttentionView>,
    /// Given as `cursor`, it asks for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<JobId>,
}
