//! `destination_name`: the destination VM's name is legal and free.

use failover_domain::vm_name::is_legal;
use ossea::{DeployVm, OsseaError};
use serde_json::json;

use crate::outcome::{Outcome, Problem, unknown_vm};
use crate::view::View;

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let Some(vm) = view.vm() else {
        return Ok(unknown_vm());
    };
    let name = view.destination_name(vm);
    let mut problems = Vec::new();
    if !is_legal(&name) {
        problems.push(Problem::new(
            format!(
                "{name:?}, derived from {:?}, is no host name that CloudStack accepts",
                vm.name
            ),
            "Rename the source VM.",
        ));
    }
    let mut taken_by = Vec::new();
    for other in view
        .namesakes(&name)
        .await?
        .iter()
        .filter(|other| other.zone == view.target.zone)
    {
        let state = other.state.word();
        taken_by.push(json!({ "id": other.id, "state": state }));
        let maker = other.details.get(DeployVm::MARK_DETAIL);
        let origin = maker
            .map(|job| format!(", made by job {job}"))
            .unwrap_or_default();
        problems.push(Problem::new(
            format!("the cloud has a VM {name} already ({}, state {state}{origin})", other.id),
            // A destroyed VM keeps its name until it is expunged.
            "Rename that VM, or expunge it if nobody needs it; look first whether a replica is attached to it.",
        ));
    }
    let passed = format!("the destination VM will be called {name}, and no other VM is");
    Ok(Outcome::of(
        problems,
        passed,
        json!({ "name": name, "taken_by": taken_by }),
    ))
}
