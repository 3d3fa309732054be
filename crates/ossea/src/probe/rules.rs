//! What follows from a probe: pure functions. What they say about the cloud is cited from `cloudstack-api.md`.

use serde::{Deserialize, Serialize};

use super::{CloudProbe, CloudVersion, Fact, NotTold, ReleaseLine};
use crate::model::{PoolKind, StoragePool, Volume};

/// A difference between the clocks that a person should know of. CloudStack allows no skew in `expires` (section
/// 1.3); ours is corrected, but logs and certificates are not.
pub const NOTABLE_SKEW_MS: u64 = 60_000;

/// What a VM snapshot of a **stopped** VM's disks meets (section 4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StoppedVmSnapshot {
    /// The file-based strategy takes it, unless the VM has volume snapshots, a memory snapshot or a backup
    /// offering; then it fails in the job and leaves a row that blocks attaching and detaching.
    FileBased,
    /// It is accepted and then fails in the job, leaving a row that blocks attaching and detaching.
    FailsInJob,
    /// It is refused at once: no strategy.
    Refused,
    /// The storage has a strategy of its own, which was not verified (section 8).
    StoragesOwn,
    /// Nothing is known about this release or storage.
    NotKnown,
}

/// How a VM snapshot of a stopped VM fares whose volumes are all on pools of this kind.
pub fn stopped_vm_snapshot(version: &CloudVersion, pool: &PoolKind) -> StoppedVmSnapshot {
    let line = version.line();
    let is_known = match line {
        ReleaseLine::V4_18To4_20 | ReleaseLine::V4_21 | ReleaseLine::V4_22 | ReleaseLine::Newer => true,
        ReleaseLine::Older | ReleaseLine::Unreadable => false,
    };
    match pool {
        _ if !is_known => StoppedVmSnapshot::NotKnown,
        PoolKind::NetworkFilesystem | PoolKind::SharedMountPoint | PoolKind::Filesystem => match line {
            ReleaseLine::V4_21 | ReleaseLine::V4_22 | ReleaseLine::Newer => StoppedVmSnapshot::FileBased,
            ReleaseLine::V4_18To4_20 | ReleaseLine::Older | ReleaseLine::Unreadable => {
                StoppedVmSnapshot::FailsInJob
            }
        },
        PoolKind::Rbd => StoppedVmSnapshot::Refused,
        PoolKind::Other(word) => match word.as_str() {
            "StorPool" | "PowerFlex" => StoppedVmSnapshot::StoragesOwn,
            "Linstor" if is_from(version, 4, 19) => StoppedVmSnapshot::StoragesOwn,
            _ => StoppedVmSnapshot::NotKnown,
        },
    }
}

/// The pool that a volume is on, where both are told.
pub fn pool_of<'a>(probe: &'a CloudProbe, volume: &Volume) -> Option<&'a StoragePool> {
    pool_among(probe.storage_pools.value()?, volume)
}

/// The one of `pools` that a volume is on. Old releases tell users the pool's name only; one that several pools have tells
/// nothing.
pub fn pool_among<'a>(pools: &'a [StoragePool], volume: &Volume) -> Option<&'a StoragePool> {
    match (&volume.pool, &volume.storage) {
        (Some(id), _) => pools.iter().find(|pool| pool.id == *id),
        (None, Some(name)) => {
            let mut named = pools.iter().filter(|pool| pool.name == *name);
            named.next().filter(|_| named.next().is_none())
        }
        (None, None) => None,
    }
}

/// Whether a volume of this pool can become the root of a VM or stop being it: not on managed storage (section
/// 4.3, step 8).
pub fn swaps_roots(pool: &StoragePool) -> Fact<bool> {
    pool.managed
        .map_or(Fact::NotTold(NotTold::ByRelease), |managed| Fact::told(!managed))
}

/// How many requests a second our account may send at least; `None` is without limit (section 2.5).
pub fn requests_per_second(probe: &CloudProbe) -> Option<u32> {
    probe
        .api_limit
        .map(|limit| limit.requests / limit.interval_seconds.max(1))
}

/// Whether the clocks differ so much that a person should know.
pub fn is_notable_skew(milliseconds: i64) -> bool {
    milliseconds.unsigned_abs() > NOTABLE_SKEW_MS
}

fn is_from(version: &CloudVersion, major: u32, minor: u32) -> bool {
    let first = super::VersionNumbers::first_of(major, minor);
    version.numbers().is_some_and(|numbers| numbers >= first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vm_snapshots_of_stopped_vms_depend_on_release_and_storage() {
        use StoppedVmSnapshot::{FailsInJob, FileBased, NotKnown, Refused, StoragesOwn};
        let other = |word: &str| PoolKind::Other(word.to_owned());
        for (version, nfs, rbd, linstor) in [
            ("4.17.0.0", NotKnown, NotKnown, NotKnown),
            ("4.18.2.5", FailsInJob, Refused, NotKnown),
            ("4.20.3.0", FailsInJob, Refused, StoragesOwn),
            ("4.21.0.0", FileBased, Refused, StoragesOwn),
            ("4.22.1.0", FileBased, Refused, StoragesOwn),
            ("4.23.0.0", FileBased, Refused, StoragesOwn),
            ("new", NotKnown, NotKnown, NotKnown),
        ] {
            let version = CloudVersion::from(version.to_owned());
            let meets = |pool: &PoolKind| stopped_vm_snapshot(&version, pool);
            for files in [
                PoolKind::NetworkFilesystem,
                PoolKind::SharedMountPoint,
                PoolKind::Filesystem,
            ] {
                assert_eq!(meets(&files), nfs, "{version}");
            }
            assert_eq!(meets(&PoolKind::Rbd), rbd, "{version}");
            assert_eq!(meets(&other("Linstor")), linstor, "{version}");
            assert_eq!(meets(&other("Tape")), NotKnown, "{version}");
        }
    }

    #[test]
    fn a_skew_is_notable_in_both_directions() {
        assert!(is_notable_skew(60_001) && is_notable_skew(-60_001));
        assert!(!is_notable_skew(60_000) && !is_notable_skew(-1));
    }
}
