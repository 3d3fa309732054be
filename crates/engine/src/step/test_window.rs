//! Looks at the VM of an open test. How long the window is open is decided in `runner/window.rs`.
//!
//! * **Done**: never by itself; the window is ended by its deadline or by a person.
//! * **Command**: none. **Unknown outcome**: impossible; a look is repeated.

use std::net::IpAddr;

use ossea::{CloudVm, VmState};

use super::{LookError, Looked, Observation, View};
use crate::event::{StepFacts, VmHealth};
use crate::plan::{Direction, Step, StepKind};
use crate::state::{JobState, Standing};

pub(super) async fn observe(view: &View<'_>) -> Looked {
    let health = health(view).await?;
    Ok(Observation::Wait(format!("the test VM is {}", health.words())))
}

/// How the test VM is.
pub(crate) async fn health(view: &View<'_>) -> Result<VmHealth, LookError> {
    let vm = match &view.state.vm {
        Some(id) => view.parts.cloud.vm(id).await?,
        None => None,
    };
    Ok(judge(vm.as_ref(), &addresses_at_boot(view.state)))
}

fn judge(vm: Option<&CloudVm>, at_boot: &[IpAddr]) -> VmHealth {
    let Some(vm) = vm else {
        return VmHealth::Gone;
    };
    match &vm.state {
        VmState::Running | VmState::Migrating => {}
        VmState::Starting
        | VmState::Stopping
        | VmState::Stopped
        | VmState::Destroyed
        | VmState::Expunging
        | VmState::Error
        | VmState::Other(_) => {
            return VmHealth::NotRunning {
                state: vm.state.word().to_owned(),
            };
        }
    }
    let addresses: Vec<IpAddr> = vm.nics.iter().filter_map(|n| n.address).collect();
    let lost: Vec<IpAddr> = at_boot
        .iter()
        .filter(|a| !addresses.contains(a))
        .copied()
        .collect();
    if lost.is_empty() {
        VmHealth::Well { addresses }
    } else {
        VmHealth::AddressGone { lost }
    }
}

/// The addresses that boot verification saw.
fn addresses_at_boot(state: &JobState) -> Vec<IpAddr> {
    let boot = Step::new(Direction::Forward, StepKind::VerifyBoot);
    match state.steps.get(&boot.id).map(|r| &r.standing) {
        Some(Standing::Done {
            facts: StepFacts::BootVerified { addresses, .. },
        }) => addresses.clone(),
        Some(
            Standing::Open(_) | Standing::Delayed { .. } | Standing::Done { .. } | Standing::Failed { .. },
        )
        | None => Vec::new(),
    }
}

impl VmHealth {
    /// In words, as the end of a sentence.
    pub fn words(&self) -> String {
        let list = |addresses: &[IpAddr]| {
            addresses
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self {
            VmHealth::Well { addresses } if addresses.is_empty() => "running".to_owned(),
            VmHealth::Well { addresses } => format!("running at {}", list(addresses)),
            VmHealth::NotRunning { state } => format!("{state} and not running"),
            VmHealth::AddressGone { lost } => format!("running without the address {}", list(lost)),
            VmHealth::Gone => "no longer in the cloud".to_owned(),
        }
    }
}
