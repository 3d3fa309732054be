//! Proof values: the only keys to the commands that destroy something.
//!
//! They cannot be deserialised or built from an id. Whoever wants one has to show what the cloud has just
//! answered, together with the volumes that must be protected.

use std::collections::BTreeSet;

use failover_domain::{CloudVmId, VolumeId};
use serde::Serialize;

use crate::model::{Volume, VolumeKind};

/// Why a proof is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Protected {
    /// The volume is a replica.
    #[error("volume {0} is a replica and is never deleted")]
    Replica(VolumeId),
    /// The volume is attached to a VM; a scratch root is deleted detached.
    #[error("volume {volume} is attached to VM {vm}")]
    Attached {
        /// The volume.
        volume: VolumeId,
        /// The VM it hangs on.
        vm: CloudVmId,
    },
    /// The volume was not made from a template, so it is not a scratch root.
    #[error("volume {0} was not made from a template, so it cannot be a scratch root")]
    NotFromTemplate(VolumeId),
    /// A replica hangs on the VM: destroying the VM could delete it.
    #[error("replica {volume} is still on VM {vm}")]
    ReplicaOnVm {
        /// The replica.
        volume: VolumeId,
        /// The VM.
        vm: CloudVmId,
    },
    /// A root volume that is not ours hangs on the VM and would be deleted with it.
    #[error("root volume {volume} of VM {vm} is not in our ledger")]
    ForeignRoot {
        /// The volume.
        volume: VolumeId,
        /// The VM.
        vm: CloudVmId,
    },
    /// The cloud was asked for the volumes of one VM and showed a volume of another one.
    #[error("the cloud showed volume {0}, which is not on the VM that was asked for")]
    InconsistentAnswer(VolumeId),
}

/// A volume that was proven to be the scratch root of a VM of ours: detached, made from a template, no replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ScratchRoot(VolumeId);

impl ScratchRoot {
    /// Proves it from what the cloud has just answered for a volume of our ledger.
    ///
    /// # Errors
    /// [`Protected`] when the volume must not be deleted.
    pub fn prove(seen: &Volume, replicas: &BTreeSet<VolumeId>) -> Result<Self, Protected> {
        if replicas.contains(&seen.id) {
            return Err(Protected::Replica(seen.id.clone()));
        }
        if let Some(at) = &seen.attachment {
            return Err(Protected::Attached {
                volume: seen.id.clone(),
                vm: at.vm.clone(),
            });
        }
        if seen.template.is_none() {
            return Err(Protected::NotFromTemplate(seen.id.clone()));
        }
        Ok(Self(seen.id.clone()))
    }

    /// The volume's id.
    pub fn id(&self) -> &VolumeId {
        &self.0
    }
}

/// A VM that was proven to carry no replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EmptiedVm(CloudVmId);

impl EmptiedVm {
    /// Proves it from the volumes that the cloud has just shown on the VM. `own_root` is the scratch root in
    /// our ledger, which may die with the VM.
    ///
    /// # Errors
    /// [`Protected`] when destroying the VM could delete a volume that is not ours.
    pub fn prove(
        vm: &CloudVmId,
        shown: &[Volume],
        replicas: &BTreeSet<VolumeId>,
        own_root: Option<&VolumeId>,
    ) -> Result<Self, Protected> {
        for volume in shown {
            if volume.attachment.as_ref().is_none_or(|at| at.vm != *vm) {
                return Err(Protected::InconsistentAnswer(volume.id.clone()));
            }
            if replicas.contains(&volume.id) {
                return Err(Protected::ReplicaOnVm {
                    volume: volume.id.clone(),
                    vm: vm.clone(),
                });
            }
            // A data disk that somebody else attached is detached and kept by CloudStack; a root is not.
            if volume.kind != VolumeKind::Data && own_root != Some(&volume.id) {
                return Err(Protected::ForeignRoot {
                    volume: volume.id.clone(),
                    vm: vm.clone(),
                });
            }
        }
        Ok(Self(vm.clone()))
    }

    /// The VM's id.
    pub fn id(&self) -> &CloudVmId {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use failover_domain::TemplateId;

    use super::*;
    use crate::model::{Attachment, VolumeState};

    fn volume(id: &str, kind: VolumeKind, vm: Option<&str>) -> Volume {
        Volume {
            id: id.parse().unwrap(),
            name: id.to_owned(),
            kind,
            state: VolumeState::Ready,
            size_bytes: 1,
            zone: "zone".parse().unwrap(),
            attachment: vm.map(|vm| Attachment {
                vm: vm.parse().unwrap(),
                vm_name: vm.to_owned(),
                device: Some(0),
            }),
            storage: None,
            pool: None,
            template: Some("template".parse::<TemplateId>().unwrap()),
            pending_job: None,
        }
    }

    fn replicas() -> BTreeSet<VolumeId> {
        BTreeSet::from(["replica".parse().unwrap()])
    }

    #[test]
    fn a_replica_is_never_a_scratch_root() {
        let seen = volume("replica", VolumeKind::Data, None);
        assert!(matches!(
            ScratchRoot::prove(&seen, &replicas()),
            Err(Protected::Replica(_))
        ));
    }

    #[test]
    fn an_attached_or_blank_volume_is_no_scratch_root() {
        let attached = volume("root", VolumeKind::Root, Some("vm"));
        assert!(matches!(
            ScratchRoot::prove(&attached, &replicas()),
            Err(Protected::Attached { .. })
        ));
        let blank = Volume {
            template: None,
            ..volume("root", VolumeKind::Data, None)
        };
        assert!(matches!(
            ScratchRoot::prove(&blank, &replicas()),
            Err(Protected::NotFromTemplate(_))
        ));
        assert!(ScratchRoot::prove(&volume("root", VolumeKind::Data, None), &replicas()).is_ok());
    }

    #[test]
    fn a_vm_with_a_replica_or_a_foreign_root_is_not_destroyed() {
        let vm: CloudVmId = "vm".parse().unwrap();
        let own: VolumeId = "root".parse().unwrap();
        let replica = [volume("replica", VolumeKind::Root, Some("vm"))];
        assert!(matches!(
            EmptiedVm::prove(&vm, &replica, &replicas(), Some(&own)),
            Err(Protected::ReplicaOnVm { .. })
        ));
        let foreign = [volume("other", VolumeKind::Root, Some("vm"))];
        assert!(matches!(
            EmptiedVm::prove(&vm, &foreign, &replicas(), Some(&own)),
            Err(Protected::ForeignRoot { .. })
        ));
        let elsewhere = [volume("root", VolumeKind::Root, Some("vm2"))];
        assert!(matches!(
            EmptiedVm::prove(&vm, &elsewhere, &replicas(), Some(&own)),
            Err(Protected::InconsistentAnswer(_))
        ));
        let ours = [volume("root", VolumeKind::Root, Some("vm"))];
        assert!(EmptiedVm::prove(&vm, &ours, &replicas(), Some(&own)).is_ok());
        assert!(EmptiedVm::prove(&vm, &[], &replicas(), None).is_ok());
    }
}
