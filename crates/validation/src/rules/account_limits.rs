//! `account_limits`: what this failover makes fits into the limits of our account, were nothing else there.
//!
//! The cloud tells the limits, not how much of them is used; a limit that this one failover exceeds by itself refuses it
//! for certain. Where our role is not told of limits nothing is known, and nothing found.

use failover_domain::{FailoverType, SourceVm};
use ossea::{Fact, LimitedResource, OsseaError, ResourceLimit};
use serde_json::{Value, json};

use crate::outcome::{Outcome, Problem, unknown_vm};
use crate::view::View;

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let Some(vm) = view.vm() else {
        return Ok(unknown_vm());
    };
    let limits = match view.cloud.limits().await? {
        Fact::Told { value } => value,
        Fact::NotTold(why) => {
            return Ok(Outcome::pass(
                format!("nothing is known against the limits of our account: {why}"),
                Value::Null,
            ));
        }
    };
    let needs = needs(vm, view.subject.failover);
    let exceeded = needs.iter().filter_map(|need| need.exceeded(limits)).collect();
    let told: serde_json::Map<String, Value> = needs.iter().map(|need| need.told(limits)).collect();
    let passed = format!(
        "the limits of our account allow what the failover of {} makes; how much of them is used was not looked at",
        vm.name
    );
    Ok(Outcome::of(exceeded, passed, Value::Object(told)))
}

/// How much of something the failover makes.
struct Need {
    resource: LimitedResource,
    /// Its name in the details, with the unit.
    name: &'static str,
    /// Its name for people.
    words: &'static str,
    amount: u64,
}

fn needs(vm: &SourceVm, failover: FailoverType) -> Vec<Need> {
    let need = |resource, name, words, amount| Need {
        resource,
        name,
        words,
        amount,
    };
    let mut needs = vec![
        need(LimitedResource::Vms, "vms", "VMs", 1),
        // The scratch root; the replicas are there already.
        need(LimitedResource::Volumes, "volumes", "volumes", 1),
    ];
    match failover {
        FailoverType::Live => {
            let disks = u64::try_from(vm.disks.len()).unwrap_or(u64::MAX);
            needs.push(need(
                LimitedResource::Snapshots,
                "snapshots",
                "volume snapshots",
                disks,
            ));
        }
        // A VM snapshot may do, which counts elsewhere.
        FailoverType::Test => {}
    }
    if let Some(cpus) = vm.spec.cpus {
        needs.push(need(LimitedResource::Cpus, "cpus", "CPUs", cpus.get().into()));
    }
    if let Some(memory) = vm.spec.memory_mib {
        needs.push(need(
            LimitedResource::MemoryMib,
            "memory_mib",
            "MiB of memory",
            memory.get().into(),
        ));
    }
    needs
}

impl Need {
    /// The limit, where there is one.
    fn limit(&self, limits: &[ResourceLimit]) -> Option<u64> {
        limits.iter().find(|limit| limit.resource == self.resource)?.max
    }

    fn exceeded(&self, limits: &[ResourceLimit]) -> Option<Problem> {
        let limit = self.limit(limits).filter(|limit| self.amount > *limit)?;
        Some(Problem::new(
            format!(
                "the failover needs {} {}, our account may have {limit}",
                self.amount, self.words
            ),
            format!(
                "Ask the cloud's administrator to raise the account's limit of {}.",
                self.words
            ),
        ))
    }

    fn told(&self, limits: &[ResourceLimit]) -> (String, Value) {
        let told = json!({ "needed": self.amount, "limit": self.limit(limits) });
        (self.name.to_owned(), told)
    }
}
