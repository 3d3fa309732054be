//! The plans of what comes after a completed live failover. They have no way there: everything is the return planner's.

use failover_domain::JobType;

use super::{Errand, Plan, Settled};

/// The plan that rolls a completed live failover back: the same disks, VM and appliance.
pub fn rollback_plan(live: &Plan, settled: Settled) -> Plan {
    settlement(live, JobType::Rollback, Errand::Rollback(settled))
}

/// The plan that commits a completed live failover.
pub fn commit_plan(live: &Plan, settled: Settled) -> Plan {
    settlement(live, JobType::Commit, Errand::Commit(settled))
}

fn settlement(live: &Plan, job_type: JobType, errand: Errand) -> Plan {
    Plan {
        version: Plan::VERSION,
        job_type,
        errand,
        stages: Vec::new(),
        ..live.clone()
    }
}
