//! Drives one job: asks [`decide`] what comes next and does it, until the job has ended.

mod obstacles;
mod returning;

use std::sync::Arc;

use failover_domain::AttentionCode;
use futures::future::join_all;
use ossea::Circuit;

use crate::attention;
use crate::decide::{Directive, decide, open_forward_steps};
use crate::event::{Event, Failure};
use crate::journal::Stop;
use crate::plan::Step;
use crate::runner::{JobContext, StepEnd, run_step};
use crate::state::JobState;
use returning::go_back;

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
    attention::clear(&job.journal, AttentionCode::InvariantGuard).await?;
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
                if !job.journal.end(&state, Event::Completed).await? {
                    wait_for_request(job, &state).await?;
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
async fn wait_for_request(job: &JobContext, state: &JobState) -> Result<(), Stop> {
    job.journal
        .pause_or_request(job.parts.settings.poll_interval, state)
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
