//! How long a failover should take: as measured in the journals of the last ones, and where there is none, as expected.
//!
//! Each kind of step has a time of its own: the median over what finished jobs took for it. The estimate follows the
//! plan's critical path: stages one after another, of each stage the slowest lane. The window of a test is no part of it,
//! because how long it is open is the request's choice.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use failover_domain::{EstimateSource, EstimatedDuration};

use crate::event::{Event, StoredEvent};
use crate::plan::{Lane, Plan, Stage, StepKind};
use crate::state::{IllegalEvent, JobState, Standing, StepRecord};

/// What finished jobs took for each kind of step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepHistory {
    jobs: usize,
    /// By the name of the kind.
    times: BTreeMap<&'static str, Vec<Duration>>,
}

impl StepHistory {
    /// Adds what one job took.
    ///
    /// # Errors
    /// [`IllegalEvent`] when the journal is not one of the plan; then nothing is added.
    pub fn add(&mut self, plan: &Plan, events: &[StoredEvent]) -> Result<(), IllegalEvent> {
        let state = JobState::replay(plan, events)?;
        let entered = entered(events);
        let mut measured = false;
        for (place, stage) in plan.stages.iter().enumerate() {
            let Some(entered) = entered.get(&place) else {
                continue;
            };
            for lane in &stage.lanes {
                measured |= self.add_lane(lane, *entered, &state);
            }
        }
        self.jobs += usize::from(measured);
        Ok(())
    }

    /// A step begins when the one before it in its lane is done; its time includes looking, waiting and repeating.
    fn add_lane(&mut self, lane: &Lane, entered: DateTime<Utc>, state: &JobState) -> bool {
        let (mut began, mut measured) = (entered, false);
        for step in &lane.steps {
            let Some(done) = state.steps.get(&step.id).and_then(done_at) else {
                break;
            };
            // Instants come from the clocks of the workers that drove the job, one of which may have been slow.
            let time = (done - began).to_std().unwrap_or_default();
            self.times.entry(step.kind.name()).or_default().push(time);
            (began, measured) = (done, true);
        }
        measured
    }

    /// How long these stages should take.
    pub fn estimate(&self, stages: &[Stage]) -> EstimatedDuration {
        let time: Duration = stages.iter().map(|stage| self.time_of_stage(stage)).sum();
        let steps = || stages.iter().flat_map(|s| &s.lanes).flat_map(|l| &l.steps);
        let work = || steps().filter(|step| step.kind != StepKind::TestWindow);
        let measured = work().filter(|step| self.median(step.kind).is_some()).count();
        let source = match (measured, work().count() - measured) {
            (0, _) => EstimateSource::Expected,
            (_, 0) => EstimateSource::Measured { jobs: self.jobs },
            (_, _) => EstimateSource::PartlyMeasured { jobs: self.jobs },
        };
        EstimatedDuration {
            // Rounded up: what takes any time takes a second.
            seconds: u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX),
            source,
        }
    }

    fn time_of_stage(&self, stage: &Stage) -> Duration {
        let lane = |lane: &Lane| lane.steps.iter().map(|step| self.time_of(step.kind)).sum();
        stage.lanes.iter().map(lane).max().unwrap_or_default()
    }

    fn time_of(&self, kind: StepKind) -> Duration {
        if kind == StepKind::TestWindow {
            return Duration::ZERO;
        }
        self.median(kind)
            .unwrap_or_else(|| Duration::from_secs(kind.expected_seconds()))
    }

    /// The middle one; of an even number the slower one of the two in the middle.
    fn median(&self, kind: StepKind) -> Option<Duration> {
        let mut times = self.times.get(kind.name())?.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}

/// When each stage was entered first.
fn entered(events: &[StoredEvent]) -> BTreeMap<usize, DateTime<Utc>> {
    let mut entered = BTreeMap::new();
    for stored in events {
        if let Event::StageEntered { stage } = stored.event {
            entered.entry(stage).or_insert(stored.at);
        }
    }
    entered
}

fn done_at(record: &StepRecord) -> Option<DateTime<Utc>> {
    match record.standing {
        Standing::Done { .. } => Some(record.until),
        Standing::Open(_) | Standing::Delayed { .. } | Standing::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use failover_domain::{FailoverType, RollbackStrategy};

    use super::*;
    use crate::plan::stages_of;

    fn history(times: &[(StepKind, &[u64])]) -> StepHistory {
        let in_seconds = |times: &[u64]| times.iter().copied().map(Duration::from_secs).collect();
        let times = times.iter().map(|(kind, times)| (kind.name(), in_seconds(times)));
        StepHistory {
            jobs: 3,
            times: times.collect(),
        }
    }

    fn estimate(history: &StepHistory, disks: usize) -> EstimatedDuration {
        let stages = stages_of(FailoverType::Live, disks, RollbackStrategy::VolumeSnapshots);
        history.estimate(&stages)
    }

    fn expected(disks: usize) -> u64 {
        estimate(&StepHistory::default(), disks).seconds
    }

    #[test]
    fn one_odd_job_does_not_move_the_median() {
        let usual = history(&[(StepKind::StartVm, &[30, 31, 29])]);
        let odd = history(&[(StepKind::StartVm, &[30, 9000, 29])]);
        assert_eq!(estimate(&usual, 1), estimate(&odd, 1));
        assert_eq!(
            estimate(&usual, 1).seconds,
            expected(1) + 30 - StepKind::StartVm.expected_seconds()
        );
    }

    /// A disk's lane is the slowest of its stage: what the lane beside it takes does not count until it is slower.
    #[test]
    fn only_the_slowest_lane_of_a_stage_counts() {
        let disk = StepKind::Snapshot { disk: 0 };
        let slow_vm = |seconds| history(&[(disk, &[100]), (StepKind::CreateVm, &[seconds])]);
        assert_eq!(estimate(&slow_vm(1), 2), estimate(&slow_vm(50), 2));
        assert_eq!(
            estimate(&slow_vm(50), 2).seconds,
            expected(2) + 100 - disk.expected_seconds()
        );
        assert!(estimate(&slow_vm(500), 2).seconds > estimate(&slow_vm(50), 2).seconds);
        assert_eq!(expected(3), expected(2), "data disks are attached side by side");
    }

    #[test]
    fn the_source_says_what_was_measured() {
        assert_eq!(
            estimate(&StepHistory::default(), 1).source,
            EstimateSource::Expected
        );
        let partly = history(&[(StepKind::StartVm, &[30])]);
        assert_eq!(
            estimate(&partly, 1).source,
            EstimateSource::PartlyMeasured { jobs: 3 }
        );
        let stages = stages_of(FailoverType::Live, 1, RollbackStrategy::VolumeSnapshots);
        let kinds = stages.iter().flat_map(|s| &s.lanes).flat_map(|l| &l.steps);
        let all: Vec<(StepKind, &[u64])> = kinds.map(|step| (step.kind, &[2_u64] as &[u64])).collect();
        assert_eq!(
            estimate(&history(&all), 1).source,
            EstimateSource::Measured { jobs: 3 }
        );
    }
}
