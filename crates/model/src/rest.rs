//! Whether every job can come to its end once nothing goes wrong any more.
//!
//! `stateright` has `eventually` properties, but counts a path that ends in a cycle or joins another one as unfinished
//! and passes over it, so in a model with retries they prove nothing. What is checked here is weaker than "every job
//! ends" and sound: from every reachable state the end of the job can be reached by steps that are no faults, no bad
//! luck and no help of a person. A scheduler that is fair to such steps then ends every job.

use std::collections::HashMap;

use stateright::Model;

use crate::model::Failover;
use crate::system::System;

/// What the exploration has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// How many states are reachable.
    pub states: usize,
    /// How many of them are at rest.
    pub at_rest: usize,
    /// From how many of them no rest can be reached.
    pub stuck: usize,
    /// One of those.
    pub example: Option<System>,
}

/// Explores everything and goes back from where the job has ended.
pub fn rest(model: &Failover) -> Rest {
    let (states, leads) = explore(model);
    let ended = |system: &System| system.database.fold.phase.has_ended();
    let mut can_rest: Vec<bool> = states.iter().map(ended).collect();
    let mut open: Vec<usize> = (0..states.len()).filter(|place| can_rest[*place]).collect();
    let at_rest = open.len();
    let before = Reversed::of(states.len(), &leads);
    while let Some(place) = open.pop() {
        for from in before.of_place(place) {
            let from = *from as usize;
            if !can_rest[from] {
                can_rest[from] = true;
                open.push(from);
            }
        }
    }
    let stuck = can_rest.iter().filter(|can| !**can).count();
    let example = can_rest.iter().position(|can| !can).map(|place| states[place]);
    Rest {
        states: states.len(),
        at_rest,
        stuck,
        example,
    }
}

/// All reachable states, and which of them leads to which by progress alone.
fn explore(model: &Failover) -> (Vec<System>, Vec<(u32, u32)>) {
    let mut states = model.init_states();
    let mut places: HashMap<System, u32> = states.iter().copied().zip(0..).collect();
    let (mut leads, mut actions) = (Vec::new(), Vec::new());
    let mut from = 0;
    while let Some(system) = states.get(from).copied() {
        model.actions(&system, &mut actions);
        for action in actions.drain(..) {
            let Some(next) = model.next_state(&system, action) else {
                continue;
            };
            let new = number(states.len());
            let to = *places.entry(next).or_insert(new);
            if to == new {
                states.push(next);
            }
            if action.is_progress(&system) {
                leads.push((number(from), to));
            }
        }
        from += 1;
    }
    (states, leads)
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// From where each state is reached.
struct Reversed {
    starts: Vec<usize>,
    froms: Vec<u32>,
}

impl Reversed {
    fn of(states: usize, leads: &[(u32, u32)]) -> Self {
        let mut starts = vec![0; states + 1];
        for (_, to) in leads {
            starts[*to as usize + 1] += 1;
        }
        for place in 0..states {
            starts[place + 1] += starts[place];
        }
        let mut free = starts.clone();
        let mut froms = vec![0; leads.len()];
        for (from, to) in leads {
            let place = &mut free[*to as usize];
            froms[*place] = *from;
            *place += 1;
        }
        Self { starts, froms }
    }

    fn of_place(&self, place: usize) -> &[u32] {
        &self.froms[self.starts[place]..self.starts[place + 1]]
    }
}
