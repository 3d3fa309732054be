//! The trait through which everything else sees the cloud.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use failover_domain::{
    AsyncJobId, CloudVmId, NetworkId, OfferingId, RequestKey, SnapshotId, TemplateId, VmSnapshotId, VolumeId,
    ZoneId,
};

use crate::command::{Accepted, Command};
use crate::error::OsseaError;
use crate::model::{
    Capabilities, CloudVm, JobReport, Network, ResourceLimit, ServiceOffering, Snapshot, StoragePool,
    Template, VmSnapshot, Volume, Zone,
};
use crate::urgency::{Circuit, Priority};

/// An Apache CloudStack cloud.
///
/// # Guarantees of an implementation
/// * A read changes nothing and may be repeated. `None` means that the cloud answered and shows no such
///   object; it never means that the cloud did not answer.
/// * [`submit`](OsseaClient::submit) has a command executed **at most once**: it never repeats a request whose first
///   attempt may have been processed. Repeating is the caller's decision, who looks first. A request that was
///   certainly not processed may be sent again, within the time for which the first one was valid.
/// * A value that the implementation does not know (a new state, a new type) arrives as `Other` with its text.
///
/// # Errors
/// Every method may fail with every [`OsseaError`]; each variant says what the caller may conclude.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait OsseaClient: Send + Sync {
    /// Sends a command under a key that the caller has stored before. The key becomes the id of the cloud's
    /// async job (`customjobid`). Acceptance says nothing about success.
    async fn submit(&self, key: &RequestKey, command: &Command) -> Result<Accepted, OsseaError>;

    /// The same for a caller whose right to send the command may end: its lease on a job, for instance.
    ///
    /// `entitled_at` is when the caller last knew that it had the right, by the clock that the client was built with. The
    /// request is valid from that instant on, not from now: a process that was stopped in between, for however long, and
    /// that sends its command when somebody else has taken over, is not listened to. The client's settings say how long
    /// a request is valid.
    ///
    /// # Errors
    /// [`OsseaError::Unreachable`] when that time has passed already; nothing was sent then.
    async fn submit_as_of(
        &self,
        entitled_at: DateTime<Utc>,
        key: &RequestKey,
        command: &Command,
    ) -> Result<Accepted, OsseaError>;

    /// Asks how an async job fares.
    async fn job(&self, id: &AsyncJobId) -> Result<JobReport, OsseaError>;

    /// The unfinished async jobs that the caller may see. A job that is missing here has ended or never was.
    async fn pending_jobs(&self) -> Result<Vec<AsyncJobId>, OsseaError>;

    /// A VM by id.
    async fn vm(&self, id: &CloudVmId) -> Result<Option<CloudVm>, OsseaError>;

    /// The VMs whose host name is exactly `name`, with their details.
    async fn vms_named(&self, name: &str) -> Result<Vec<CloudVm>, OsseaError>;

    /// All VMs that the caller may see (all pages).
    async fn vms(&self) -> Result<Vec<CloudVm>, OsseaError>;

    /// A volume by id.
    async fn volume(&self, id: &VolumeId) -> Result<Option<Volume>, OsseaError>;

    /// The volumes attached to a VM, in no particular order.
    async fn volumes_on(&self, vm: &CloudVmId) -> Result<Vec<Volume>, OsseaError>;

    /// All volumes that the caller may see (all pages).
    async fn volumes(&self) -> Result<Vec<Volume>, OsseaError>;

    /// The snapshots of a volume, in any state but destroyed.
    async fn snapshots_of(&self, volume: &VolumeId) -> Result<Vec<Snapshot>, OsseaError>;

    /// All volume snapshots that the caller may see (all pages), in any state but destroyed.
    async fn snapshots(&self) -> Result<Vec<Snapshot>, OsseaError>;

    /// A snapshot by id.
    async fn snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, OsseaError>;

    /// The snapshots of a VM, in any state but removed.
    async fn vm_snapshots_of(&self, vm: &CloudVmId) -> Result<Vec<VmSnapshot>, OsseaError>;

    /// A VM snapshot by id.
    async fn vm_snapshot(&self, id: &VmSnapshotId) -> Result<Option<VmSnapshot>, OsseaError>;

    /// A network by id.
    async fn network(&self, id: &NetworkId) -> Result<Option<Network>, OsseaError>;

    /// All networks of a zone that the caller may see.
    async fn networks(&self, zone: &ZoneId) -> Result<Vec<Network>, OsseaError>;

    /// A zone by id.
    async fn zone(&self, id: &ZoneId) -> Result<Option<Zone>, OsseaError>;

    /// All zones that the caller may see.
    async fn zones(&self) -> Result<Vec<Zone>, OsseaError>;

    /// All service offerings that the caller may use.
    async fn service_offerings(&self) -> Result<Vec<ServiceOffering>, OsseaError>;

    /// All templates that the caller may deploy in a zone.
    async fn templates(&self, zone: &ZoneId) -> Result<Vec<Template>, OsseaError>;

    /// A service offering by id.
    async fn service_offering(&self, id: &OfferingId) -> Result<Option<ServiceOffering>, OsseaError>;

    /// A template by id, as it is in `zone`.
    async fn template(&self, id: &TemplateId, zone: &ZoneId) -> Result<Option<Template>, OsseaError>;

    /// The primary storage pools of a zone. [`OsseaError::Unauthorized`] for everybody but root admins.
    async fn storage_pools(&self, zone: &ZoneId) -> Result<Vec<StoragePool>, OsseaError>;

    /// What the caller's account may have at most.
    async fn resource_limits(&self) -> Result<Vec<ResourceLimit>, OsseaError>;

    /// How far the cloud's clock is ahead of ours, as measured with the last answer. `None` before the first answer,
    /// and where there is nothing to measure.
    fn clock_skew(&self) -> Option<TimeDelta>;

    /// The same cloud, asked with another urgency. Connections, limits and measurements are shared.
    fn with_priority(&self, priority: Priority) -> Arc<dyn OsseaClient>;

    /// Whether new work should begin. While it is open, an implementation holds back commands of the way there and answers
    /// them with [`OsseaError::Unreachable`]; those of the way back always go out.
    fn circuit(&self) -> Circuit;

    /// Version and settings of the cloud.
    async fn capabilities(&self) -> Result<Capabilities, OsseaError>;
}
