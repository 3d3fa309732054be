//! `[target]`: the objects of the cloud that every failover of a site uses.

use crate::kind::Kind;
use crate::reader::Reader;

/// Where to. The ids have CloudStack's form; whether the objects exist is a question of readiness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetSettings {
    /// The appliance VM that holds the replicas.
    pub oma_vm_id: String,
    /// The zone.
    pub zone_id: String,
    /// The service offering of destination VMs.
    pub service_offering_id: String,
    /// The template that gives the scratch root.
    pub template_id: String,
    /// MHz per CPU for an offering that leaves the speed free.
    pub cpu_speed_mhz: u32,
    /// The networks that are isolated from production, on which test VMs may run.
    pub test_network_ids: Vec<String>,
}

impl TargetSettings {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut section = reader.section("target");
        let oma_vm_id = section.required("oma_vm_id", &Kind::cloud_id());
        let zone_id = section.required("zone_id", &Kind::cloud_id());
        let service_offering_id = section.required("service_offering_id", &Kind::cloud_id());
        let template_id = section.required("template_id", &Kind::cloud_id());
        let cpu_speed_mhz = section.or("cpu_speed_mhz", &Kind::number(100..=10_000), 1000);
        let test_network_ids = section.or("test_network_ids", &Kind::cloud_ids(), Vec::new());
        Some(Self {
            oma_vm_id: oma_vm_id?,
            zone_id: zone_id?,
            service_offering_id: service_offering_id?,
            template_id: template_id?,
            cpu_speed_mhz,
            test_network_ids,
        })
    }
}
