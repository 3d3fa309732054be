//! Settings of the simulated cloud that do not go with its release alone.

use ossea_sim::SimSettings;
use ossea_sim::settings::{KvmSnapshots, UserExpunge, UserForceStop, Wording};

/// What the cloud's administrator has set, by the names that CloudStack has for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Switches {
    /// The word for a virtual machine in error texts [default: as the release has it].
    #[arg(long, value_parser = wording, value_name = "vm|instance")]
    wording: Option<Wording>,
    /// Whether plain users may expunge and recover VMs [default: false].
    #[arg(long, value_name = "BOOLEAN")]
    allow_user_expunge_recover_vm: Option<bool>,
    /// Whether plain users may force a stop [default: true].
    #[arg(long, value_name = "BOOLEAN")]
    allow_user_force_stop_vm: Option<bool>,
    /// Whether volumes of running VMs may be snapshotted; an upgraded 4.22 keeps false [default: as the release has it].
    #[arg(long, value_name = "BOOLEAN")]
    kvm_snapshot_enabled: Option<bool>,
    /// Whether snapshots of VMs may be made of snapshots of their volumes [default: as the release has it].
    #[arg(long, value_name = "BOOLEAN")]
    kvm_vmstoragesnapshot_enabled: Option<bool>,
}

impl Switches {
    /// Its flags: none of them goes with a cloud that is loaded.
    pub(crate) const FLAGS: [&str; 5] = [
        "wording",
        "allow_user_expunge_recover_vm",
        "allow_user_force_stop_vm",
        "kvm_snapshot_enabled",
        "kvm_vmstoragesnapshot_enabled",
    ];

    /// The settings with what was given on top.
    pub(crate) fn on_top_of(&self, settings: SimSettings) -> SimSettings {
        let user_expunge = self.allow_user_expunge_recover_vm.map(|may| match may {
            true => UserExpunge::Allowed,
            false => UserExpunge::Denied,
        });
        let user_force_stop = self.allow_user_force_stop_vm.map(|may| match may {
            true => UserForceStop::Allowed,
            false => UserForceStop::Denied,
        });
        SimSettings {
            wording: self.wording.unwrap_or(settings.wording),
            user_expunge: user_expunge.unwrap_or(settings.user_expunge),
            user_force_stop: user_force_stop.unwrap_or(settings.user_force_stop),
            volume_snapshots: self
                .kvm_snapshot_enabled
                .map_or(settings.volume_snapshots, kvm_snapshots),
            vm_snapshots_by_volume: self
                .kvm_vmstoragesnapshot_enabled
                .map_or(settings.vm_snapshots_by_volume, kvm_snapshots),
            ..settings
        }
    }
}

fn kvm_snapshots(are_enabled: bool) -> KvmSnapshots {
    match are_enabled {
        true => KvmSnapshots::Enabled,
        false => KvmSnapshots::Disabled,
    }
}

fn wording(text: &str) -> Result<Wording, String> {
    match text {
        "vm" => Ok(Wording::Vm),
        "instance" => Ok(Wording::Instance),
        _ => Err("wanted is vm or instance".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_given_changes_a_setting() {
        let release = SimSettings::default();
        assert_eq!(Switches::default().on_top_of(release), release);
        let switches = Switches {
            wording: Some(Wording::Vm),
            allow_user_expunge_recover_vm: Some(true),
            allow_user_force_stop_vm: Some(false),
            kvm_snapshot_enabled: Some(false),
            kvm_vmstoragesnapshot_enabled: Some(false),
        };
        let expected = SimSettings {
            wording: Wording::Vm,
            user_expunge: UserExpunge::Allowed,
            user_force_stop: UserForceStop::Denied,
            volume_snapshots: KvmSnapshots::Disabled,
            vm_snapshots_by_volume: KvmSnapshots::Disabled,
            ..release
        };
        assert_eq!(switches.on_top_of(release), expected);
    }
}
