//! The model as `stateright` explores it.

use stateright::{Model, Property};

use crate::guard::Guards;
use crate::promise::Promise;
use crate::system::{Action, System, possible};

/// The protocol with its guards, or without one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failover {
    /// Which guards stand.
    pub guards: Guards,
}

impl Model for Failover {
    type State = System;
    type Action = Action;

    fn init_states(&self) -> Vec<System> {
        vec![System::new().canonical(self.guards)]
    }

    fn actions(&self, system: &System, actions: &mut Vec<Action>) {
        possible(self.guards, system, actions);
    }

    fn next_state(&self, system: &System, action: Action) -> Option<System> {
        let mut next = *system;
        next.act(self.guards, action);
        let next = next.canonical(self.guards);
        (next != *system).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        Promise::ALL.into_iter().map(Promise::property).collect()
    }
}
