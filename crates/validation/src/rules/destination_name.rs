//! `destination_name`: a name for the destination VM is free.

use ossea::{CloudVm, OsseaError};
use serde_json::{Value, json};

use crate::destination::NameSearch;
use crate::outcome::{Outcome, Problem, unknown_vm};
use crate::view::{View, leave_to, made_by};

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let Some(vm) = view.vm() else {
        return Ok(unknown_vm());
    };
    let search = NameSearch::run(view.cloud, &vm.name, view.subject.failover).await?;
    let holders: Vec<Value> = search.taken_by.iter().map(holder).collect();
    let details = json!({ "name": search.free, "taken_by": holders });
    Ok(match search.free {
        Some(name) => Outcome::pass(
            format!("the destination VM will be called {name}, and no other VM is"),
            details,
        ),
        None => Outcome::of(
            search.taken_by.iter().map(|holder| taken(holder, view)).collect(),
            "",
            details,
        ),
    })
}

fn holder(vm: &CloudVm) -> Value {
    json!({ "id": vm.id, "name": vm.name, "state": vm.state.word() })
}

fn taken(vm: &CloudVm, view: &View<'_>) -> Problem {
    let maker = made_by(vm);
    // A destroyed VM keeps its name until it is expunged.
    let by_hand =
        "Rename that VM, or expunge it if nobody needs it; look first whether a replica is attached to it.";
    let remedy = maker.map_or_else(|| by_hand.to_owned(), |job| leave_to(job, view.subject));
    let origin = maker
        .map(|job| format!(", made by job {job}"))
        .unwrap_or_default();
    Problem::new(
        format!(
            "the cloud has a VM {} already ({}, state {}{origin})",
            vm.name,
            vm.id,
            vm.state.word()
        ),
        remedy,
    )
}
