//! The cloud's rows in the words of the `ossea` crate, and commands the other way round.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ossea::{
    Attachment, Capabilities, CloudNic, CloudVm, Command, DeployVm, JobReport, Network, OsseaError, Refusal,
    ServiceOffering, Template, VolumeKind, Zone,
};

use super::infrastructure;
use crate::cloud::command::{
    Accepted, AfterDeploy, ApiCommand, Backup, Deploy, DeploySource, Destroy, DestroyEnd, DetachTarget,
    NewVmSnapshot, NicSpec, Owner, Quiesce, SnapshotLocation, SnapshotMemory,
};
use crate::cloud::error::ApiError;
use crate::cloud::jobs::{Job, JobOutcome, JobResult, Phase};
use crate::cloud::objects::{
    Boot, Snapshot, SnapshotState, Vm, VmSnapshot, VmSnapshotState, VmSnapshotType, VmState, Volume,
    VolumeState, VolumeType,
};
use crate::cloud::{Cloud, GIB};
use crate::contents::{
    Allocation, NetworkContents, OfferingContents, PoolContents, TemplateContents, TemplateReadiness,
    ZoneContents,
};
use crate::settings::{Role, UserExpunge, UserForceStop};

/// The cloud's form of a command; one that it does not offer is answered like bad credentials.
pub(super) fn command(command: &Command) -> Result<ApiCommand, ApiError> {
    Ok(match command {
        Command::DeployVirtualMachine(vm) => ApiCommand::DeployVirtualMachine(Box::new(deploy(vm))),
        Command::StartVirtualMachine { vm } => ApiCommand::StartVirtualMachine { vm: vm.clone() },
        Command::StopVirtualMachine { vm, mode } => ApiCommand::StopVirtualMachine {
            vm: vm.clone(),
            mode: *mode,
        },
        Command::DestroyVirtualMachine { vm } => ApiCommand::DestroyVirtualMachine(Destroy {
            vm: vm.id().clone(),
            end: DestroyEnd::Expunged,
            volumes: Vec::new(),
        }),
        Command::ExpungeVirtualMachine { vm } => ApiCommand::ExpungeVirtualMachine { vm: vm.id().clone() },
        Command::RecoverVirtualMachine { vm } => ApiCommand::RecoverVirtualMachine { vm: vm.clone() },
        Command::AttachVolume { volume, vm, device } => ApiCommand::AttachVolume {
            volume: volume.clone(),
            vm: vm.clone(),
            device: *device,
        },
        Command::DetachVolume { volume } => ApiCommand::DetachVolume(DetachTarget::Volume(volume.clone())),
        Command::DeleteVolume { volume } => ApiCommand::DeleteVolume {
            volume: volume.id().clone(),
        },
        Command::CreateSnapshot { volume, name } => ApiCommand::CreateSnapshot {
            volume: volume.clone(),
            name: Some(name.clone()),
            quiesce: Quiesce::No,
            location: SnapshotLocation::Usual,
            backup: Backup::WithinJob,
            tags: BTreeMap::new(),
        },
        Command::RevertSnapshot { snapshot } => ApiCommand::RevertSnapshot {
            snapshot: snapshot.clone(),
        },
        Command::DeleteSnapshot { snapshot } => ApiCommand::DeleteSnapshot {
            snapshot: snapshot.clone(),
        },
        Command::CreateVmSnapshot {
            vm,
            name,
            description,
        } => ApiCommand::CreateVmSnapshot(NewVmSnapshot {
            vm: vm.clone(),
            name: Some(name.clone()),
            description: Some(description.clone()),
            memory: SnapshotMemory::LeftOut,
        }),
        Command::RevertToVmSnapshot { snapshot } => ApiCommand::RevertToVmSnapshot {
            snapshot: snapshot.clone(),
        },
        Command::DeleteVmSnapshot { snapshot } => ApiCommand::DeleteVmSnapshot {
            snapshot: snapshot.clone(),
        },
        Command::AddNic {
            vm,
            network,
            mac,
            address,
        } => ApiCommand::AddNicToVirtualMachine {
            vm: vm.clone(),
            nic: NicSpec {
                network: network.clone(),
                mac: mac.clone(),
                address: address.map(ipv4).transpose()?,
            },
        },
        Command::RemoveNic { vm, nic } => ApiCommand::RemoveNicFromVirtualMachine {
            vm: vm.clone(),
            nic: nic.clone(),
        },
        Command::UpdateDefaultNic { vm, nic } => ApiCommand::UpdateDefaultNicForVirtualMachine {
            vm: vm.clone(),
            nic: nic.clone(),
        },
        Command::CreateTags { on, tags } => infrastructure::create_tags(on, tags),
        Command::DeleteTags { on, keys } => infrastructure::delete_tags(on, keys),
    })
}

/// The cloud knows no other addresses, as the parameter `ipaddress` does not.
fn ipv4(address: IpAddr) -> Result<Ipv4Addr, ApiError> {
    match address {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(address) => Err(ApiError::invalid(format!("Invalid IPv4 address {address}"))),
    }
}

fn deploy(vm: &DeployVm) -> Deploy {
    let mut details = std::collections::BTreeMap::new();
    details.insert(DeployVm::MARK_DETAIL.to_owned(), vm.mark.clone());
    if let Some(size) = vm.custom_size {
        details.insert("cpuNumber".to_owned(), size.cpus.to_string());
        details.extend(
            size.cpu_speed_mhz
                .map(|speed| ("cpuSpeed".to_owned(), speed.to_string())),
        );
        details.insert("memory".to_owned(), size.memory_mib.to_string());
    }
    let boot = match (vm.firmware, vm.secure_boot) {
        (failover_domain::Firmware::Bios, _) => Boot::Bios,
        (failover_domain::Firmware::Uefi, false) => Boot::UefiLegacy,
        (failover_domain::Firmware::Uefi, true) => Boot::UefiSecure,
    };
    let nics = vm.nics.iter().map(|nic| NicSpec {
        network: nic.network.clone(),
        mac: nic.mac.clone(),
        address: None,
    });
    Deploy {
        name: Some(vm.name.clone()),
        display_name: Some(vm.display_name.clone()),
        zone: vm.zone.clone(),
        offering: vm.offering.clone(),
        source: DeploySource::Template(vm.template.clone()),
        data_disk: None,
        nics: nics.collect(),
        details,
        boot,
        root_disk_gib: None,
        after: AfterDeploy::LeaveStopped,
        custom_id: None,
        owner: Owner::default(),
        hypervisor: None,
    }
}

pub(super) fn accepted(accepted: Accepted) -> ossea::Accepted {
    match accepted {
        Accepted::Job { job, created } => ossea::Accepted::Job { job, created },
        Accepted::Done(_) => ossea::Accepted::Done,
    }
}

pub(super) fn error(error: ApiError) -> OsseaError {
    match error.code {
        401 => OsseaError::Unauthorized(error.text),
        429 => OsseaError::Throttled {
            retry_after: Duration::from_millis(error.retry_after_ms.unwrap_or(1000)),
        },
        503 => OsseaError::Busy(error.text),
        code => OsseaError::Refused(Refusal {
            code,
            text: error.text,
        }),
    }
}

pub(super) fn job(job: &Job) -> JobReport {
    let outcome = match &job.phase {
        Phase::Queued | Phase::Running { .. } => return JobReport::Pending,
        Phase::Ended { outcome, .. } => outcome,
    };
    match outcome {
        JobOutcome::Succeeded(result) => JobReport::Succeeded {
            object: match result {
                JobResult::Vm(vm) => Some(vm.id.to_string()),
                JobResult::Volume(volume) => Some(volume.id.to_string()),
                JobResult::Snapshot(snapshot) => Some(snapshot.id.to_string()),
                JobResult::VmSnapshot(snapshot) => Some(snapshot.id.to_string()),
                JobResult::Success => None,
            },
        },
        JobOutcome::Failed(error) => JobReport::Failed(Refusal {
            code: error.code,
            text: error.text.clone(),
        }),
        JobOutcome::CutOff { code } => JobReport::Interrupted { code: *code },
    }
}

pub(super) fn vm(cloud: &Cloud, vm: &Vm) -> CloudVm {
    let nics = vm.nics.iter().map(|nic| CloudNic {
        id: Some(nic.id.clone()),
        network: nic.network.clone(),
        network_name: cloud
            .network(&nic.network)
            .map_or_else(String::new, |network| network.name.clone()),
        mac: nic.mac.clone(),
        address: nic.address().map(IpAddr::V4),
        is_default: vm.is_default(nic),
        device: Some(nic.device),
    });
    CloudVm {
        id: vm.id.clone(),
        name: vm.name.clone(),
        display_name: vm.display_name.clone(),
        state: match vm.state {
            VmState::Starting => ossea::VmState::Starting,
            VmState::Running => ossea::VmState::Running,
            VmState::Stopping => ossea::VmState::Stopping,
            VmState::Stopped => ossea::VmState::Stopped,
            VmState::Destroyed => ossea::VmState::Destroyed,
            VmState::Expunging => ossea::VmState::Expunging,
            VmState::Error => ossea::VmState::Error,
        },
        zone: vm.zone.clone(),
        created: Some(vm.created),
        host: vm.host.clone(),
        cpus: Some(vm.cpus),
        memory_mib: Some(vm.memory_mib),
        nics: nics.collect(),
        details: vm.details.clone(),
        pending_job: cloud.pending_job(vm.id.as_str()).cloned(),
    }
}

pub(super) fn volume(cloud: &Cloud, volume: &Volume) -> ossea::Volume {
    let attachment = volume.attached.as_ref().map(|at| Attachment {
        vm: at.vm.clone(),
        vm_name: cloud.vm(&at.vm).map_or_else(String::new, |vm| vm.name.clone()),
        device: Some(at.device),
    });
    ossea::Volume {
        id: volume.id.clone(),
        name: volume.name.clone(),
        kind: match volume.kind {
            VolumeType::Root => VolumeKind::Root,
            VolumeType::DataDisk => VolumeKind::Data,
        },
        state: match volume.state {
            VolumeState::Allocated => ossea::VolumeState::Allocated,
            VolumeState::Creating => ossea::VolumeState::Creating,
            VolumeState::Ready => ossea::VolumeState::Ready,
            VolumeState::Attaching => ossea::VolumeState::Attaching,
            VolumeState::Migrating => ossea::VolumeState::Migrating,
            VolumeState::Snapshotting => ossea::VolumeState::Snapshotting,
            VolumeState::RevertSnapshotting => ossea::VolumeState::RevertSnapshotting,
            VolumeState::Destroy => ossea::VolumeState::Destroy,
            VolumeState::Expunging => ossea::VolumeState::Expunging,
        },
        size_bytes: volume.size_bytes,
        zone: volume.zone.clone(),
        attachment,
        storage: volume.pool.clone(),
        pool: volume
            .pool
            .as_ref()
            .and_then(|name| cloud.pool(name))
            .map(PoolContents::id),
        template: volume.template.clone(),
        pending_job: cloud.pending_job(volume.id.as_str()).cloned(),
    }
}

pub(super) fn snapshot(snapshot: &Snapshot) -> ossea::Snapshot {
    ossea::Snapshot {
        id: snapshot.id.clone(),
        name: snapshot.name.clone(),
        volume: snapshot.volume.clone(),
        state: match snapshot.state {
            SnapshotState::Allocated => ossea::SnapshotState::Allocated,
            SnapshotState::Creating => ossea::SnapshotState::Creating,
            SnapshotState::BackingUp => ossea::SnapshotState::BackingUp,
            SnapshotState::BackedUp => ossea::SnapshotState::BackedUp,
            SnapshotState::Destroying => ossea::SnapshotState::Destroying,
            SnapshotState::Error => ossea::SnapshotState::Error,
        },
        created: Some(snapshot.created),
    }
}

/// A VM snapshot, unless it is hidden.
pub(super) fn vm_snapshot(snapshot: &VmSnapshot) -> Option<ossea::VmSnapshot> {
    let state = match snapshot.state {
        VmSnapshotState::Allocated => ossea::VmSnapshotState::Allocated,
        VmSnapshotState::Creating => ossea::VmSnapshotState::Creating,
        VmSnapshotState::Ready => ossea::VmSnapshotState::Ready,
        VmSnapshotState::Reverting => ossea::VmSnapshotState::Reverting,
        VmSnapshotState::Expunging => ossea::VmSnapshotState::Expunging,
        VmSnapshotState::Error => ossea::VmSnapshotState::Error,
        VmSnapshotState::Hidden => return None,
    };
    Some(ossea::VmSnapshot {
        id: snapshot.id.clone(),
        name: snapshot.display_name.clone(),
        vm: snapshot.vm.clone(),
        state,
        kind: match snapshot.kind {
            VmSnapshotType::Disk => ossea::VmSnapshotKind::Disk,
            VmSnapshotType::DiskAndMemory => ossea::VmSnapshotKind::DiskAndMemory,
        },
        current: snapshot.current,
        created: Some(snapshot.created),
    })
}

pub(super) fn network(cloud: &Cloud, network: &NetworkContents) -> Network {
    Network {
        id: network.id.clone(),
        name: network.name.clone(),
        kind: network.kind.word().to_owned(),
        zone: network.zone.clone(),
        state: cloud.network_state(&network.id).word().to_owned(),
        can_deploy: true,
    }
}

pub(super) fn zone(zone: &ZoneContents) -> Zone {
    Zone {
        id: zone.id.clone(),
        name: zone.name.clone(),
        enabled: zone.allocation == Allocation::Enabled,
    }
}

pub(super) fn offering(offering: &OfferingContents) -> ServiceOffering {
    ServiceOffering {
        id: offering.id.clone(),
        name: offering.name.clone(),
        customized: offering.is_customized(),
        cpus: offering.cpus,
        cpu_speed_mhz: offering.cpu_speed_mhz,
        memory_mib: offering.memory_mib,
        cpu_bounds: offering.cpu_bounds,
        memory_bounds_mib: offering.memory_bounds_mib,
    }
}

pub(super) fn template(template: &TemplateContents) -> Template {
    Template {
        id: template.id.clone(),
        name: template.name.clone(),
        ready: template.readiness == TemplateReadiness::Ready,
        hypervisor: "KVM".to_owned(),
        password_enabled: template.password_enabled,
        size_bytes: template.size_gib * GIB,
    }
}

pub(super) fn capabilities(cloud: &Cloud) -> Capabilities {
    let settings = cloud.settings();
    Capabilities {
        version: settings.profile.version().to_owned(),
        kvm_snapshot_enabled: settings.snapshots_running_vms(),
        may_expunge_vm: may_expunge(settings.role, settings.user_expunge),
        may_expunge_volume: None,
        may_force_stop: Some(settings.user_force_stop == UserForceStop::Allowed),
        shows_destroyed_vms: None,
        api_limit: settings
            .throttling
            .map(|limit| (limit.max, limit.interval_seconds)),
    }
}

/// What `allowuserexpungerecovervm` tells: a root admin is told that it is allowed whatever the setting.
pub(crate) fn may_expunge(role: Role, user_expunge: UserExpunge) -> bool {
    match (role, user_expunge) {
        (Role::RootAdmin, UserExpunge::Allowed | UserExpunge::Denied)
        | (Role::User, UserExpunge::Allowed) => true,
        (Role::User, UserExpunge::Denied) => false,
    }
}
