//! The heart of OSSEA failover: plans, the pure state machine, the return planner and the executor.
//!
//! The engine knows the [`ossea::OsseaClient`] trait and its own [`ports`]; it never sees a database, an HTTP
//! framework or the real cloud client.

pub mod clock;
pub mod event;
pub mod memory;
pub mod plan;
pub mod ports;
pub mod probe;
pub mod service;
pub mod state;

pub use clock::{Clock, SharedClock, SystemClock, TokioClock};
pub use event::{Event, Failure, FailureCode, StoredEvent};
pub use memory::MemoryStore;
pub use plan::Plan;
pub use state::JobState;
