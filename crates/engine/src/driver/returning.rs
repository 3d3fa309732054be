//! The way back of a job: asks the return planner what is next, runs it, and ends the job when everything is home.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use failover_domain::{Attention, AttentionCode, Severity};
use tokio::task::JoinSet;

use super::obstacles::report;
use crate::attention;
use crate::event::Event;
use crate::journal::Stop;
use crate::plan::{Direction, Errand, Step, StepId};
use crate::return_planner::{Busy, plan_commit, plan_return};
use crate::runner::{JobContext, StepEnd, run_step};
use crate::scene::Scene;
use crate::state::{JobState, Standing};
use crate::survey::Survey;

/// The way back, until every replica is home and the ledger is empty.
///
/// Each step is a task of its own. Steps that were merely polled from this loop could hold the journal's lock
/// while the loop waits for it. Dropping the set ends them all.
pub(super) async fn go_back(job: &Arc<JobContext>) -> Result<(), Stop> {
    let mut under_way = JoinSet::new();
    let mut running: Vec<Step> = Vec::new();
    // Commands of an earlier way back whose outcome nobody has seen yet.
    for step in open_return_steps(&job.journal.state().await) {
        running.push(step.clone());
        under_way.spawn(run_return_step(Arc::clone(job), step));
    }
    let mut silent_since = None;
    loop {
        let state = job.journal.state().await;
        if let Some(scene) = look(job, &state, &mut silent_since).await? {
            let busy = Busy {
                running: running.clone(),
                waiting: delayed(job, &state),
            };
            let next = match &job.plan.errand {
                Errand::Commit(_) => plan_commit(&job.plan, &state, &busy),
                Errand::Live { .. } | Errand::Test(_) | Errand::Rollback(_) => {
                    plan_return(&job.plan, &state, &scene, &busy)
                }
            };
            if next.is_home && running.is_empty() && finish(job, &state, &scene).await? {
                return Ok(());
            }
            report(job, &next.obstacles).await?;
            for step in next.steps {
                running.push(step.clone());
                under_way.spawn(run_return_step(Arc::clone(job), step));
            }
        }
        // Whatever ends first, a request, or a pause: the cloud may change by itself or by a person's hand.
        let pause = job
            .journal
            .pause_or_request(job.parts.settings.cloud_poll_max, &state);
        tokio::select! {
            biased;
            Some(ended) = under_way.join_next(), if !under_way.is_empty() => {
                let step = ended.map_err(|e| Stop::Broken(e.to_string()))??;
                running.retain(|s| s.id != step);
            }
            paused = pause => paused?,
        }
    }
}

/// Runs one step, and tells people when it is tried in vain too often.
async fn run_return_step(job: Arc<JobContext>, step: Step) -> Result<StepId, Stop> {
    let end = run_step(&job, &step).await?;
    let trouble = attention::trouble_of(step.kind);
    match end {
        StepEnd::Done => {
            let object = attention::object_of(&job.plan, &step);
            attention::clear_about(&job.journal, trouble.code, object).await?;
        }
        StepEnd::Delayed => {
            let state = job.journal.state().await;
            let record = state.steps.get(&step.id);
            if let Some((delays, Standing::Delayed { error, .. })) = record.map(|r| (r.delays, &r.standing))
                && delays >= trouble.after_attempts
            {
                let (objects, message) = attention::describe(&job.plan, &step, error);
                let now = job.parts.clock.now();
                let (code, severity) = (trouble.code, trouble.severity);
                attention::raise(
                    &job.journal,
                    code,
                    severity,
                    message,
                    objects,
                    trouble.choices,
                    now,
                )
                .await?;
            }
        }
        StepEnd::Failed | StepEnd::Halted => {}
    }
    Ok(step.id)
}

fn open_return_steps(state: &JobState) -> Vec<Step> {
    let open = |r: &&crate::state::StepRecord| {
        r.step.direction == Direction::Return && matches!(r.standing, Standing::Open(_))
    };
    state
        .steps
        .values()
        .filter(open)
        .map(|r| r.step.clone())
        .collect()
}

/// Steps that wait for their next attempt.
fn delayed(job: &JobContext, state: &JobState) -> BTreeSet<StepId> {
    let now = job.parts.clock.now();
    let waits = |r: &&crate::state::StepRecord| match &r.standing {
        Standing::Delayed { retry_at, .. } => r.step.direction == Direction::Return && *retry_at > now,
        Standing::Open(_) | Standing::Done { .. } | Standing::Failed { .. } => false,
    };
    state
        .steps
        .values()
        .filter(waits)
        .map(|r| r.step.id.clone())
        .collect()
}

/// Looks at the whole scene; `None` when the cloud does not answer now. A cloud that is silent for too long is told
/// to people: replicas may rest nowhere meanwhile.
async fn look(
    job: &JobContext,
    state: &JobState,
    silent_since: &mut Option<DateTime<Utc>>,
) -> Result<Option<Scene>, Stop> {
    let error = match Scene::observe(job.parts_back.cloud.as_ref(), &job.job_id, &job.plan, state).await {
        Ok(scene) => {
            if silent_since.take().is_some() {
                attention::clear(&job.journal, AttentionCode::CloudUnavailable).await?;
            }
            return Ok(Some(scene));
        }
        Err(error) => error,
    };
    tracing::warn!(job_id = %job.job_id, error = %error, "The cloud cannot be looked at; the way back waits.");
    let now = job.parts.clock.now();
    let since = *silent_since.get_or_insert(now);
    if (now - since).to_std().unwrap_or_default() >= job.parts.settings.unavailable_budget {
        let message = format!("The way back waits since {since} for the cloud: {error}");
        let choices =
            ["Make the cloud reachable and its credentials valid again; the job goes on by itself."];
        let objects = job
            .plan
            .disks
            .iter()
            .map(|d| format!("volume {}", d.volume))
            .collect();
        let code = AttentionCode::CloudUnavailable;
        attention::raise(
            &job.journal,
            code,
            Severity::Critical,
            message,
            objects,
            &choices,
            now,
        )
        .await?;
    }
    Ok(None)
}

/// Ends the job; `false` when a request must be heard first, or the cloud cannot be looked at once more.
async fn finish(job: &JobContext, state: &JobState, scene: &Scene) -> Result<bool, Stop> {
    let comparison = match &state.before {
        None => None,
        Some(_) if matches!(job.plan.errand, Errand::Commit(_)) => None,
        Some(before) => match Survey::take(job.parts_back.cloud.as_ref(), &job.plan, state).await {
            Ok(after) => Some(before.compare(&after)),
            Err(error) => {
                tracing::warn!(job_id = %job.job_id, error = %error, "The cloud cannot be compared to what it was; trying again.");
                return Ok(false);
            }
        },
    };
    quarantine_attentions(job, state).await?;
    for open in job.journal.state().await.attention {
        let Attention { code, objects, .. } = open;
        if code != AttentionCode::ReplicaQuarantined {
            let object = objects.into_iter().next();
            job.journal
                .record(Event::AttentionCleared { code, object })
                .await?;
        }
    }
    let resting = scene.resting(&job.plan);
    if state.closing.is_some() {
        return job
            .journal
            .end(state, Event::Closed { comparison, resting })
            .await;
    }
    let Some(cause) = state.failure.clone() else {
        return Err(Stop::Broken("the way back has no cause".to_owned()));
    };
    let failed = Event::Failed {
        cause,
        comparison,
        resting,
    };
    job.journal.end(state, failed).await
}

/// What outlives the job: replicas that returned without a proven revert.
async fn quarantine_attentions(job: &JobContext, state: &JobState) -> Result<(), Stop> {
    let now = job.parts.clock.now();
    for (planned, disk) in job
        .plan
        .disks
        .iter()
        .zip(&state.disks)
        .filter(|(_, d)| d.quarantined)
    {
        let kept = if disk.snapshot.is_some() {
            format!("; its rollback point {} is kept", planned.snapshot_name)
        } else {
            String::new()
        };
        let (replica, volume) = (&planned.volume_name, &planned.volume);
        let message = if disk.doubtful {
            format!(
                "The VM of replica {replica} ({volume}) was stopped by force: if its host was not reachable, its guest may \
                 run on there and write to the replica, which needs a full synchronisation{kept}"
            )
        } else {
            format!(
                "Replica {replica} ({volume}) returned without a proven revert and needs a full synchronisation{kept}"
            )
        };
        let choices: &[&str] = if disk.doubtful {
            &[
                "Make sure on the host that the guest is off, then synchronise the replica from the start.",
                "If the guest was off when the replica was reverted, clear the mark with a reason: failoverctl quarantine clear.",
            ]
        } else {
            &[
                "Synchronise it from the start.",
                "If its content is known to be good, clear the mark with a reason: failoverctl quarantine clear.",
            ]
        };
        attention::raise(
            &job.journal,
            AttentionCode::ReplicaQuarantined,
            Severity::Error,
            message,
            vec![planned.object()],
            choices,
            now,
        )
        .await?;
    }
    Ok(())
}
