//! What the account uses and may have at most (cloudstack-api.md sections 4.1, 4.6 and 4.14).

use super::account::ACCOUNT;
use super::error::ApiError;
use super::objects::{Vm, VmState};
use super::{Cloud, GIB};

/// What limits are set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Resource {
    Vms,
    Volumes,
    Snapshots,
    Cpus,
    MemoryMib,
    PrimaryStorageGib,
    SecondaryStorageGib,
}

impl Resource {
    /// All of them, by their numbers.
    pub const ALL: [Self; 7] = [
        Self::Vms,
        Self::Volumes,
        Self::Snapshots,
        Self::Cpus,
        Self::MemoryMib,
        Self::PrimaryStorageGib,
        Self::SecondaryStorageGib,
    ];

    /// CloudStack's number.
    pub fn number(self) -> u32 {
        match self {
            Self::Vms => 0,
            Self::Volumes => 2,
            Self::Snapshots => 3,
            Self::Cpus => 8,
            Self::MemoryMib => 9,
            Self::PrimaryStorageGib => 10,
            Self::SecondaryStorageGib => 11,
        }
    }

    /// The word that CloudStack writes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Vms => "user_vm",
            Self::Volumes => "volume",
            Self::Snapshots => "snapshot",
            Self::Cpus => "cpu",
            Self::MemoryMib => "memory",
            Self::PrimaryStorageGib => "primary_storage",
            Self::SecondaryStorageGib => "secondary_storage",
        }
    }

    /// The beginning of the names of its fields in `listAccounts`.
    pub fn account_field(self) -> &'static str {
        match self {
            Self::Vms => "vm",
            Self::Volumes => "volume",
            Self::Snapshots => "snapshot",
            Self::Cpus => "cpu",
            Self::MemoryMib => "memory",
            Self::PrimaryStorageGib => "primarystorage",
            Self::SecondaryStorageGib => "secondarystorage",
        }
    }
}

impl Cloud {
    /// At most so much; `None` is without limit.
    pub fn limit(&self, resource: Resource) -> Option<u64> {
        match resource {
            Resource::Vms => self.limits.vms,
            Resource::Volumes => self.limits.volumes,
            Resource::Snapshots => self.limits.snapshots,
            Resource::Cpus => self.limits.cpus,
            Resource::MemoryMib => self.limits.memory_mib,
            Resource::PrimaryStorageGib => self.limits.primary_storage_gib,
            Resource::SecondaryStorageGib => self.limits.secondary_storage_gib,
        }
    }

    /// How much is there.
    pub fn used(&self, resource: Resource) -> u64 {
        let vms = || self.vms.values().filter(|vm| counts(vm));
        match resource {
            Resource::Vms => vms().count() as u64,
            Resource::Volumes => self.volumes.values().len() as u64,
            Resource::Snapshots => self.snapshots.values().len() as u64,
            Resource::Cpus => vms().map(|vm| u64::from(vm.cpus)).sum(),
            Resource::MemoryMib => vms().map(|vm| u64::from(vm.memory_mib)).sum(),
            Resource::PrimaryStorageGib => gib(self.volumes.values().map(|volume| volume.size_bytes)),
            Resource::SecondaryStorageGib => gib(self.snapshots.values().map(|snapshot| snapshot.size_bytes)),
        }
    }

    /// Refuses what would be too much.
    pub(super) fn check_limits(&self, wanted: &[(Resource, u64)]) -> Result<(), ApiError> {
        for (resource, more) in wanted {
            let Some(limit) = self.limit(*resource) else {
                continue;
            };
            let used = self.used(*resource);
            if used.saturating_add(*more) > limit {
                return Err(ApiError::over_limit(format!(
                    "Maximum amount of resources of Type = '{}' for Account Name = '{ACCOUNT}' is exceeded: Account \
                     Resource Limit = {limit}, Current Account Resource Amount = {used}, Requested Resource Amount \
                     = {more}.",
                    resource.word()
                )));
            }
        }
        Ok(())
    }
}

fn counts(vm: &Vm) -> bool {
    match vm.state {
        VmState::Starting | VmState::Running | VmState::Stopping | VmState::Stopped | VmState::Error => true,
        VmState::Destroyed | VmState::Expunging => false,
    }
}

fn gib(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add).div_ceil(GIB)
}

/// The most GiB that a new volume may have: 1 PiB.
const MAX_VOLUME_GIB: u64 = 1 << 20;

/// The size that was asked for, if any storage could have it.
pub(super) fn possible_size(gib: u64) -> Result<u64, ApiError> {
    if gib > MAX_VOLUME_GIB {
        return Err(ApiError::invalid(format!(
            "The size of a volume is {gib} GB, allowed are at most {MAX_VOLUME_GIB} GB"
        )));
    }
    Ok(gib)
}
