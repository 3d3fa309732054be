//! One run with its faults.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use failover_domain::JobId;
use futures::FutureExt as _;
use ossea_sim::cloud::log::LogEvent;
use ossea_sim::{FaultRule, RuleId};
use tokio::sync::mpsc;

use crate::course::{Cancel, Course};
use crate::database::quiet;
use crate::fault::{Cut, Fault, Moments};
use crate::lab::{Lab, RunningWorker, taken};
use crate::store::{FaultyStore, faulty};

/// What a run has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every fault fired, and no harm was done.
    Withstood,
    /// No harm was done, but one of the two faults never came to its moment: the other one had changed the course.
    OneOnly,
    /// This went wrong.
    Harm(String),
}

/// A run that is over.
pub(crate) struct Trial {
    pub(crate) lab: Lab,
    pub(crate) job: JobId,
    pub(crate) verdict: Verdict,
    /// What struck, and when.
    strikes: Vec<(DateTime<Utc>, String)>,
}

/// The name under which a run can be repeated.
pub(crate) fn name(course: Course, faults: &[Fault]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    format!("{course}/{}", faults.join("+"))
}

/// The moments of the course when nothing goes wrong.
pub(crate) async fn moments(course: Course) -> Moments {
    let run = Run::begin(Lab::of_disks(course.disks).await, course, &[]).await;
    let (lab, job, store, before) = (&run.lab, &run.job, Arc::clone(&run.store), run.calls_before);
    let record = lab.until(job, |r| r.projection.status.is_final()).await;
    assert!(record.projection.completed_at.is_some());
    course.assert_ended_well(lab, job, Cancel::None).await;
    let mut calls = BTreeMap::new();
    for entry in lab.cloud.log().into_iter().skip(before) {
        if let LogEvent::Call(call) = entry.event {
            *calls.entry(call.command).or_insert(0) += 1;
        }
    }
    Moments {
        entries: store.gate.written(),
        calls,
        taken: taken(lab, before),
    }
}

/// Runs a course with these faults. `seen` is what it does undisturbed.
pub(crate) async fn attempt(course: Course, seen: &Moments, faults: &[Fault]) -> Trial {
    attempt_in(Lab::of_disks(course.disks).await, course, seen, faults).await
}

/// The same in a laboratory that was set up already.
pub(crate) async fn attempt_in(lab: Lab, course: Course, seen: &Moments, faults: &[Fault]) -> Trial {
    let mut run = Run::begin(lab, course, faults).await;
    let ended = AssertUnwindSafe(run.go_to_the_end(course)).catch_unwind().await;
    let verdict = match ended {
        Ok(()) => run.verdict(course, seen, faults),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Verdict::Harm(text.unwrap_or("a panic without words").to_owned())
        }
    };
    quiet().await;
    for worker in &run.workers {
        worker.kill();
    }
    Trial {
        strikes: run.strikes(faults),
        lab: run.lab,
        job: run.job,
        verdict,
    }
}

/// The journal of a run beside the cloud's log, in the order of time.
pub(crate) async fn tell(trial: &Trial) {
    let mut lines: Vec<(DateTime<Utc>, String)> = Vec::new();
    for stored in trial.lab.events(&trial.job).await {
        lines.push((
            stored.at,
            format!("journal {:>3}  {:?}", stored.seq, stored.event),
        ));
    }
    for entry in trial.lab.cloud.log() {
        lines.push((entry.at, format!("cloud        {:?}", entry.event)));
    }
    lines.extend(trial.strikes.iter().cloned());
    lines.sort_by_key(|(at, _)| *at);
    for (at, line) in lines {
        println!("{} {line}", at.format("%H:%M:%S%.3f"));
    }
    match &trial.verdict {
        Verdict::Withstood => println!("withstood: every fault has struck, and no harm was done"),
        Verdict::OneOnly => println!("withstood, but one fault never came to its moment"),
        Verdict::Harm(why) => println!("harm was done: {why}"),
    }
}

struct Run {
    lab: Lab,
    job: JobId,
    store: Arc<FaultyStore>,
    struck: mpsc::UnboundedReceiver<Cut>,
    rules: Vec<RuleId>,
    workers: Vec<RunningWorker>,
    calls_before: usize,
}

impl Run {
    async fn begin(lab: Lab, course: Course, faults: &[Fault]) -> Self {
        let job = course.begin(&lab).await;
        let calls_before = lab.cloud.log().len();
        let (mut cuts, mut rules) = (BTreeMap::new(), Vec::new());
        for fault in faults {
            match fault {
                Fault::Journal { entry, cut } => {
                    cuts.insert(*entry, *cut);
                }
                Fault::Cloud {
                    command,
                    call,
                    effect,
                    ..
                } => rules.push(lab.fault(FaultRule::on(command, effect.clone()).nth(*call).times(1))),
            }
        }
        let (store, struck) = faulty(Arc::clone(&lab.store), course.cancel_at, cuts);
        let mut run = Self {
            lab,
            job,
            store,
            struck,
            rules,
            workers: Vec::new(),
            calls_before,
        };
        run.one_more_worker();
        run
    }

    /// Every fault that has struck, as a line of the story.
    fn strikes(&self, faults: &[Fault]) -> Vec<(DateTime<Utc>, String)> {
        let line = |what: &str, place: String| format!("FAULT        {what} at {place}");
        let cuts = self.store.gate.strikes().into_iter().map(|strike| {
            let place = format!("entry {} of the journal", strike.seq);
            (strike.at, line(strike.cut.as_str(), place))
        });
        let mut lines: Vec<_> = cuts.collect();
        let log = self.lab.cloud.log();
        for fault in faults {
            if let Fault::Cloud {
                command, call, what, ..
            } = fault
            {
                let calls = log.iter().skip(self.calls_before);
                let calls =
                    calls.filter(|e| matches!(&e.event, LogEvent::Call(call) if call.command == *command));
                let struck = calls.zip(1..).find(|(_, number)| number == call);
                lines.extend(
                    struck.map(|(entry, _)| (entry.at, line(what, format!("call {call} of {command}")))),
                );
            }
        }
        lines
    }

    fn one_more_worker(&mut self) {
        let mut parts = self.lab.parts.clone();
        parts.jobs = Arc::clone(&self.store) as _;
        self.workers.push(self.lab.worker_over(parts));
    }

    /// Until the job has ended and whoever was paused had the time to do harm.
    async fn go_to_the_end(&mut self, course: Course) {
        let mut paused_at = None;
        for _ in 0..4 * 3600 * 5 {
            let record = self.lab.record(&self.job).await;
            if record.projection.status.is_final() {
                break;
            }
            if paused_at.is_some_and(|epoch| record.epoch > epoch) {
                self.store.gate.let_go();
                paused_at = None;
            }
            while let Ok(cut) = self.struck.try_recv() {
                match cut {
                    Cut::KilledBefore | Cut::KilledAfter => {
                        quiet().await;
                        // One worker drives at a time, and the last one that was begun is it unless it was paused.
                        for worker in &self.workers {
                            worker.kill();
                        }
                        self.store.gate.let_go();
                        self.one_more_worker();
                    }
                    Cut::PausedBefore | Cut::PausedAfter => {
                        paused_at = Some(record.epoch);
                        self.one_more_worker();
                    }
                    Cut::AnswerLost | Cut::NotWritten | Cut::Cancelled => {}
                }
            }
            self.lab.parts.clock.sleep(Duration::from_millis(200)).await;
        }
        self.store.gate.let_go();
        self.lab.parts.clock.sleep(Duration::from_secs(60)).await;
        let record = self.lab.record(&self.job).await;
        assert!(
            record.projection.status.is_final(),
            "not within four hours: {record:#?}"
        );
        course
            .assert_ended_well(&self.lab, &self.job, self.store.gate.accepted())
            .await;
    }

    /// Whether the faults fired where they were meant to, and the cloud was asked for no more than it had to be.
    fn verdict(&self, course: Course, seen: &Moments, faults: &[Fault]) -> Verdict {
        let silent = self
            .rules
            .iter()
            .filter(|rule| self.lab.fired(**rule) == 0)
            .count();
        let open = self.store.gate.open_cuts() + silent;
        if open > 0 && (open, faults.len()) != (1, 2) {
            return Verdict::Harm(format!("{open} of {} faults never fired", faults.len()));
        }
        // How far a job that is cancelled has come hangs on when the cancel is heard.
        let must_be_the_same =
            course.cancel_at.is_none() && faults.iter().all(Fault::changes_nothing_in_the_cloud);
        let taken = taken(&self.lab, self.calls_before);
        if must_be_the_same && taken != seen.taken {
            return Verdict::Harm(format!(
                "the cloud has taken {taken:?} instead of {:?}",
                seen.taken
            ));
        }
        if open == 0 {
            Verdict::Withstood
        } else {
            Verdict::OneOnly
        }
    }
}
