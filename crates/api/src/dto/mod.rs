//! What goes over the wire: request bodies and answers. Clients (`failoverctl`) read the same types.
//!
//! Field names are the customer's words where the customer has one. Request bodies refuse unknown fields;
//! answers may gain fields, so clients must not.

pub mod access;
pub mod attention;
pub mod debug;
pub mod engine;
pub mod health;
pub mod inventory;
pub mod job;
pub mod job_detail;
pub mod live;
pub mod mapping;
pub mod ossea;
pub mod problem;
pub mod quarantine;
pub mod readiness;
pub mod readiness_part;
pub mod test;
pub mod verb;

pub use access::{AuditPage, TokenCreated, TokenList, TokenRequest, TokenStatus, TokenView};
pub use attention::{AttentionPage, AttentionView};
pub use debug::{DebugHealth, DebugJobs, EndpointList, LogPage};
pub use health::{Health, HealthAnswer};
pub use inventory::{
    ImportAnswer, ImportOutcome, InventoryExport, ReplicaAnswer, ReplicaChange, VmPage, VmView,
};
pub use job::{EventPage, JobCreated, JobPage, JobStatusView, JobSummary};
pub use job_detail::{JobDetail, LaneView, StageView, StepStanding, StepView, VolumeView, WindowView};
pub use live::{BootRequest, CommitPolicyView, DryRunAnswer, Grade, GradeError, LiveFailoverRequest};
pub use mapping::{
    BulkMappings, BulkMappingsAnswer, CopyAnswer, CopyMappings, MappingAnswer, MappingPage, MappingRequest,
    MappingSuggestions, MappingUpdate, MappingsOfNetwork, MappingsOfVm, NetworkList, NetworkSuggestions,
    NetworkView, SuggestedNetwork, SuggestionReason,
};
pub use ossea::{
    CapabilitiesAnswer, CapabilitiesView, CheckAnswer, OfferingList, ProbeAge, TemplateList, VmSearchAnswer,
    ZoneList,
};
pub use problem::{ErrorCode, Mistake, Problem};
pub use quarantine::{ClearQuarantine, MarkedReplica, QuarantineView};
pub use readiness::{FailedCheck, FleetReadinessPage, ReadinessAnswer, ReadinessTotals, VmReadinessView};
pub use readiness_part::{
    ActiveJobFacts, ConfigurationFacts, ConfiguredObject, DiskSync, DiskVolume, NetworkFacts, NicMapping,
    PartAnswer, SyncFacts, VolumeFacts, VolumeInCloud,
};
pub use test::{StrategyView, TestFailoverRequest};
pub use verb::{
    ActionView, CancelAnswer, ConsentRequest, DISCARD_GUEST_WRITES, DecideRequest, ExtendRequest, Permission,
    RequestAnswer, RequestView,
};
