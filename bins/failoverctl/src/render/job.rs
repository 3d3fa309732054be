//! Jobs: in lists, in full, and how they ended.

use chrono::{DateTime, TimeDelta, Utc};
use failover_api::dto::engine::{Custody, Failure, ResourceRow, StepKind};
use failover_api::dto::{JobCreated, JobDetail, JobPage, JobSummary, StepStanding, StepView, VolumeView};
use failover_domain::{AttentionCode, Decision, JobStatus, JobType};

use super::event::word;
use super::{Paint, attention, figures, or_dash, table, test, verb};

/// A page of jobs.
pub(crate) fn list(page: &JobPage) -> String {
    if page.jobs.is_empty() {
        return "no jobs\n".to_owned();
    }
    let row = |job: &JobSummary| {
        let attention = job.attention.len();
        [
            job.job_id.to_string(),
            job.source_vm_name.clone(),
            status_words(job),
            format!("{:.0} %", job.progress),
            figures::instant(job.created_at),
            if attention == 0 {
                String::new()
            } else {
                attention.to_string()
            },
            job.error_message.clone().unwrap_or_default(),
        ]
    };
    let header = [
        "JOB ID",
        "VM",
        "STATUS",
        "PROGRESS",
        "CREATED",
        "ATTENTION",
        "ERROR",
    ];
    let mut text = table(0, header, page.jobs.iter().map(row));
    if let Some(cursor) = &page.next_cursor {
        text += &format!("There are more: failoverctl jobs list --cursor {cursor}\n");
    }
    text
}

/// A job that was just started.
pub(crate) fn created(created: &JobCreated) -> String {
    let expected = created
        .expected_seconds
        .map(|s| format!(" It should take about {}.", figures::seconds(s)));
    if created.status.is_final() {
        let (id, status) = (&created.job_id, created.status);
        return format!(
            "Job {id} has seen to that already: it is {status}.\nSee failoverctl jobs show {id}\n"
        );
    }
    format!(
        "Job {id} was started.{}\nFollow it: failoverctl jobs show {id} --watch\n",
        expected.unwrap_or_default(),
        id = created.job_id
    )
}

/// A job in full.
pub(crate) fn detail(detail: &JobDetail, paint: Paint) -> String {
    let job = &detail.summary;
    let mut text = format!(
        "{} ({} -> {})\n  {}  {}\n  {}\n",
        paint.bold(job.job_id.as_str()),
        job.source_vm_name,
        detail.plan.vm.name,
        status_painted(job, paint),
        figures::bar(job.progress, 30),
        elapsed(detail)
    );
    text += &format!(
        "  asked for by {} at {}\n",
        job.requested_by,
        figures::instant(job.created_at)
    );
    if let Some(by) = &job.cancel_requested_by {
        text += &format!("  cancelling asked for by {by}\n");
    }
    text += &format!(
        "  worker {} (epoch {})\n",
        or_dash(detail.owner.as_ref()),
        detail.epoch
    );
    text += &format!("  destination VM {}\n", or_dash(job.destination_vm_id.as_ref()));
    for line in test::particulars(detail) {
        text += &format!("  {line}\n");
    }
    text += &trouble(job, paint);
    if let Some(seen) = &detail.comparison {
        text += &test::comparison(seen, paint);
    }
    text += &steps(detail, paint);
    text += &format!("\n{}\n{}", paint.bold("Replicas"), replicas(detail));
    if !detail.ledger.is_empty() {
        text += &format!(
            "\n{}\n{}",
            paint.bold("Created in the cloud"),
            ledger(&detail.ledger)
        );
    }
    if !detail.requests.is_empty() {
        text += &format!(
            "\n{}\n{}",
            paint.bold("What was asked"),
            verb::requests(&detail.requests)
        );
    }
    text += &format!(
        "\n{}\n{}",
        paint.bold("What may be done"),
        verb::actions(&job.job_id, &detail.actions)
    );
    text
}

/// Why a job failed, and what people are needed for.
pub(crate) fn trouble(job: &JobSummary, paint: Paint) -> String {
    let failure = job.failure.iter().map(|f| failure_lines(f, paint));
    let open = job.attention.iter();
    let attention = open.map(|a| attention::lines(a, &job.job_id, &job.vm_id, paint));
    failure.chain(attention).collect()
}

/// How a job ended, and where each replica rests.
pub(crate) fn summary(detail: &JobDetail, paint: Paint) -> String {
    let job = &detail.summary;
    let took = figures::seconds(detail.elapsed_seconds);
    let mut text = if job.status == JobStatus::Completed && !is_clean(detail) {
        format!(
            "{}: {}, after {took}. Something is left that a person must see to.\n",
            paint.warn("Completed, not clean"),
            success(detail)
        )
    } else if job.status == JobStatus::Completed {
        format!(
            "{}: {}, after {took}.\n",
            paint.good("Completed"),
            success(detail)
        )
    } else {
        let what = match job.job_type {
            JobType::Live => "failover",
            JobType::Test => "test",
            JobType::Rollback => "rollback",
            JobType::Commit => "commit",
        };
        format!(
            "{}: the {what} of {} ended without success, after {took}.\n",
            paint.bad("Failed"),
            job.source_vm_name
        )
    };
    text += &trouble(job, paint);
    if let Some(seen) = &detail.comparison {
        text += &test::comparison(seen, paint);
    }
    text += &format!("{}\n{}", paint.bold("Where the replicas rest"), replicas(detail));
    text + &what_comes_next(job)
}

/// A completed live failover waits for a person's word, or for its time.
fn what_comes_next(job: &JobSummary) -> String {
    let is_open =
        job.job_type == JobType::Live && job.status == JobStatus::Completed && job.settled_by.is_none();
    if !is_open {
        return String::new();
    }
    let id = &job.job_id;
    let waits = match job.settle_at {
        Some(at) => format!(
            "Its commit policy settles it at {}; before that:",
            figures::instant(at)
        ),
        None => "Its rollback points are kept until it is settled:".to_owned(),
    };
    format!(
        "{waits}\n  failoverctl jobs commit {id}   (the VM stays, the rollback points go)\n  \
         failoverctl jobs rollback {id} --discard-guest-writes   (everything goes back)\n"
    )
}

/// Whether a completed job leaves nothing to see to: no replica that needs a full synchronisation, nothing that is
/// different from before, no open attention about what it did.
pub(crate) fn is_clean(detail: &JobDetail) -> bool {
    let differs = detail
        .comparison
        .as_ref()
        .is_some_and(|c| !c.differences.is_empty());
    let attention = &detail.summary.attention;
    // Rollback points that are kept for long are no flaw of the job that made them.
    let is_told = attention
        .iter()
        .any(|a| a.code != AttentionCode::RollbackPointsOld);
    !differs && !is_told && detail.volumes.iter().all(|v| !v.quarantined)
}

fn success(detail: &JobDetail) -> String {
    let job = &detail.summary;
    let (source, name) = (&job.source_vm_name, &detail.plan.vm.name);
    match job.job_type {
        JobType::Live => format!(
            "{source} runs in the cloud as {name} (VM {})",
            or_dash(job.destination_vm_id.as_ref())
        ),
        JobType::Test if !is_clean(detail) => format!("the test of {source} is over"),
        JobType::Test => format!("the test of {source} is over and undone"),
        JobType::Rollback => format!("the failover of {source} is rolled back"),
        JobType::Commit => format!("the failover of {source} is final; its rollback points are deleted"),
    }
}

/// Why a job failed or is on the way back.
pub(crate) fn failure_lines(failure: &Failure, paint: Paint) -> String {
    let step = failure
        .step
        .as_ref()
        .map(|s| format!(" in step {s}"))
        .unwrap_or_default();
    let mut text = format!(
        "{} {}{step}: {}\n",
        paint.bad("failure"),
        word(&failure.code),
        failure.message
    );
    if let Some(refusal) = &failure.cloud {
        text += &format!("  {refusal}\n");
    }
    text + &format!("  -> {}\n", failure.remedy)
}

/// A job's status in words: on the way back it keeps the status in which it turned round. The last part of a test, a
/// rollback or a commit is as planned, and has statuses of its own.
pub(crate) fn status_words(job: &JobSummary) -> String {
    if job.returning && job.failure.is_some() && !job.status.is_final() {
        format!("{}, on the way back", job.status)
    } else {
        job.status.to_string()
    }
}

/// The same in the colour of its meaning.
pub(crate) fn status_painted(job: &JobSummary, paint: Paint) -> String {
    let words = status_words(job);
    match job.status {
        JobStatus::Completed => paint.good(&words),
        JobStatus::Failed => paint.bad(&words),
        JobStatus::Pending
        | JobStatus::Validating
        | JobStatus::Executing
        | JobStatus::Snapshotting
        | JobStatus::CreatingVm
        | JobStatus::SwitchingVolume
        | JobStatus::PoweringOn
        | JobStatus::Cleanup
        | JobStatus::Reverting => {
            if job.returning {
                paint.warn(&words)
            } else {
                paint.bold(&words)
            }
        }
    }
}

/// How long it has been running, and how long it should.
pub(crate) fn elapsed(detail: &JobDetail) -> String {
    let mut expected = figures::seconds(detail.expected_seconds);
    if detail.plan.test().is_some() {
        expected += " beside the test window";
    }
    let elapsed = figures::seconds(detail.elapsed_seconds);
    // A plan that is a way back alone has no expectation: what it has to do shows on the way.
    let is_expected = detail.expected_seconds > 0;
    match detail.summary.started_at {
        None if is_expected => format!("waiting for a worker; should then take about {expected}"),
        None => "waiting for a worker".to_owned(),
        Some(_) if is_expected => format!("{elapsed} elapsed, expected about {expected}"),
        Some(_) => format!("{elapsed} elapsed"),
    }
}

/// The server's clock when it made this answer, so that ours does not matter.
fn server_time(detail: &JobDetail) -> Option<DateTime<Utc>> {
    let elapsed = TimeDelta::seconds(i64::try_from(detail.elapsed_seconds).ok()?);
    detail.summary.started_at?.checked_add_signed(elapsed)
}

/// The steps that are under way, with the lane they belong to.
pub(crate) fn steps_under_way(detail: &JobDetail) -> Vec<(&str, &StepView)> {
    let lanes = detail.stages.iter().flat_map(|s| &s.lanes);
    let forward = lanes.flat_map(|l| l.steps.iter().map(move |s| (l.name.as_str(), s)));
    let back = detail.return_steps.iter().map(|s| ("way back", s));
    let current = &detail.summary.current_steps;
    forward
        .chain(back)
        .filter(|(_, step)| match &step.standing {
            StepStanding::Open { .. } | StepStanding::Delayed { .. } => !detail.summary.status.is_final(),
            // A step that only looks has no journal entry before it is done.
            StepStanding::Waiting => current.iter().any(|id| id == step.step.id.as_str()),
            StepStanding::Done { .. } | StepStanding::Failed { .. } => false,
        })
        .collect()
}

/// How a step stands, in words.
pub(crate) fn standing(step: &StepView, detail: &JobDetail) -> String {
    let expected = figures::seconds(step.expected_seconds);
    let since = |from: DateTime<Utc>| {
        server_time(detail)
            .and_then(|now| u64::try_from((now - from).num_seconds()).ok())
            .map_or_else(|| "running".to_owned(), figures::seconds)
    };
    let attempts = if step.attempts > 1 {
        format!(", attempt {}", step.attempts)
    } else {
        String::new()
    };
    match &step.standing {
        StepStanding::Waiting
            if step.step.kind == StepKind::TestWindow && detail.summary.window_deadline.is_some() =>
        {
            "the window is open".to_owned()
        }
        StepStanding::Waiting
            if detail
                .summary
                .current_steps
                .iter()
                .any(|id| id == step.step.id.as_str()) =>
        {
            format!("looking, about {expected}")
        }
        StepStanding::Waiting => "waiting".to_owned(),
        StepStanding::Open { cloud_job, .. } => {
            let running = step.started_at.map_or_else(|| "running".to_owned(), since);
            // A lost request is looked for before it is sent again, which may take a minute or more.
            let answer = match cloud_job {
                Some(_) => "",
                None => ", no answer of the cloud yet",
            };
            format!("{running} of about {expected}{attempts}{answer}")
        }
        StepStanding::Delayed { error, retry_at } => {
            format!("waits until {}: {error}{attempts}", figures::clock(*retry_at))
        }
        StepStanding::Done { .. } => match step.started_at.zip(step.updated_at) {
            // A step that only looks has one entry, and nobody knows how long it has looked.
            Some((from, to)) if from == to => "done".to_owned(),
            Some((from, to)) => {
                format!(
                    "done in {}",
                    figures::seconds(u64::try_from((to - from).num_seconds()).unwrap_or(0))
                )
            }
            None => "done".to_owned(),
        },
        StepStanding::Failed { error } => format!("FAILED: {error}"),
    }
}

fn steps(detail: &JobDetail, paint: Paint) -> String {
    let row = |lane: &str, step: &StepView| {
        [
            lane.to_owned(),
            step.step.kind.name().to_owned(),
            standing(step, detail),
        ]
    };
    let mut text = String::new();
    for (place, stage) in detail.stages.iter().enumerate() {
        text += &format!(
            "\n{}\n",
            paint.bold(&format!("Stage {}: {}", place + 1, stage.name))
        );
        let rows = stage
            .lanes
            .iter()
            .flat_map(|l| l.steps.iter().map(|s| row(&l.name, s)));
        text += &table(2, ["LANE", "STEP", "STANDING"], rows);
    }
    if !detail.return_steps.is_empty() {
        text += &format!("\n{}\n", paint.bold("The way back"));
        let rows = detail.return_steps.iter().map(|s| row(&subject(s.step.kind), s));
        text += &table(2, ["OF", "STEP", "STANDING"], rows);
    }
    text
}

fn subject(kind: StepKind) -> String {
    kind.disk()
        .map_or_else(|| "destination VM".to_owned(), |disk| format!("disk {disk}"))
}

fn replicas(detail: &JobDetail) -> String {
    let row = |volume: &VolumeView| {
        [
            volume.label.clone(),
            format!("{} ({})", volume.volume_name, volume.volume_id),
            place(&volume.custody, &detail.plan.vm.name),
            or_dash(volume.snapshot_id.as_ref()),
            unclean(volume).to_owned(),
        ]
    };
    table(
        2,
        ["DISK", "REPLICA VOLUME", "WHERE", "ROLLBACK POINT", ""],
        detail.volumes.iter().map(row),
    )
}

/// On the destination VM a guest's writes are what the failover is for; anywhere else they are in the way.
fn unclean(volume: &VolumeView) -> &'static str {
    if volume.quarantined {
        return "needs a full synchronisation";
    }
    if volume.decision == Some(Decision::Keep) {
        return "kept for inspection";
    }
    match volume.custody {
        Custody::Oma { .. } | Custody::Detached if volume.dirty => "holds a guest's writes",
        Custody::Oma { .. } | Custody::Detached | Custody::Destination { .. } => "",
    }
}

fn place(custody: &Custody, destination: &str) -> String {
    match custody {
        Custody::Oma { device } => format!("OMA, device {device}"),
        Custody::Detached => "DETACHED".to_owned(),
        Custody::Destination { device } => format!("{destination}, device {device}"),
    }
}

fn ledger(rows: &[ResourceRow]) -> String {
    let row = |resource: &ResourceRow| {
        [
            word(&resource.kind),
            resource.name.clone(),
            or_dash(resource.cloud_id.as_ref()),
            word(&resource.state),
        ]
    };
    table(2, ["OBJECT", "NAME", "ID", "STATE"], rows.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_running_job_shows_every_step() {
        let text = detail(&fixture::running(), Paint::Plain);
        assert_eq!(text, include_str!("../../tests/expected/running.txt"), "\n{text}");
    }

    #[test]
    fn a_request_that_the_cloud_has_not_answered_is_said_to_be_so() {
        let mut job = fixture::running();
        let steps = job.stages.iter_mut().flat_map(|stage| &mut stage.lanes);
        for step in steps.flat_map(|lane| &mut lane.steps) {
            if let StepStanding::Open { cloud_job, .. } = &mut step.standing {
                *cloud_job = None;
            }
        }
        let text = detail(&job, Paint::Plain);
        assert!(text.contains("attempt 2, no answer of the cloud yet"), "{text}");
    }

    #[test]
    fn a_completed_job_says_where_the_replicas_rest() {
        let text = summary(&fixture::completed(), Paint::Plain);
        assert_eq!(
            text,
            include_str!("../../tests/expected/completed.txt"),
            "\n{text}"
        );
    }

    #[test]
    fn a_failed_job_says_why_and_what_to_do() {
        let text = summary(&fixture::failed(), Paint::Plain);
        assert_eq!(text, include_str!("../../tests/expected/failed.txt"), "\n{text}");
    }

    #[test]
    fn an_open_test_shows_window_health_strategy_and_what_may_be_done() {
        let text = detail(&fixture::testing(), Paint::Plain);
        assert_eq!(text, include_str!("../../tests/expected/testing.txt"), "\n{text}");
    }

    #[test]
    fn a_test_that_is_over_shows_the_cloud_before_and_after() {
        let text = summary(&fixture::tested(), Paint::Plain);
        assert_eq!(text, include_str!("../../tests/expected/tested.txt"), "\n{text}");
    }

    #[test]
    fn a_test_that_left_a_replica_in_quarantine_is_no_clean_success() {
        let mut job = fixture::tested();
        assert!(is_clean(&job));
        job.volumes[0].quarantined = true;
        let text = summary(&job, Paint::Plain);
        assert!(text.starts_with("Completed, not clean: "), "{text}");
        assert!(!text.contains("undone"), "{text}");
    }

    #[test]
    fn replicas_that_need_a_person_say_so() {
        let mut job = fixture::failed();
        job.volumes[0].quarantined = true;
        job.volumes[1].decision = Some(Decision::Keep);
        let text = summary(&job, Paint::Plain);
        for words in ["needs a full synchronisation", "kept for inspection"] {
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn the_planned_end_of_a_test_is_not_called_a_way_back() {
        let mut job = fixture::testing().summary;
        job.returning = true;
        job.status = JobStatus::Reverting;
        assert_eq!(status_words(&job), "reverting");
    }

    #[test]
    fn a_list_shows_the_error_and_the_way_on() {
        let job = fixture::failed().summary;
        let page = JobPage {
            next_cursor: Some(job.job_id.clone()),
            jobs: vec![job],
        };
        let text = list(&page);
        assert!(
            text.contains("failed") && text.contains("the cloud refused to create the VM"),
            "{text}"
        );
        assert!(text.contains(&format!("--cursor {}", fixture::JOB)), "{text}");
    }
}
