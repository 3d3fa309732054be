//! The heart of OSSEA failover: plans, the pure state machine, the return planner and the executor.
//!
//! The engine knows the [`ossea::OsseaClient`] trait and its own [`ports`]; it never sees a database, an HTTP
//! framework or the real cloud client.

mod attention;
pub mod clock;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod decide;
mod driver;
pub mod estimate;
pub mod event;
pub mod failure;
pub mod idempotency;
mod journal;
pub mod looks;
pub mod memory;
pub mod parts;
pub mod plan;
pub mod ports;
pub mod probe;
pub mod request;
pub mod return_planner;
mod runner;
pub mod scene;
pub mod service;
pub mod settings;
pub mod state;
mod step;
pub mod survey;
pub mod verbs;
pub mod worker;
pub mod writer;

pub use clock::{Clock, SharedClock, SystemClock, TokioClock};
pub use event::{Event, Failure, FailureCode, StoredEvent};
pub use memory::MemoryStore;
pub use parts::EngineParts;
pub use plan::Plan;
pub use service::FailoverService;
pub use settings::EngineSettings;
pub use state::JobState;
pub use worker::Worker;
