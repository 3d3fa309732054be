//! What can go wrong, and at which moments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ossea_sim::WorkFault;
use ossea_sim::faults::{FaultEffect, Work};

use crate::course::Course;
use crate::lab::losses;

/// What happens to a worker, or to its database, at an entry of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The process is killed before the entry is committed.
    KilledBefore,
    /// The process is killed after the entry is committed, before it learns of it.
    KilledAfter,
    /// The process is stopped before the entry is committed, and goes on when another one has taken over.
    PausedBefore,
    /// The same after the entry is committed.
    PausedAfter,
    /// The entry is committed, and the database's answer is lost.
    AnswerLost,
    /// The database cannot be reached; the entry is not committed.
    NotWritten,
    /// A person cancels the job as soon as the entry is committed.
    Cancelled,
}

impl Cut {
    /// Those that any job may meet.
    const OF_ANY_JOB: [Cut; 6] = [
        Cut::KilledBefore,
        Cut::KilledAfter,
        Cut::PausedBefore,
        Cut::PausedAfter,
        Cut::AnswerLost,
        Cut::NotWritten,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Cut::KilledBefore => "killed-before-commit",
            Cut::KilledAfter => "killed-after-commit",
            Cut::PausedBefore => "paused-before-commit",
            Cut::PausedAfter => "paused-after-commit",
            Cut::AnswerLost => "commit-answer-lost",
            Cut::NotWritten => "database-away",
            Cut::Cancelled => "cancelled",
        }
    }
}

impl Cut {
    /// Whether the cloud must have been asked for the same as in an undisturbed run.
    pub(crate) const fn changes_nothing_in_the_cloud(self) -> bool {
        match self {
            Cut::KilledBefore
            | Cut::KilledAfter
            | Cut::PausedBefore
            | Cut::PausedAfter
            | Cut::AnswerLost
            | Cut::NotWritten => true,
            Cut::Cancelled => false,
        }
    }
}

/// One fault at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// At the entry of this number, counted from the start of the run over all workers.
    Journal { entry: u64, cut: Cut },
    /// At the call of this number of a command.
    Cloud {
        command: String,
        call: u32,
        what: &'static str,
        effect: FaultEffect,
    },
}

impl Fault {
    /// Whether both would strike the same entry or call, where only one can.
    pub(crate) fn is_at_the_moment_of(&self, other: &Fault) -> bool {
        match (self, other) {
            (Fault::Journal { entry, .. }, Fault::Journal { entry: of_other, .. }) => entry == of_other,
            (
                Fault::Cloud { command, call, .. },
                Fault::Cloud {
                    command: of_other,
                    call: other_call,
                    ..
                },
            ) => command == of_other && call == other_call,
            (Fault::Journal { .. }, Fault::Cloud { .. }) | (Fault::Cloud { .. }, Fault::Journal { .. }) => {
                false
            }
        }
    }

    /// Whether the cloud must have been asked for the same as in an undisturbed run.
    pub(crate) fn changes_nothing_in_the_cloud(&self) -> bool {
        match self {
            Fault::Journal { cut, .. } => cut.changes_nothing_in_the_cloud(),
            Fault::Cloud { .. } => false,
        }
    }

    /// Whether a process is killed.
    pub(crate) fn kills(&self) -> bool {
        match self {
            Fault::Journal { cut, .. } => matches!(cut, Cut::KilledBefore | Cut::KilledAfter),
            Fault::Cloud { .. } => false,
        }
    }

    /// The column of the table.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Fault::Journal { cut, .. } => cut.as_str(),
            Fault::Cloud { what, .. } => what,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Journal { entry, cut } => write!(f, "entry-{entry}-{}", cut.as_str()),
            Fault::Cloud {
                command, call, what, ..
            } => write!(f, "{command}-{call}-{what}"),
        }
    }
}

/// The names of faults in short: which moments there are, and what can happen at each kind of them.
pub(crate) fn words(faults: &[Fault]) -> String {
    let mut last_entry = 0;
    let mut cuts: BTreeSet<&str> = BTreeSet::new();
    let mut calls: BTreeMap<&str, (u32, BTreeSet<&str>)> = BTreeMap::new();
    for fault in faults {
        match fault {
            Fault::Journal { entry, cut } => {
                last_entry = last_entry.max(*entry);
                cuts.insert(cut.as_str());
            }
            Fault::Cloud {
                command, call, what, ..
            } => {
                let (last, effects) = calls.entry(command.as_str()).or_default();
                *last = (*last).max(*call);
                effects.insert(*what);
            }
        }
    }
    let list = |words: &BTreeSet<&str>| words.iter().copied().collect::<Vec<_>>().join(" | ");
    let mut text = format!("\n  entry-N-FAULT with N from 0 to {last_entry}: {}", list(&cuts));
    for (command, (last, effects)) in &calls {
        text += &format!("\n  {command}-N-FAULT with N from 1 to {last}: {}", list(effects));
    }
    text + "\njoined by + where two are wanted"
}

/// The moments of an undisturbed run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moments {
    pub(crate) entries: u64,
    /// How often each command was called.
    pub(crate) calls: BTreeMap<String, u32>,
    /// The commands that the cloud has taken.
    pub(crate) taken: Vec<String>,
}

/// The only command of ours that CloudStack carries out before it answers.
const SYNCHRONOUS: &str = "deleteVolume";

/// The faults of the cloud's jobs.
const JOB_FAULTS: [&str; 4] = [
    "interrupted, done",
    "interrupted, not done",
    "cancelled, done",
    "purged",
];

/// Every fault at every moment of a course.
pub(crate) fn faults_of(course: Course, moments: &Moments) -> Vec<Fault> {
    let refused = WorkFault::JobFails {
        code: 530,
        text: "the cloud says no".to_owned(),
        work: Work::NotDone,
    };
    let mut effects: Vec<(&'static str, FaultEffect)> = losses().into();
    effects.push(("refused", refused.into()));
    let journal = (0..moments.entries).flat_map(|entry| {
        let cancelled = course.can_be_cancelled().then_some(Cut::Cancelled);
        let cuts = Cut::OF_ANY_JOB.into_iter().chain(cancelled);
        cuts.map(move |cut| Fault::Journal { entry, cut })
    });
    let calls = moments.calls.iter();
    let calls = calls.flat_map(|(command, count)| (1..=*count).map(move |call| (command, call)));
    let cloud = calls.flat_map(|(command, call)| {
        // What befalls the cloud's job cannot befall a command that has none.
        let befalls = move |effect: &&(&'static str, FaultEffect)| {
            command != SYNCHRONOUS || !JOB_FAULTS.contains(&effect.0)
        };
        effects
            .iter()
            .filter(befalls)
            .map(move |(what, effect)| Fault::Cloud {
                command: command.clone(),
                call,
                what,
                effect: effect.clone(),
            })
    });
    journal.chain(cloud).collect()
}
