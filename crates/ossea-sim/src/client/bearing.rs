//! What a client knows of itself: how urgently it asks, and what it says of the cloud's condition. The cloud knows
//! nothing of either.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ossea::{Circuit, OsseaError, Priority};

/// The client's side of one door.
#[derive(Debug, Clone)]
pub(super) struct Bearing {
    pub(super) priority: Priority,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    circuit: Circuit,
    submitted: Vec<(Priority, &'static str)>,
}

impl Default for Bearing {
    fn default() -> Self {
        let shared = Shared {
            circuit: Circuit::Closed,
            submitted: Vec::new(),
        };
        Self {
            priority: Priority::WayThere,
            shared: Arc::new(Mutex::new(shared)),
        }
    }
}

impl Bearing {
    pub(super) fn with_priority(&self, priority: Priority) -> Self {
        Self {
            priority,
            shared: Arc::clone(&self.shared),
        }
    }

    pub(super) fn circuit(&self) -> Circuit {
        self.lock().circuit.clone()
    }

    pub(super) fn set_circuit(&self, circuit: Circuit) {
        self.lock().circuit = circuit;
    }

    /// Whether a change goes out now.
    pub(super) fn may_send(&self) -> Result<(), OsseaError> {
        match (self.circuit(), self.priority) {
            (Circuit::Open { since, why }, Priority::WayThere | Priority::Background) => Err(
                OsseaError::Unreachable(format!("not sent: the circuit is open since {since}: {why}")),
            ),
            (Circuit::Open { .. }, Priority::WayBack) | (Circuit::Closed, _) => Ok(()),
        }
    }

    pub(super) fn submitting(&self, command: &'static str) {
        let priority = self.priority;
        self.lock().submitted.push((priority, command));
    }

    pub(super) fn submitted(&self) -> Vec<(Priority, &'static str)> {
        self.lock().submitted.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Every change under the lock is a single one.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
