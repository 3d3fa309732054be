//! The vocabulary of OSSEA failover: ids, VM specifications, disks, statuses, readiness.
//!
//! Everything here is a plain value. There is no IO, no async, no database and no clock in this crate, so
//! that every other crate, and every foreign program that embeds them, can speak the same words.

pub mod attention;
pub mod disk;
pub mod ids;
pub mod inventory;
pub mod mapping;
pub mod nic;
pub mod readiness;
pub mod replica;
pub mod rollback;
pub mod status;
pub mod vm;
pub mod vm_name;
pub mod window;

pub use attention::{Attention, AttentionCode, Decision, Severity};
pub use disk::{Controller, DiskPosition, SourceDisk};
pub use ids::{
    AsyncJobId, CloudVmId, DiskOfferingId, IdError, JobId, NetworkId, NicId, OfferingId, RequestKey,
    SnapshotId, StoragePoolId, TemplateId, VmId, VmSnapshotId, VolumeId, ZoneId,
};
pub use mapping::{NetworkMapping, Purpose};
pub use nic::{MacAddress, SourceNic};
pub use readiness::{
    CheckStatus, CheckType, EstimateSource, EstimatedDuration, Finding, Readiness, ReadinessBand,
};
pub use replica::ReplicaVolume;
pub use rollback::{RollbackStrategy, StrategyRequest};
pub use status::{FailoverType, IllegalTransition, JobStatus, JobType};
pub use vm::{Firmware, MissingSpec, PowerState, Provenance, ShapeSpec, SourceVm, SyncState, VmSpec};
pub use window::{AtWindowEnd, TestWindow};
