//! The engine's values that answers carry, so that a client of the API needs no further crate to read them.

pub use failover_engine::event::{
    CreatedObject, Event, Failure, FailureCode, RestingPlace, StepError, StepErrorKind, StepFacts,
    StoredEvent,
};
pub use failover_engine::plan::{
    BootGrade, BootPolicy, Direction, Lane, OnBootFailure, Plan, PlannedDisk, PlannedNic, PlannedVm, Stage,
    Step, StepId, StepKind, WarningPolicy, WayBackLine,
};
pub use failover_engine::ports::{Custody, ResourceKind, ResourceRow, ResourceState};
