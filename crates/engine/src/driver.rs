//! Drives one job: asks [`decide`] what comes next and does it, until the job has ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use failover_domain::{AttentionCode, Severity};
use futures::future::join_all;
use ossea::Circuit;
use tokio::task::JoinSet;

use crate::attention;
use crate::decide::{Directive, decide, open_forward_steps};
use crate::event::{Event, Failure};
use crate::journal::Stop;
use crate::plan::{Direction, Step, StepId};
use crate::return_planner::{Obstacle, plan_return};
use crate::runner::{JobContext, StepEnd, run_step};
use crate::scene::Scene;
use crate::state::{JobState, Standing};

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
                    hear_cancel(job).await?;
                    continue;
                }
                job.journal.record(Event::StageEntered { stage }).await?;
            }
            Directive::Work(lanes) => work(job, &lanes).await?,
            Directive::Finish(stage) => job.journal.record(Event::StageFinished { stage }).await?,
            Directive::Complete => job.journal.record(Event::Completed).await?,
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
            told = Some(job.not_begun.one_more());
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
    ends.into_iter().collect::<Result<(), Stop>>()?;
    hear_cancel(job).await
}

/// Journals that the job is to be cancelled, once its lanes stand still.
async fn hear_cancel(job: &JobContext) -> Result<(), Stop> {
    let state = job.journal.state().await;
    if !job.halt.is_cancelled() || state.failed_step().is_some() || state.cancelled_by.is_some() {
        return Ok(());
    }
    let requested = job.parts.jobs.job(&job.job_id).await;
    let by = requested
        .ok()
        .flatten()
        .and_then(|r| r.cancel_requested_by)
        .unwrap_or_else(|| "somebody".to_owned());
    job.journal.record(Event::CancelHeard { by }).await
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
            let next = plan_return(&job.plan, &state, &scene, &busy);
            if next.is_home {
                return finish(job, &state, &scene).await;
            }
            report(job, &next.obstacles).await?;
            for step in next.steps {
                running.insert(step.id.clone());
                under_way.spawn(run_return_step(Arc::clone(job), step));
            }
        }
        // Whatever ends first, or a pause: the cloud may change by itself or by a person's hand.
        let pause = job.journal.pause(job.parts.settings.cloud_poll_max);
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
        StepEnd::Done => attention::clear(&job.journal, trouble.code).await?,
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

/// Raises an attention for each kind of obstacle, and clears those that are gone.
async fn report(job: &JobContext, obstacles: &[Obstacle]) -> Result<(), Stop> {
    let now = job.parts.clock.now();
    let kinds = [
        AttentionCode::ReplicaMissing,
        AttentionCode::ReplicaElsewhere,
        AttentionCode::DestinationDestroyed,
        AttentionCode::DirtyReplicaOnOma,
    ];
    for code in kinds {
        let Some((disk, problem)) = obstacles
            .iter()
            .map(obstacle_words)
            .find(|(c, ..)| *c == code)
            .map(|(_, d, p)| (d, p))
        else {
            attention::clear(&job.journal, code).await?;
            continue;
        };
        let planned = &job.plan.disks[disk];
        let message = format!(
            "Replica {} ({}) cannot return: {problem}",
            planned.volume_name, planned.volume
        );
        let objects = vec![format!("volume {}", planned.volume)];
        let choices = ["Detach the volume in the cloud, or bring it back; the engine sees it and goes on."];
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
    Ok(())
}

fn obstacle_words(obstacle: &Obstacle) -> (AttentionCode, usize, String) {
    match obstacle {
        Obstacle::Missing { disk } => (
            AttentionCode::ReplicaMissing,
            *disk,
            "the cloud does not show it any more".to_owned(),
        ),
        Obstacle::Elsewhere { disk, vm_name } => {
            let words = format!("it hangs on VM {vm_name}, where nobody of us put it");
            (AttentionCode::ReplicaElsewhere, *disk, words)
        }
        Obstacle::OnDestroyedVm { disk } => {
            let words = "the destination VM was destroyed or is in error, and the replica is deleted with it if it \
                         is the root; recover the VM in the cloud before it is expunged";
            (AttentionCode::DestinationDestroyed, *disk, words.to_owned())
        }
        Obstacle::DirtyAtHome { disk } => {
            let words = "it was put on the OMA before it was reverted; its content is not the replicated one";
            (AttentionCode::DirtyReplicaOnOma, *disk, words.to_owned())
        }
    }
}

async fn finish(job: &JobContext, state: &JobState, scene: &Scene) -> Result<(), Stop> {
    for open in &state.attention {
        job.journal
            .record(Event::AttentionCleared { code: open.code })
            .await?;
    }
    let Some(cause) = state.failure.clone() else {
        return Err(Stop::Broken("the way back has no cause".to_owned()));
    };
    job.journal
        .record(Event::Failed {
            cause,
            resting: scene.resting(&job.plan),
        })
        .await
}
