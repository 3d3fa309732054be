//! `destination_size`: a fixed offering does not shrink the VM.

use ossea::OsseaError;
use serde_json::json;

use crate::outcome::{Outcome, Problem, unknown_vm};
use crate::view::View;

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let Some(vm) = view.vm() else {
        return Ok(unknown_vm());
    };
    let Some(offering) = view.cloud.offering().await? else {
        return Ok(Outcome::CannotTell {
            why: format!(
                "service offering {} does not exist in the cloud",
                view.target.offering
            ),
            remedy: "Correct the service offering in the configuration.".to_owned(),
        });
    };
    let details = json!({
        "service_offering": offering.name,
        "customized": offering.customized,
        "source": { "cpus": vm.spec.cpus, "memory_mib": vm.spec.memory_mib },
        "offered": { "cpus": offering.cpus, "memory_mib": offering.memory_mib },
    });
    if offering.customized {
        let passed = format!(
            "service offering {} gives the source VM's own size",
            offering.name
        );
        return Ok(Outcome::pass(passed, details));
    }
    let sizes = [
        ("CPUs", vm.spec.cpus, offering.cpus),
        ("MiB of memory", vm.spec.memory_mib, offering.memory_mib),
    ];
    let mut problems = Vec::new();
    for (unit, wanted, given) in sizes {
        let (Some(wanted), Some(given)) = (wanted, given) else {
            continue;
        };
        if given < wanted.get() {
            problems.push(Problem::new(
                format!(
                    "{} has {wanted} {unit}, service offering {} gives {given}",
                    vm.name, offering.name
                ),
                "Configure a service offering that is large enough or whose size is free.",
            ));
        }
    }
    let passed = format!(
        "service offering {} is at least as large as {}",
        offering.name, vm.name
    );
    Ok(Outcome::of(problems, passed, details))
}
