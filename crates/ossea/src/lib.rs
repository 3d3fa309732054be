//! The cloud ("OSSEA") in our words: what we read of it, what we ask of it, and how its answers may fail.
//!
//! [`OsseaClient`] is the one door to Apache CloudStack. `cloudstack::CloudStackClient`, behind the feature `cloudstack`
//! that is on by default, is the real implementation over HTTP; the crate `ossea-sim` has an in-process one, and the suite
//! that tells whether an implementation of your own keeps the trait's promises; the feature `mock` offers a generated mock
//! for counting calls.
//!
//! Two kinds of harm are made impossible by types here: a replica volume can never be handed to a delete
//! command ([`ScratchRoot`]), and a VM can never be destroyed unless the cloud has just shown that no replica
//! hangs on it ([`EmptiedVm`]).

pub mod client;
mod clock;
#[cfg(feature = "cloudstack")]
pub mod cloudstack;
pub mod command;
pub mod discovery;
pub mod error;
pub mod model;
pub mod probe;
pub mod proof;
pub mod urgency;
pub mod waiting;

#[cfg(feature = "mock")]
pub use client::MockOsseaClient;
pub use client::OsseaClient;
pub use clock::Clock;
pub use command::{
    Accepted, Command, CustomSize, DeployVm, Manner, NicRequest, Repetition, StopMode, Tagged,
};
pub use discovery::{MacMatch, MacSearch, find_vm_by_mac};
pub use error::{ErrorClass, OsseaError, Refusal};
pub use model::{
    Attachment, Capabilities, CloudNic, CloudVm, JobReport, LimitedResource, Network, PoolKind, PoolScope,
    ResourceLimit, ServiceOffering, Snapshot, SnapshotState, StoragePool, Template, VmSnapshot,
    VmSnapshotKind, VmSnapshotState, VmState, Volume, VolumeKind, VolumeState, Zone,
};
pub use probe::{CloudProbe, CloudVersion, Fact, NotTold, ProbeCache, ReleaseLine};
pub use proof::{EmptiedVm, Protected, ScratchRoot};
pub use urgency::{Circuit, Priority};
pub use waiting::{JobWait, JobWatch, News, Origin, WatchSettings};
