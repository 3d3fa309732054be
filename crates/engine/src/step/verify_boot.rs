//! Verifies that the guest really boots: the VM stays `Running`, and the grades that the request asked for.
//!
//! * **Done** when the VM is `Running` for some seconds and every grade is reached. Each grade is recorded with
//!   what was seen.
//! * **Command**: none. **Postcondition**: as above.
//! * **Unknown outcome**: impossible; a probe is simply repeated until the boot policy's time is over.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ossea::{CloudVm, VmState};

use super::{Looked, Observation, View, gone};
use crate::event::{StepError, StepErrorKind, StepFacts};
use crate::plan::{BootGrade, Direction, Step, StepKind};
use crate::probe::GuestProbe;

/// How long one probe may take: a guest that is up answers far faster.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let id = match view.vm() {
        Ok(id) => id,
        Err(observation) => return Ok(observation),
    };
    let Some(vm) = view.parts.cloud.vm(id).await? else {
        return Ok(gone(format!("destination VM {id} is gone")));
    };
    match &vm.state {
        VmState::Running => Ok(grade(view, &vm).await),
        VmState::Starting | VmState::Migrating => {
            Ok(Observation::Wait(format!("VM {} is {:?}", vm.name, vm.state)))
        }
        VmState::Stopping | VmState::Stopped | VmState::Destroyed | VmState::Expunging | VmState::Error => {
            Ok(Observation::Blocked(StepError {
                kind: StepErrorKind::BootNotVerified,
                message: format!("VM {} was started and is now {:?}", vm.name, vm.state),
                refusal: None,
            }))
        }
        VmState::Other(state) => Ok(Observation::Wait(format!("VM {} is {state}", vm.name))),
    }
}

async fn grade(view: &View<'_>, vm: &CloudVm) -> Observation {
    let addresses: Vec<IpAddr> = vm.nics.iter().filter_map(|n| n.address).collect();
    let mut grades = BTreeMap::from([("state".to_owned(), "Running".to_owned())]);
    let mut missing = Vec::new();
    for wanted in &view.plan.boot.grades {
        match reach(view.parts.probe.as_ref(), wanted, vm, &addresses).await {
            Ok(seen) => {
                grades.insert(wanted.to_string(), seen);
            }
            Err(why) => missing.push(format!("{wanted}: {why}")),
        }
    }
    let steady_from =
        started_at(view) + TimeDelta::from_std(view.parts.settings.boot_steady).unwrap_or_default();
    if view.now < steady_from {
        return Observation::Wait(format!("VM {} is Running, but only just", vm.name));
    }
    if missing.is_empty() {
        Observation::Done(StepFacts::BootVerified { addresses, grades })
    } else {
        Observation::Wait(format!(
            "VM {} is Running, not reached yet: {}",
            vm.name,
            missing.join("; ")
        ))
    }
}

/// When the VM was first seen `Running`.
fn started_at(view: &View<'_>) -> DateTime<Utc> {
    let start = Step::new(Direction::Forward, StepKind::StartVm);
    view.state
        .steps
        .get(&start.id)
        .map_or(view.now, |record| record.until)
}

async fn reach(
    probe: &dyn GuestProbe,
    wanted: &BootGrade,
    vm: &CloudVm,
    addresses: &[IpAddr],
) -> Result<String, String> {
    let BootGrade::Address = wanted else {
        return probe_addresses(probe, wanted, addresses).await;
    };
    let without = vm
        .nics
        .iter()
        .filter(|n| n.address.is_none())
        .map(|n| n.network_name.as_str());
    let without: Vec<&str> = without.collect();
    if without.is_empty() && !addresses.is_empty() {
        Ok(addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "))
    } else {
        Err(format!("no address on {}", without.join(", ")))
    }
}

/// One address that answers is enough: the others may be on networks that the worker cannot reach.
async fn probe_addresses(
    probe: &dyn GuestProbe,
    wanted: &BootGrade,
    addresses: &[IpAddr],
) -> Result<String, String> {
    let mut reasons = Vec::new();
    for address in addresses {
        let answer = match wanted {
            BootGrade::Ping => probe.ping(*address, PROBE_TIMEOUT).await,
            BootGrade::Tcp(port) => probe.tcp(*address, *port, PROBE_TIMEOUT).await,
            BootGrade::Address => Ok(()),
        };
        match answer {
            Ok(()) => return Ok(format!("{address} answered")),
            Err(why) => reasons.push(format!("{address}: {why}")),
        }
    }
    Err(if reasons.is_empty() {
        "the VM has no address".to_owned()
    } else {
        reasons.join(", ")
    })
}
