//! The model as `stateright` explores it.

use stateright::{Model, Property};

use crate::action::Action;
use crate::guard::Guards;
use crate::possible::possible;
use crate::promise::{Promise, Witness};
use crate::system::{System, TASKS};

/// How many faults the cloud and the network can commit: a job cut off, forgotten or lied about, a request that arrives
/// twice, a guest that stops by itself. Crashes, pauses, lost replies and lost requests are not counted: there may be any
/// number of them.
pub const MOST_FAULTS: u8 = 2;

/// What is kept of a task that can write no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FencedOut {
    /// What it can still do to the world: send the request that it is entitled to. See [`crate::canonical`].
    Reduced,
    /// Everything that it remembers.
    Whole,
}

/// How much is explored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// How many faults there may be.
    pub faults: u8,
    /// How many tasks may believe at the same time that the job is theirs.
    pub tasks: usize,
    /// What is kept of those that are wrong.
    pub fenced_out: FencedOut,
}

impl Scope {
    /// The whole protocol.
    pub const FULL: Self = Self {
        faults: MOST_FAULTS,
        tasks: TASKS,
        fenced_out: FencedOut::Reduced,
    };

    /// The protocol without one of its guards: one fault shows what every guard is for.
    pub const VARIANT: Self = Self {
        faults: 1,
        ..Self::FULL
    };

    /// Former owners with their whole memory: shows that the reduction hides nothing.
    pub const WHOLE_MEMORY: Self = Self {
        faults: 0,
        tasks: 2,
        fenced_out: FencedOut::Whole,
    };
}

/// The protocol with its guards, or without one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failover {
    /// Which guards stand.
    pub guards: Guards,
    /// How much is explored.
    pub scope: Scope,
}

impl Model for Failover {
    type State = System;
    type Action = Action;

    fn init_states(&self) -> Vec<System> {
        vec![System::new(self.scope.faults).canonical(self)]
    }

    fn actions(&self, system: &System, actions: &mut Vec<Action>) {
        possible(self, system, actions);
    }

    fn next_state(&self, system: &System, action: Action) -> Option<System> {
        let mut next = *system;
        next.act(self.guards, action);
        let next = next.canonical(self);
        (next != *system).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let promises = Promise::ALL.into_iter().map(Promise::property);
        promises
            .chain(Witness::ALL.into_iter().map(Witness::property))
            .collect()
    }
}
