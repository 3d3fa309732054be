//! The engine's values that answers carry, so that a client of the API needs no further crate to read them.

pub use failover_engine::event::{
    ClosingReason, CreatedObject, Event, Failure, FailureCode, RestingPlace, StepError, StepErrorKind,
    StepFacts, StoredEvent, VmHealth,
};
pub use failover_engine::looks::ReadinessChanges;
pub use failover_engine::plan::{
    BootGrade, BootPolicy, CommitPolicy, Direction, Errand, Lane, OnBootFailure, Plan, PlannedDisk,
    PlannedNic, PlannedVm, Settled, Stage, Step, StepId, StepKind, TestErrand, WarningPolicy, WayBackLine,
};
pub use failover_engine::ports::{Custody, ResourceKind, ResourceRow, ResourceState};
pub use failover_engine::request::{JobRequest, StoredRequest};
pub use failover_engine::service::VmReadiness;
pub use failover_engine::survey::{Comparison, Difference, Survey};
pub use failover_engine::verbs::Verb;
