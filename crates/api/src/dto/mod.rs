//! What goes over the wire: request bodies and answers. Clients (`failoverctl`) read the same types.
//!
//! Field names are the customer's words where the customer has one. Request bodies refuse unknown fields;
//! answers may gain fields, so clients must not.

pub mod engine;
pub mod inventory;
pub mod job;
pub mod job_detail;
pub mod live;
pub mod mapping;
pub mod ossea;
pub mod problem;

pub use inventory::{ImportAnswer, ImportOutcome, ReplicaAnswer, ReplicaChange, VmPage, VmView};
pub use job::{
    ActionView, CancelAnswer, EventPage, JobAction, JobCreated, JobPage, JobStatusView, JobSummary,
    Permission,
};
pub use job_detail::{JobDetail, LaneView, StageView, StepStanding, StepView, VolumeView};
pub use live::{BootRequest, DryRunAnswer, Grade, GradeError, LiveFailoverRequest};
pub use mapping::{MappingAnswer, MappingRequest, MappingUpdate, MappingsOfVm, NetworkList, NetworkView};
pub use ossea::{
    CapabilitiesAnswer, CapabilitiesView, CheckAnswer, OfferingList, ProbeAge, TemplateList, VmSearchAnswer,
    ZoneList,
};
pub use problem::{ErrorCode, Mistake, Problem};
