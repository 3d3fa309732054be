//! Journal entries, one line each.

use failover_api::dto::engine::{ClosingReason, Comparison, Event, Plan, StepFacts, StoredEvent};
use serde::Serialize;

use super::figures;
use super::test::verdict;
use super::verb::wish;

/// A journal entry with its number and time of day.
pub(crate) fn line(stored: &StoredEvent, plan: Option<&Plan>) -> String {
    format!(
        "{:>4}  {}  {}",
        stored.seq,
        figures::clock(stored.at),
        describe(&stored.event, plan)
    )
}

/// What happened, in words.
pub(crate) fn describe(event: &Event, plan: Option<&Plan>) -> String {
    let stage = |place: usize| {
        let name = plan
            .and_then(|p| p.stages.get(place))
            .map(|s| format!(" ({})", s.name));
        format!("stage {}{}", place + 1, name.unwrap_or_default())
    };
    match event {
        Event::Accepted { by } => format!("accepted, asked for by {by}"),
        Event::TakenUp { worker, epoch } => format!("taken up by worker {worker} (epoch {epoch})"),
        Event::StageEntered { stage: place } => format!("{} begins", stage(*place)),
        Event::StageFinished { stage: place } => format!("{} is finished", stage(*place)),
        Event::StepIntended {
            step,
            attempt,
            command,
            ..
        } => {
            let again = if *attempt > 0 {
                format!(" (attempt {})", attempt + 1)
            } else {
                String::new()
            };
            format!("{}: {command}{again}", step.id)
        }
        Event::StepSubmitted { step, cloud_job, .. } => match cloud_job {
            Some(job) => format!("{}: accepted by the cloud (job {job})", step.id),
            None => format!("{}: accepted by the cloud", step.id),
        },
        Event::StepDone { step, facts } => format!("{}: done{}", step.id, learnt(facts)),
        Event::StepDelayed {
            step,
            error,
            retry_at,
        } => {
            format!(
                "{}: {error}; next attempt at {}",
                step.id,
                figures::clock(*retry_at)
            )
        }
        Event::StepFailed { step, error } => format!("{}: FAILED: {error}", step.id),
        Event::CancelHeard { by } => format!("cancelling was asked for by {by}"),
        Event::RequestHeard { by, request, .. } => format!("{by} asked to {}", wish(request)),
        Event::WindowOpened { window } => {
            format!(
                "the test window is open until {}",
                figures::instant(window.deadline)
            )
        }
        Event::HealthSeen { health } => format!("the test VM is {}", health.words()),
        Event::ReturnBegan { cause } => format!("the way back begins: {}", cause.message),
        Event::ClosingBegan { why } => format!("the last part begins: {}", closing(why)),
        Event::AttentionRaised { attention } => format!(
            "ATTENTION ({}) {}: {}",
            word(&attention.severity),
            word(&attention.code),
            attention.message
        ),
        Event::AttentionCleared { code, object } => {
            let about = object.as_ref().map(|o| format!(" about {o}")).unwrap_or_default();
            format!("attention {}{about} is over", word(code))
        }
        Event::Completed => "completed".to_owned(),
        Event::Closed { comparison, .. } => format!("completed{}", compared(comparison.as_ref())),
        Event::Failed {
            cause, comparison, ..
        } => {
            format!("failed: {}{}", cause.message, compared(comparison.as_ref()))
        }
    }
}

fn closing(why: &ClosingReason) -> String {
    match why {
        ClosingReason::WindowOver => "the test window is over".to_owned(),
        ClosingReason::TestEnded { by } => format!("{by} ended the test"),
        ClosingReason::Settlement => "what the job is for".to_owned(),
    }
}

fn compared(comparison: Option<&Comparison>) -> String {
    comparison
        .map(|c| format!("; cloud before and after: {}", verdict(c)))
        .unwrap_or_default()
}

fn learnt(facts: &StepFacts) -> String {
    match facts {
        StepFacts::Plain | StepFacts::GuestOff => String::new(),
        StepFacts::Readiness { score } => format!(", score {score:.0}"),
        StepFacts::VmCreated { vm, .. } => format!(", VM {vm}"),
        StepFacts::SnapshotTaken { snapshot, .. } => format!(", snapshot {snapshot}"),
        StepFacts::VmSnapshotTaken { vm_snapshot } => format!(", VM snapshot {vm_snapshot}"),
        StepFacts::InventoryTaken { survey } => format!(
            ", {} and {}",
            figures::count(survey.replicas.len(), "replica"),
            figures::count(survey.vms.len(), "VM")
        ),
        StepFacts::WindowClosed { why } => format!(", {}", closing(why)),
        StepFacts::Attached { device, .. } => format!(", device {device}"),
        StepFacts::BootVerified { grades, .. } => {
            let grades: Vec<String> = grades
                .iter()
                .map(|(grade, seen)| format!("{grade}: {seen}"))
                .collect();
            format!(", {}", grades.join(", "))
        }
    }
}

/// The word that the API uses for a value, such as an attention's code.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn every_kind_of_entry_reads_well() {
        let plan = fixture::dry_run().plan;
        let text: String = fixture::journal()
            .iter()
            .map(|e| line(e, Some(&plan)) + "\n")
            .collect();
        assert_eq!(text, include_str!("../../tests/expected/journal.txt"), "\n{text}");
    }

    #[test]
    fn without_a_plan_stages_have_numbers_only() {
        assert_eq!(
            describe(&Event::StageEntered { stage: 2 }, None),
            "stage 3 begins"
        );
    }
}
