//! Runs the model and tells what it shows.

use stateright::{Checker, HasDiscoveries, Model};

use crate::action::Action;
use crate::guard::{Guard, Guards};
use crate::model::{Failover, Scope};
use crate::promise::{Promise, Witness};
use crate::rest::rest;

/// What an exploration shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explored {
    /// How many different states were reached.
    pub states: usize,
    /// The length of the longest shortest path.
    pub depth: usize,
    /// The promise that is broken first, with the shortest way there.
    pub broken: Option<(Promise, Vec<Action>)>,
    /// What was seen to be possible.
    pub witnessed: Vec<Witness>,
}

/// A guard, and what goes wrong without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// The guard.
    pub guard: Guard,
    /// The promise that is broken without it, and the shortest way there. `None` would mean that the guard is redundant,
    /// or the model too weak.
    pub broken: Option<(Promise, Vec<Action>)>,
}

/// All that the model shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The protocol with all its guards.
    pub full: Explored,
    /// From how many of its states no end can be reached.
    pub stuck: usize,
    /// The protocol without each of them.
    pub counterexamples: Vec<Counterexample>,
}

impl Proof {
    /// Whether the protocol keeps all its promises and every guard is needed.
    pub fn holds(&self) -> bool {
        self.full.broken.is_none()
            && self.full.witnessed.len() == Witness::ALL.len()
            && self.stuck == 0
            && self.counterexamples.iter().all(|c| c.broken.is_some())
    }
}

/// Explores until a promise is broken, or to the last state.
pub fn explore(guards: Guards, scope: Scope) -> Explored {
    let checker = Failover { guards, scope }
        .checker()
        .threads(1)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let found = checker.discoveries();
    let mut broken: Vec<(Promise, Vec<Action>)> = Promise::ALL
        .into_iter()
        .filter_map(|promise| Some((promise, found.get(promise.words())?.clone().into_actions())))
        .collect();
    broken.sort_by_key(|(promise, way)| (way.len(), *promise));
    Explored {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        broken: broken.into_iter().next(),
        witnessed: Witness::ALL
            .into_iter()
            .filter(|witness| found.contains_key(witness.words()))
            .collect(),
    }
}

/// The shortest way in which a promise is broken without a guard.
pub fn without(guard: Guard) -> Counterexample {
    Counterexample {
        guard,
        broken: explore(Guards::without(guard), Scope::VARIANT).broken,
    }
}

/// Runs everything. Takes some ten seconds, and half a gigabyte.
pub fn prove() -> Proof {
    let full = Failover {
        guards: Guards::all(),
        scope: Scope::FULL,
    };
    Proof {
        full: explore(full.guards, full.scope),
        stuck: rest(&full).stuck,
        counterexamples: Guard::ALL.into_iter().map(without).collect(),
    }
}

/// Runs everything and tells about it.
pub fn report() -> String {
    table(&prove())
}

/// A proof as a text for people.
pub fn table(proof: &Proof) -> String {
    let full = &proof.full;
    let kept = match &full.broken {
        None => "every promise is kept".to_owned(),
        Some((promise, way)) => format!("NOT KEPT after {} steps: {}", way.len(), promise.words()),
    };
    let mut lines = vec![
        format!("all guards: {} states, {} deep; {kept}", full.states, full.depth),
        format!("states from which the job cannot end by itself: {}", proof.stuck),
        String::new(),
        row("without the guard", "steps", "what is not kept then"),
    ];
    lines.extend(proof.counterexamples.iter().map(|counterexample| {
        let guard = counterexample.guard.words();
        match &counterexample.broken {
            Some((promise, way)) => row(guard, &way.len().to_string(), promise.words()),
            None => row(
                guard,
                "-",
                "nothing: the guard is redundant, or the model too weak",
            ),
        }
    }));
    lines.join("\n")
}

fn row(guard: &str, steps: &str, broken: &str) -> String {
    format!("{guard:<38} {steps:>5}  {broken}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explored(broken: Option<(Promise, Vec<Action>)>) -> Explored {
        Explored {
            states: 7,
            depth: 3,
            broken,
            witnessed: Witness::ALL.to_vec(),
        }
    }

    fn proof(broken: Option<(Promise, Vec<Action>)>) -> Proof {
        Proof {
            full: explored(None),
            stuck: 0,
            counterexamples: vec![Counterexample {
                guard: Guard::MarkBeforeReturn,
                broken,
            }],
        }
    }

    #[test]
    fn the_table_tells_guard_steps_and_promise() {
        let broken = Some((Promise::DirtyNeverClean, vec![Action::Renew, Action::LeaseEnds]));
        let proof = proof(broken);
        assert!(proof.holds());
        let text = table(&proof);
        assert!(text.starts_with("all guards: 7 states, 3 deep; every promise is kept\n"));
        assert!(text.ends_with(
            "mark before return                         2  a dirty replica is never on the OMA as clean"
        ));
    }

    #[test]
    fn a_guard_without_a_counterexample_is_no_proof() {
        let proof = proof(None);
        assert!(!proof.holds());
        assert!(table(&proof).ends_with("-  nothing: the guard is redundant, or the model too weak"));
    }

    #[test]
    fn a_broken_promise_is_told() {
        let broken = proof(None);
        let broken = Proof {
            full: explored(Some((Promise::NoDebris, vec![Action::Renew]))),
            ..broken
        };
        assert!(!broken.holds());
        assert!(table(&broken).contains("NOT KEPT after 1 steps: a job leaves nothing behind"));
    }
}
