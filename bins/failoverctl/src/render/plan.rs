//! The dry run: everything that a failover would do, in order, before anything is done.

use failover_api::dto::DryRunAnswer;
use failover_api::dto::engine::{
    BootPolicy, CommitPolicy, Errand, Lane, OnBootFailure, Plan, Stage, StepKind, WayBackLine,
};
use failover_domain::{CheckStatus, Firmware};

use super::readiness::finding_lines;
use super::step::{Call, call};
use super::test::at_end;
use super::{Paint, figures, or_dash, table};

/// A plan with its way back and the verdict that allows it.
pub(crate) fn plan(answer: &DryRunAnswer, paint: Paint) -> String {
    let plan = &answer.plan;
    let heading = |text: &str| format!("\n{}\n", paint.bold(text));
    let mut text = header(plan, &expected_time(answer), paint);
    text += &errand_lines(plan);
    text += &heading("Disks");
    text += &disks(plan);
    text += &heading("Network cards");
    text += &nics(plan);
    text += &heading("What happens, in order");
    for (place, stage) in plan.stages.iter().enumerate() {
        text += &stage_lines(plan, place + 1, stage);
    }
    text += &heading("Point of no return");
    text += &point_of_no_return(plan);
    text += &heading("Created and destroyed");
    text += &created_and_destroyed(plan);
    text += &heading(match plan.test() {
        Some(_) => "The way back, at the end of the test and after a failure or a cancel",
        None => "The way back, after a failure or a cancel",
    });
    text += &way_back(&answer.way_back);
    text += &heading(&format!(
        "Readiness (score {:.0} of 100)",
        answer.readiness.readiness_score
    ));
    let passed = answer
        .readiness
        .checks
        .iter()
        .filter(|c| c.status == CheckStatus::Pass)
        .count();
    text += &format!("  {passed} of {} checks passed\n", answer.readiness.checks.len());
    for finding in answer.readiness.failures() {
        text += &finding_lines(finding, paint, "  ");
    }
    text + "\nNothing was changed.\n"
}

/// How long it should take: from what earlier failovers took, where the server tells.
fn expected_time(answer: &DryRunAnswer) -> String {
    answer
        .estimated_duration
        .as_ref()
        .map_or_else(|| figures::seconds(answer.expected_seconds), figures::estimate)
}

fn header(plan: &Plan, expected_time: &str, paint: Paint) -> String {
    let shape = &plan.vm.shape;
    let firmware = match (shape.firmware, shape.secure_boot) {
        (Firmware::Bios, _) => "BIOS",
        (Firmware::Uefi, false) => "UEFI",
        (Firmware::Uefi, true) => "UEFI with secure boot",
    };
    let title = paint.bold(&format!(
        "{} failover of {}",
        capital(plan.job_type.as_str()),
        plan.source_vm_name
    ));
    format!(
        "{title} ({})\n  destination VM  {} (zone {})\n  size            {} CPUs, {} MiB memory, {firmware}; offering {}\n  \
         template        {} (its root volume is removed at once)\n  boot            {}\n  expected time   {}\n",
        plan.vm_id,
        plan.vm.name,
        plan.vm.zone,
        shape.cpus,
        shape.memory_mib,
        plan.vm.offering_name,
        plan.vm.template_name,
        boot(&plan.boot),
        expected_time
    )
}

/// What only tests, or only live failovers, are asked for.
fn errand_lines(plan: &Plan) -> String {
    match &plan.errand {
        Errand::Test(test) => format!(
            "  test window     {}, {}\n  rollback point  {}: {}\n",
            figures::seconds(test.window_seconds),
            at_end(test.at_window_end),
            test.strategy,
            test.strategy_reason
        ),
        Errand::Live { commit } => match commit {
            CommitPolicy::Manual => String::new(),
            CommitPolicy::CommitAfter { seconds } => format!(
                "  afterwards      committed by itself after {}\n",
                figures::seconds(*seconds)
            ),
            CommitPolicy::RollbackAfter { seconds } => format!(
                "  afterwards      rolled back by itself after {}\n",
                figures::seconds(*seconds)
            ),
        },
        Errand::Rollback(settled) | Errand::Commit(settled) => {
            format!("  live failover   {}\n", settled.job)
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

fn boot(policy: &BootPolicy) -> String {
    let grades: Vec<String> = policy.grades.iter().map(ToString::to_string).collect();
    let grades = if grades.is_empty() {
        String::new()
    } else {
        format!(" and {}", grades.join(", "))
    };
    let otherwise = match policy.on_failure {
        OnBootFailure::Rollback => "everything is undone",
        OnBootFailure::Hold => "the VM is left running for a person to look at",
    };
    format!(
        "Running{grades} within {}, otherwise {otherwise}",
        figures::seconds(policy.within_seconds)
    )
}

fn disks(plan: &Plan) -> String {
    let rows = plan.disks.iter().map(|disk| {
        [
            disk.label.clone(),
            disk.position.to_string(),
            figures::bytes(disk.size_bytes),
            format!("{} ({})", disk.volume_name, disk.volume),
            format!("device {}", disk.oma_device),
            format!("device {}", disk.destination_device),
        ]
    });
    table(
        2,
        [
            "DISK",
            "AT",
            "SIZE",
            "REPLICA VOLUME",
            "ON THE OMA",
            "ON THE DESTINATION VM",
        ],
        rows,
    )
}

fn nics(plan: &Plan) -> String {
    let rows = plan.vm.nics.iter().enumerate().map(|(place, nic)| {
        [
            (place + 1).to_string(),
            nic.source_network.clone(),
            format!("{} ({})", nic.network_name, nic.network),
            nic.mac
                .as_ref()
                .map_or_else(|| "chosen by the cloud".to_owned(), ToString::to_string),
            if place == 0 {
                "default".to_owned()
            } else {
                String::new()
            },
        ]
    });
    table(2, ["CARD", "SOURCE NETWORK", "CLOUD NETWORK", "MAC", ""], rows)
}

fn stage_lines(plan: &Plan, number: usize, stage: &Stage) -> String {
    let side_by_side = if stage.lanes.len() > 1 {
        format!(", {} lanes side by side", stage.lanes.len())
    } else {
        String::new()
    };
    let takes = |kind: StepKind| match (kind, plan.test()) {
        // The window is no work, but it takes its time.
        (StepKind::TestWindow, Some(test)) => test.window_seconds,
        (kind, _) => kind.expected_seconds(),
    };
    let lane_takes = |lane: &Lane| lane.steps.iter().map(|step| takes(step.kind)).sum::<u64>();
    let stage_takes = stage.lanes.iter().map(lane_takes).max().unwrap_or(0);
    let mut text = format!(
        "  {number}. {} ({}{side_by_side})\n",
        stage.name,
        figures::seconds(stage_takes)
    );
    let width = stage
        .lanes
        .iter()
        .map(|lane| lane.name.chars().count())
        .max()
        .unwrap_or(0);
    for lane in &stage.lanes {
        for (place, step) in lane.steps.iter().enumerate() {
            let lane_name = if place == 0 { lane.name.as_str() } else { "" };
            let words = match call(plan, step.kind) {
                Call::Changes(words) => words,
                Call::Reads(words) => format!("({words})"),
            };
            let expected = figures::seconds(takes(step.kind));
            text += &format!("     {lane_name:width$}  {expected:>6}  {words}\n");
        }
    }
    text
}

/// The start of the destination VM: from there on the replicas hold what the guest writes.
fn point_of_no_return(plan: &Plan) -> String {
    let starts = |stage: &Stage| {
        stage
            .lanes
            .iter()
            .flat_map(|l| &l.steps)
            .any(|s| s.kind == StepKind::StartVm)
    };
    let stage = plan.stages.iter().position(starts).map(|place| place + 1);
    let at_last = match plan.test() {
        Some(_) => "A test ends with the way back.",
        None => "Once the job is completed it can be committed or rolled back.",
    };
    format!(
        "  startVirtualMachine {} (stage {}). Until then the way back changes nothing on the replicas.\n  Afterwards the \
         guest writes to them: the way back reverts them to their rollback points, and what the\n  guest wrote is lost. \
         {at_last}\n",
        plan.vm.name,
        or_dash(stage)
    )
}

fn created_and_destroyed(plan: &Plan) -> String {
    let mut text = format!("  created    VM {}\n", plan.vm.name);
    if let Some(name) = plan.vm_snapshot_name() {
        text += &format!("  created    VM snapshot {name} (rollback point of all replicas)\n");
    }
    let own_points = plan.disks.iter().filter(|_| plan.vm_snapshot_name().is_none());
    for disk in own_points {
        text += &format!(
            "  created    snapshot {} (rollback point of {})\n",
            disk.snapshot_name, disk.volume_name
        );
    }
    text += &format!(
        "  destroyed  scratch root of {}, made from template {}\n",
        plan.vm.name, plan.vm.template_name
    );
    if plan.test().is_some() {
        text += &format!(
            "  destroyed  VM {} and the rollback point, at the end\n",
            plan.vm.name
        );
    }
    text + "  No replica volume is ever deleted.\n"
}

/// The way back, numbered.
fn way_back(lines: &[WayBackLine]) -> String {
    let width = lines
        .iter()
        .map(|line| line.action.chars().count())
        .max()
        .unwrap_or(0);
    let line = |(place, line): (usize, &WayBackLine)| {
        format!("  {:>2}. {:width$}  {}\n", place + 1, line.action, line.when)
    };
    lines.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_plan_shows_everything_that_will_happen() {
        let expected = include_str!("../../tests/expected/plan.txt");
        let text = plan(&fixture::dry_run(), Paint::Plain);
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn a_plan_of_a_test_shows_window_strategy_and_how_it_is_undone() {
        let expected = include_str!("../../tests/expected/plan_test.txt");
        let text = plan(
            &fixture::dry_run_of(fixture::test_plan_of_an_hour()),
            Paint::Plain,
        );
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn a_boot_that_must_be_proved_says_how() {
        let mut answer = fixture::dry_run();
        answer
            .plan
            .boot
            .grades
            .insert(failover_api::dto::engine::BootGrade::Tcp(22));
        answer.plan.boot.on_failure = OnBootFailure::Hold;
        let text = plan(&answer, Paint::Plain);
        assert!(
            text.contains("Running and tcp:22 within 5 min, otherwise the VM is left running"),
            "{text}"
        );
    }
}
