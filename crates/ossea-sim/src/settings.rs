//! What kind of CloudStack the simulator pretends to be.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A release line whose rules differ from the others'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Profile {
    /// 4.18 to 4.20: no snapshots of volumes of running VMs unless switched on.
    #[serde(rename = "4.18")]
    V4_18,
    /// 4.21: file-based VM snapshots, the setting still off.
    #[serde(rename = "4.21")]
    V4_21,
    /// 4.22: the setting is on.
    #[default]
    #[serde(rename = "4.22")]
    V4_22,
}

impl Profile {
    /// The version that `listCapabilities` tells.
    pub fn version(self) -> &'static str {
        match self {
            Profile::V4_18 => "4.18.2.5",
            Profile::V4_21 => "4.21.0.0",
            Profile::V4_22 => "4.22.1.0",
        }
    }

    /// What a new installation has for `kvm.snapshot.enabled` and `kvm.vmstoragesnapshot.enabled`. One that was upgraded
    /// keeps what it had.
    fn kvm_snapshots(self) -> KvmSnapshots {
        match self {
            Profile::V4_18 | Profile::V4_21 => KvmSnapshots::Disabled,
            Profile::V4_22 => KvmSnapshots::Enabled,
        }
    }

    /// Whether VM snapshots can be made of files on top of each other.
    pub(crate) fn snapshots_vms_by_files(self) -> bool {
        match self {
            Profile::V4_18 => false,
            Profile::V4_21 | Profile::V4_22 => true,
        }
    }

    /// Whether VMs and volumes can be protected from deletion (from 4.20 on).
    pub(crate) fn protects_from_deletion(self) -> bool {
        match self {
            Profile::V4_18 => false,
            Profile::V4_21 | Profile::V4_22 => true,
        }
    }

    /// The word of the release for a virtual machine in error texts.
    pub fn wording(self) -> Wording {
        match self {
            Profile::V4_18 | Profile::V4_21 => Wording::Vm,
            Profile::V4_22 => Wording::Instance,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Profile::V4_18 => "4.18",
            Profile::V4_21 => "4.21",
            Profile::V4_22 => "4.22",
        })
    }
}

/// A text that names no [`Profile`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the profile is {0:?}, allowed are 4.18, 4.21 and 4.22")]
pub struct UnknownProfile(String);

impl FromStr for Profile {
    type Err = UnknownProfile;
    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        match text {
            "4.18" => Ok(Profile::V4_18),
            "4.21" => Ok(Profile::V4_21),
            "4.22" => Ok(Profile::V4_22),
            other => Err(UnknownProfile(other.to_owned())),
        }
    }
}

/// The word for a virtual machine in error texts. It changed between releases, and not monotonically, which is
/// why nobody may decide on texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wording {
    /// "VM".
    Vm,
    /// "Instance".
    Instance,
}

impl Wording {
    /// The word for a VM snapshot.
    pub(crate) fn vm_snapshot(self) -> &'static str {
        match self {
            Wording::Vm => "VM snapshot",
            Wording::Instance => "Instance Snapshot",
        }
    }
}

impl fmt::Display for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wording::Vm => "VM",
            Wording::Instance => "Instance",
        })
    }
}

/// What the caller's account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    #[default]
    RootAdmin,
    /// Own objects only; internal errors are masked, destroyed VMs hidden, expunging needs a setting.
    User,
}

/// Whether plain users may expunge VMs (`allow.user.expunge.recover.vm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserExpunge {
    /// They may not, the default of CloudStack.
    #[default]
    Denied,
    /// They may.
    Allowed,
}

/// Whether a kind of snapshots of running VMs is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvmSnapshots {
    /// It is.
    Enabled,
    /// It is not.
    Disabled,
}

/// A limit of calls (`api.throttling.max` in `api.throttling.interval`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiLimit {
    /// The most calls of an account in an interval.
    pub max: u32,
    /// The length of an interval.
    pub interval_seconds: u32,
}

/// Whether changes must be sent by POST, and every request must expire within 15 minutes. Releases before 4.21 do not
/// know the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostEnforcement {
    /// Nobody asks, the default of CloudStack.
    #[default]
    Off,
    /// They must.
    On,
}

/// Whether plain users may force a stop (`allow.user.force.stop.vm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserForceStop {
    /// They may not.
    Denied,
    /// They may, the default of CloudStack.
    #[default]
    Allowed,
}

/// How long the work of each command takes at scale 1, in seconds. The defaults are the times of
/// a production site, and those of the published baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is the work that it names")]
pub struct Durations {
    pub deploy: f64,
    pub start: f64,
    pub stop: f64,
    pub reboot: f64,
    pub destroy: f64,
    pub expunge: f64,
    pub attach: f64,
    pub attach_to_running: f64,
    pub detach: f64,
    pub detach_root: f64,
    pub delete_volume: f64,
    /// Of a snapshot.
    pub create_volume: f64,
    /// To another pool.
    pub migrate_volume: f64,
    pub create_snapshot: f64,
    pub revert_snapshot: f64,
    pub delete_snapshot: f64,
    pub create_vm_snapshot: f64,
    pub revert_vm_snapshot: f64,
    pub delete_vm_snapshot: f64,
    pub change_nic: f64,
    /// From Running until a guest that does not boot is off again.
    pub boot: f64,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            deploy: 20.0,
            start: 20.0,
            stop: 15.0,
            reboot: 20.0,
            destroy: 12.0,
            expunge: 10.0,
            attach: 5.0,
            attach_to_running: 6.0,
            detach: 5.0,
            detach_root: 4.0,
            delete_volume: 1.0,
            create_volume: 30.0,
            migrate_volume: 120.0,
            create_snapshot: 60.0,
            revert_snapshot: 30.0,
            delete_snapshot: 10.0,
            create_vm_snapshot: 8.0,
            revert_vm_snapshot: 15.0,
            delete_vm_snapshot: 10.0,
            change_nic: 5.0,
            boot: 5.0,
        }
    }
}

/// Everything that is not contents.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SimSettings {
    /// The release.
    pub profile: Profile,
    /// The word for a virtual machine.
    pub wording: Wording,
    /// The caller's role.
    pub role: Role,
    /// Whether users may expunge.
    pub user_expunge: UserExpunge,
    /// Whether users may force a stop.
    pub user_force_stop: UserForceStop,
    /// Snapshots of the volumes of running VMs (`kvm.snapshot.enabled`).
    pub volume_snapshots: KvmSnapshots,
    /// VM snapshots that are made of volume snapshots (`kvm.vmstoragesnapshot.enabled`).
    pub vm_snapshots_by_volume: KvmSnapshots,
    /// How many calls an account may make (`api.throttling.*`); root admins are exempt. Off by default, as in
    /// CloudStack.
    pub throttling: Option<ApiLimit>,
    /// Whether changes must be sent by POST (`enforce.post.requests.and.timestamps`).
    pub post_enforcement: PostEnforcement,
    /// The seed of ids, MAC addresses and probable faults.
    pub seed: u64,
    /// Every duration is multiplied by it; 0 makes all work instantaneous.
    pub latency_scale: f64,
    /// How long work takes at scale 1.
    pub durations: Durations,
}

impl Default for SimSettings {
    fn default() -> Self {
        Self::of(Profile::default())
    }
}

impl SimSettings {
    /// The defaults of a release: root admin, real durations.
    pub fn of(profile: Profile) -> Self {
        Self {
            profile,
            wording: profile.wording(),
            role: Role::default(),
            user_expunge: UserExpunge::default(),
            user_force_stop: UserForceStop::default(),
            volume_snapshots: profile.kvm_snapshots(),
            vm_snapshots_by_volume: profile.kvm_snapshots(),
            throttling: None,
            post_enforcement: PostEnforcement::default(),
            seed: 0,
            latency_scale: 1.0,
            durations: Durations::default(),
        }
    }

    /// Whether volumes of running VMs may be snapshotted.
    pub(crate) fn snapshots_running_vms(&self) -> bool {
        self.volume_snapshots == KvmSnapshots::Enabled
    }

    /// Whether the release knows POST enforcement, and has it on.
    #[cfg(feature = "http")]
    pub(crate) fn enforces_post(&self) -> bool {
        match (self.profile, self.post_enforcement) {
            (Profile::V4_18, PostEnforcement::On | PostEnforcement::Off) => false,
            (Profile::V4_21 | Profile::V4_22, post_enforcement) => post_enforcement == PostEnforcement::On,
        }
    }

    /// The same with another scale.
    pub fn scaled(self, latency_scale: f64) -> Self {
        Self {
            latency_scale,
            ..self
        }
    }

    /// How long work of `seconds` takes. A scale or duration that is no duration counts as 0.
    pub(crate) fn time(&self, seconds: f64) -> chrono::TimeDelta {
        let scaled = Duration::try_from_secs_f64(seconds * self.latency_scale).unwrap_or_default();
        chrono::TimeDelta::from_std(scaled).unwrap_or(chrono::TimeDelta::MAX)
    }
}
