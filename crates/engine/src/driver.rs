//! Drives one job: asks [`decide`] what comes next and does it, until the job has ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use failover_domain::{Attention, AttentionCode, Severity};
use futures::future::join_all;
use ossea::Circuit;
use tokio::task::JoinSet;

use crate::attention;
use crate::decide::{Directive, decide, open_forward_steps};
use crate::event::{Event, Failure};
use crate::journal::Stop;
use crate::plan::{Direction, Errand, Plan, Step, StepId};
use crate::return_planner::{Obstacle, plan_commit, plan_return};
use crate::runner::{JobContext, StepEnd, run_step};
use crate::scene::Scene;
use crate::state::{JobState, Standing};
use crate::survey::Survey;

/// Drives a job to its end.
///
/// # Errors
/// [`Stop`] when this worker must stop driving it; the job goes on elsewhere or later.
pub(crate) async fn drive(job: &Arc<JobContext>) -> Result<(), Stop> {
    let lease = job.journal.lease();
    let taken_up = Event::TakenUp {
        worker: lease.worker.to_string(),
        epoch: lease.epoch,
    };
    job.journal.record(taken_up).await?;
    loop {
        let state = job.journal.state().await;
        match decide(&job.plan, &state) {
            Directive::Enter(stage) => {
                if stage == 0 && !may_begin(job).await? {
                    continue;
                }
                job.journal.record(Event::StageEntered { stage }).await?;
            }
            Directive::Work(lanes) => work(job, &lanes).await?,
            Directive::Finish(stage) => job.journal.record(Event::StageFinished { stage }).await?,
            Directive::Complete => {
                if !job.journal.end(Event::Completed).await? {
                    wait_for_request(job).await?;
                }
            }
            Directive::Close(why) => job.journal.record(Event::ClosingBegan { why }).await?,
            Directive::TurnBack(cause) => turn_back(job, cause).await?,
            Directive::Return => go_back(job).await?,
            Directive::Rest => return Ok(()),
        }
    }
}

/// Waits with new work until the cloud is in a condition to take it. Answers `false` when the job is cancelled
/// meanwhile. Work under way, and the way back above all, never waits here.
async fn may_begin(job: &JobContext) -> Result<bool, Stop> {
    let mut told = None;
    while let Circuit::Open { since, why } = job.parts.cloud.circuit() {
        if job.halt.is_cancelled() {
            return Ok(false);
        }
        if told.is_none() {
            told = Some(job.idle.one_more());
            tracing::warn!(job_id = %job.job_id, %since, why, "The job does not begin while the cloud does not answer.");
        }
        job.journal.pause(job.parts.settings.cloud_poll_min).await?;
    }
    Ok(true)
}

/// Runs lanes side by side. When one fails, or the job is cancelled, the others come to a safe point and stop.
async fn work(job: &JobContext, lanes: &[Vec<Step>]) -> Result<(), Stop> {
    let lane = |steps: &'_ [Step]| {
        let steps = steps.to_vec();
        async move {
            for step in &steps {
                match run_step(job, step).await? {
                    StepEnd::Done => {}
                    StepEnd::Failed | StepEnd::Delayed => {
                        job.halt.cancel();
                        return Ok(());
                    }
                    StepEnd::Halted => return Ok(()),
                }
            }
            Ok(())
        }
    };
    let ends: Vec<Result<(), Stop>> = join_all(lanes.iter().map(|steps| lane(steps))).await;
    ends.into_iter().collect()
}

/// A request is stored that the job has not heard; the worker brings it at its next look.
async fn wait_for_request(job: &JobContext) -> Result<(), Stop> {
    job.journal
        .pause_or_request(job.parts.settings.poll_interval)
        .await
}

/// Lets commands of the way there that are still under way come to an end, then begins the way back. Acting
/// against a command whose outcome is unknown could be overtaken by it.
async fn turn_back(job: &JobContext, cause: Failure) -> Result<(), Stop> {
    job.halt.cancel();
    let state = job.journal.state().await;
    let open = open_forward_steps(&job.plan, &state);
    let settled: Vec<Result<StepEnd, Stop>> = join_all(open.iter().map(|step| run_step(job, step))).await;
    settled.into_iter().collect::<Result<Vec<_>, Stop>>()?;
    job.journal.record(Event::ReturnBegan { cause }).await
}

/// The way back, until every replica is home and the ledger is empty.
///
/// Each step is a task of its own. Steps that were merely polled from this loop could hold the journal's lock
/// while the loop waits for it. Dropping the set ends them all.
async fn go_back(job: &Arc<JobContext>) -> Result<(), Stop> {
    let mut under_way = JoinSet::new();
    let mut running: BTreeSet<StepId> = BTreeSet::new();
    // Commands of an earlier way back whose outcome nobody has seen yet.
    for step in open_return_steps(&job.journal.state().await) {
        running.insert(step.id.clone());
        under_way.spawn(run_return_step(Arc::clone(job), step));
    }
    let mut silent_since = None;
    loop {
        let state = job.journal.state().await;
        if let Some(scene) = look(job, &state, &mut silent_since).await? {
            let busy: BTreeSet<StepId> = running.iter().cloned().chain(delayed(job, &state)).collect();
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
                running.insert(step.id.clone());
                under_way.spawn(run_return_step(Arc::clone(job), step));
            }
        }
        // Whatever ends first, a request, or a pause: the cloud may change by itself or by a person's hand.
        let pause = job.journal.pause_or_request(job.parts.settings.cloud_poll_max);
        tokio::select! {
            Some(ended) = under_way.join_next(), if !under_way.is_empty() => {
                let step = ended.map_err(|e| Stop::Broken(e.to_string()))??;
                running.remove(&step);
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
fn delayed(job: &JobContext, state: &JobState) -> Vec<StepId> {
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

/// Raises an attention for each obstacle, and clears those that are gone.
async fn report(job: &JobContext, obstacles: &[Obstacle]) -> Result<(), Stop> {
    let now = job.parts.clock.now();
    let found: Vec<ObstacleWords> = obstacles.iter().map(|o| obstacle_words(&job.plan, o)).collect();
    let kinds = [
        AttentionCode::ReplicaMissing,
        AttentionCode::ReplicaElsewhere,
        AttentionCode::DestinationDestroyed,
        AttentionCode::DirtyReplicaOnOma,
        AttentionCode::KeptForInspection,
        AttentionCode::ForeignVmSnapshot,
    ];
    let is_over = |a: &&Attention| {
        kinds.contains(&a.code) && !found.iter().any(|f| a.is(f.code, Some(f.object.as_str())))
    };
    for open in job.journal.state().await.attention.iter().filter(is_over) {
        if let Some(object) = open.object() {
            attention::clear_about(&job.journal, open.code, object.to_owned()).await?;
        }
    }
    for words in found {
        attention::raise(
            &job.journal,
            words.code,
            words.severity,
            words.message,
            vec![words.object],
            words.choices,
            now,
        )
        .await?;
    }
    Ok(())
}

struct ObstacleWords {
    code: AttentionCode,
    severity: Severity,
    object: String,
    message: String,
    choices: &'static [&'static str],
}

fn obstacle_words(plan: &Plan, obstacle: &Obstacle) -> ObstacleWords {
    const BY_HAND: &[&str] =
        &["Detach the volume in the cloud, or bring it back; the engine sees it and goes on."];
    let replica = |disk: usize, code, severity, problem: &str, choices| {
        let planned = &plan.disks[disk];
        ObstacleWords {
            code,
            severity,
            object: planned.object(),
            message: format!(
                "Replica {} ({}) cannot return: {problem}",
                planned.volume_name, planned.volume
            ),
            choices,
        }
    };
    match obstacle {
        Obstacle::Missing { disk } => {
            let words = "the cloud does not show it any more";
            replica(
                *disk,
                AttentionCode::ReplicaMissing,
                Severity::Critical,
                words,
                BY_HAND,
            )
        }
        Obstacle::Elsewhere { disk, vm_name } => {
            let words = format!("it hangs on VM {vm_name}, where nobody of us put it");
            replica(
                *disk,
                AttentionCode::ReplicaElsewhere,
                Severity::Critical,
                &words,
                BY_HAND,
            )
        }
        Obstacle::OnDestroyedVm { disk } => {
            let words = "the destination VM was destroyed or is in error, and the replica is deleted with it if it \
                         is the root; recover the VM in the cloud before it is expunged";
            replica(
                *disk,
                AttentionCode::DestinationDestroyed,
                Severity::Critical,
                words,
                BY_HAND,
            )
        }
        Obstacle::DirtyAtHome { disk } => {
            let words = "it was put on the OMA before it was reverted; its content is not the replicated one";
            let choices: &[&str] = &[
                "Detach the volume in the cloud: it is reverted and returns by itself.",
                "keep: it stays as it is for inspection.",
                "force: it is marked for a full synchronisation and stays where it is.",
            ];
            replica(
                *disk,
                AttentionCode::DirtyReplicaOnOma,
                Severity::Critical,
                words,
                choices,
            )
        }
        Obstacle::NothingToRevertTo { disk } => {
            let words = "it is dirty, and the VM snapshot that was its rollback point is gone or in error";
            replica(
                *disk,
                AttentionCode::RevertFailed,
                Severity::Error,
                words,
                attention::REVERT_CHOICES,
            )
        }
        Obstacle::Kept { disk } => {
            let words = "it is kept for inspection, as was decided";
            let choices: &[&str] = &[
                "retry: the engine takes it up again and reverts it.",
                "force: the rollback point is given up; the replica is marked for a full synchronisation and returns.",
            ];
            replica(
                *disk,
                AttentionCode::KeptForInspection,
                Severity::Warning,
                words,
                choices,
            )
        }
        Obstacle::ForeignVmSnapshot { name } => ObstacleWords {
            code: AttentionCode::ForeignVmSnapshot,
            severity: Severity::Error,
            object: format!("VM snapshot {name}"),
            message: format!(
                "Somebody took VM snapshot {name} of destination VM {}: no replica can be detached while it exists",
                plan.vm.name
            ),
            choices: &["Delete the VM snapshot in the cloud; the engine sees it and goes on."],
        },
    }
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
        return job.journal.end(Event::Closed { comparison, resting }).await;
    }
    let Some(cause) = state.failure.clone() else {
        return Err(Stop::Broken("the way back has no cause".to_owned()));
    };
    let failed = Event::Failed {
        cause,
        comparison,
        resting,
    };
    job.journal.end(failed).await
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
