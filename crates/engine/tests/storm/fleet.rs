//! The source VMs of a storm, and what operators do with them.

use std::time::Duration;

use chrono::TimeDelta;
use failover_access::Actor;
use failover_domain::{AtWindowEnd, Decision, JobId, JobStatus, JobType, StrategyRequest, VmId};
use failover_engine::EngineParts;
use failover_engine::plan::{BootGrade, BootPolicy, CommitPolicy, OnBootFailure, WarningPolicy};
use failover_engine::ports::{JobFilter, JobRecord, StoreError};
use failover_engine::request::JobRequest;
use failover_engine::service::{FailoverRequest, Settlement, Wanted, WantedTest};
use failover_engine::verbs::{Permission, Verb, permission};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use crate::lab::Lab;

/// Which networks of the sample cloud the VMware networks become: in production, in a test.
pub(crate) const NETWORKS: [(&str, &str, &str); 3] = [
    ("VM Network", "production-app", "test-isolated"),
    ("DB Network", "production-db", "test-db"),
    ("DMZ Network", "production-dmz", "test-dmz"),
];

/// A source VM of the sample.
#[derive(Debug, Clone)]
pub(crate) struct FleetVm {
    pub(crate) id: VmId,
    pub(crate) name: String,
    networks: Vec<String>,
}

/// The VMs of the sample with one to four disks.
pub(crate) async fn fleet(lab: &Lab) -> Vec<FleetVm> {
    let all = lab.store.vms(None, 100).await.expect("memory answers");
    let usable = all
        .into_iter()
        .filter(|vm| (1..=4).contains(&vm.disks.len()) && vm.name != "2003-legacy");
    usable
        .map(|vm| FleetVm {
            id: vm.vm_id,
            name: vm.name,
            networks: vm.nics.into_iter().map(|nic| nic.network).collect(),
        })
        .collect()
}

/// What an operator has done, in a word for the table and one for the story.
pub(crate) struct Done {
    pub(crate) what: &'static str,
    pub(crate) answer: String,
    /// The job that was accepted.
    pub(crate) accepted: Option<JobId>,
}

fn done(what: &'static str, answer: impl Into<String>) -> Done {
    Done {
        what,
        answer: answer.into(),
        accepted: None,
    }
}

/// The newest job of a VM, through the operator's door.
async fn newest(parts: &EngineParts, vm: &FleetVm) -> Result<Option<JobRecord>, StoreError> {
    let filter = JobFilter {
        vm_id: Some(vm.id.clone()),
        limit: 1,
        ..JobFilter::default()
    };
    Ok(parts.jobs.jobs(&filter).await?.into_iter().next())
}

/// Does something with `vm` that an operator might do now.
pub(crate) async fn operate(parts: &EngineParts, vm: &FleetVm, dice: &mut ChaCha8Rng) -> Done {
    let job = match newest(parts, vm).await {
        Ok(job) => job,
        Err(error) => return done("look", error.to_string()),
    };
    // Drawn before anything depends on the state, so that a storm goes on alike where states differ a little.
    let (roll, second): (u32, u32) = (dice.random_range(0..100), dice.random_range(0..100));
    match job {
        Some(job) if !job.projection.status.is_final() => {
            if roll < 10 {
                return start(parts, vm, dice).await;
            }
            ask(parts, &job, roll, second).await
        }
        Some(job) if job.job_type == JobType::Live && job.projection.status == JobStatus::Completed => {
            if roll < 10 {
                return start(parts, vm, dice).await;
            }
            settle(
                parts,
                &job,
                if roll < 80 {
                    Settlement::Rollback
                } else {
                    Settlement::Commit
                },
            )
            .await
        }
        Some(_) | None => start(parts, vm, dice).await,
    }
}

async fn start(parts: &EngineParts, vm: &FleetVm, dice: &mut ChaCha8Rng) -> Done {
    let request = wanted(vm, dice);
    let what = match request.wanted {
        Wanted::Live { .. } => "start live",
        Wanted::Test(_) => "start test",
    };
    match parts.service().start(&request).await {
        Ok(job) => Done {
            what,
            answer: job.to_string(),
            accepted: Some(job),
        },
        Err(error) => done(what, error.to_string()),
    }
}

fn wanted(vm: &FleetVm, dice: &mut ChaCha8Rng) -> FailoverRequest {
    let is_test = dice.random_bool(0.6);
    let strategies = [
        StrategyRequest::Auto,
        StrategyRequest::VolumeSnapshots,
        StrategyRequest::VmSnapshot,
    ];
    let test = WantedTest {
        window: Duration::from_secs(dice.random_range(20..90)),
        at_window_end: if dice.random_bool(0.9) {
            AtWindowEnd::CleanUp
        } else {
            AtWindowEnd::Remind
        },
        strategy: *strategies.choose(dice).expect("there are three"),
    };
    let after = TimeDelta::seconds(dice.random_range(30..120));
    let after = after.to_std().unwrap_or_default();
    let commit = match dice.random_range(0..10) {
        0 => CommitPolicy::CommitAfter {
            seconds: after.as_secs(),
        },
        1 => CommitPolicy::RollbackAfter {
            seconds: after.as_secs(),
        },
        _ => CommitPolicy::Manual,
    };
    let on_failure = if dice.random_bool(0.2) {
        OnBootFailure::Hold
    } else {
        OnBootFailure::Rollback
    };
    let networks = NETWORKS
        .iter()
        .filter(|(source, ..)| vm.networks.iter().any(|n| n == source));
    let networks = networks.map(|(source, production, test)| {
        let network = if is_test { test } else { production };
        ((*source).to_owned(), (*network).to_owned())
    });
    FailoverRequest {
        vm_id: vm.id.clone(),
        vm_name: Some(vm.name.clone()),
        warnings: WarningPolicy::Count,
        network_mappings: networks.collect(),
        boot: BootPolicy {
            within_seconds: 120,
            grades: [BootGrade::Address].into(),
            on_failure,
        },
        wanted: if is_test {
            Wanted::Test(test)
        } else {
            Wanted::Live { commit }
        },
        requested_by: Actor::named("operator"),
    }
}

async fn ask(parts: &EngineParts, job: &JobRecord, roll: u32, second: u32) -> Done {
    let (verb, request) = match roll {
        10..35 => (Verb::Cancel, JobRequest::Cancel),
        35..60 => (Verb::EndTest, JobRequest::EndTest),
        60..75 => {
            let deadline = parts.clock.now() + TimeDelta::seconds(i64::from(second));
            (Verb::Extend, JobRequest::Extend { deadline })
        }
        75..90 => (Verb::Retry, JobRequest::Retry),
        _ => match decision(job, Decision::Retry) {
            Some(decide) => (Verb::Decide, decide),
            None => (Verb::Retry, JobRequest::Retry),
        },
    };
    request_of(parts, job, verb, request).await
}

/// The decision about the first attention of a job that offers it.
fn decision(job: &JobRecord, decision: Decision) -> Option<JobRequest> {
    let open = job
        .projection
        .attention
        .iter()
        .find(|a| a.decisions.contains(&decision))?;
    Some(JobRequest::Decide {
        code: open.code,
        object: open.object().map(str::to_owned),
        decision,
        reason: "the storm is over".to_owned(),
    })
}

async fn request_of(parts: &EngineParts, job: &JobRecord, verb: Verb, request: JobRequest) -> Done {
    let asked = match parts.jobs.requests(&job.job_id).await {
        Ok(asked) => asked,
        Err(error) => return done(verb.as_str(), error.to_string()),
    };
    if let Permission::Refused { reason } = permission(job, &asked, verb) {
        return done(verb.as_str(), reason);
    }
    let answer = parts
        .jobs
        .submit_request(&job.job_id, &Actor::named("operator"), &request)
        .await;
    done(verb.as_str(), format!("{}: {answer:?}", job.job_id))
}

async fn settle(parts: &EngineParts, live: &JobRecord, how: Settlement) -> Done {
    let what = match how {
        Settlement::Commit => "commit",
        Settlement::Rollback => "rollback",
    };
    match parts
        .service()
        .settle(&live.job_id, how, &Actor::named("operator"))
        .await
    {
        Ok(job) => Done {
            what,
            answer: job.to_string(),
            accepted: Some(job),
        },
        Err(error) => done(what, error.to_string()),
    }
}

/// What a patient operator does with a job that has not ended long after the storm: tries again what waits, ends what
/// stays open, and stops at last what does not come to its end.
pub(crate) async fn bring_to_an_end(parts: &EngineParts, job: &JobRecord, patience: u32) -> Done {
    if let Some(decide) = decision(job, Decision::Retry) {
        return request_of(parts, job, Verb::Decide, decide).await;
    }
    if job.projection.returning {
        return request_of(parts, job, Verb::Retry, JobRequest::Retry).await;
    }
    if job.projection.window.is_some() {
        return request_of(parts, job, Verb::EndTest, JobRequest::EndTest).await;
    }
    if patience > 3 {
        return request_of(parts, job, Verb::Cancel, JobRequest::Cancel).await;
    }
    done("wait", job.job_id.to_string())
}
