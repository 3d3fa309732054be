//! The port to whoever writes to the replicas on the OMA: the migration tool. It must let go of them before they
//! leave, and may take them up again when they are back.

use async_trait::async_trait;
use failover_domain::{CloudVmId, JobId, RequestKey, VmId, VolumeId};

/// What a job wants of the writer, and about which replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterCall {
    /// What is wanted.
    pub wish: WriterWish,
    /// The job.
    pub job_id: JobId,
    /// The source VM.
    pub vm_id: VmId,
    /// The appliance VM.
    pub oma: CloudVmId,
    /// The replicas in disk order.
    pub replicas: Vec<VolumeId>,
    /// Always the same for one wish of one job, however often it is sent: the writer does it once.
    pub key: RequestKey,
}

/// What may be wanted of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriterWish {
    /// Write no more, flush, and close the replicas' devices.
    Quiesce,
    /// The replicas are back; go on.
    Resume,
}

impl WriterWish {
    /// The name in requests, journals and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            WriterWish::Quiesce => "quiesce",
            WriterWish::Resume => "resume",
        }
    }
}

/// What the writer answered. Each text is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriterAnswer {
    /// It is so.
    Done,
    /// It is being done; the same call, sent again later, tells when.
    NotYet(String),
    /// It will not be done.
    Refused(String),
    /// Nobody knows: no answer, or none that says anything. The same call may be sent again.
    Unknown(String),
}

/// The migration tool, as far as failovers are concerned.
///
/// # Guarantees of an implementation
/// * A call ends within a time of the implementation's choosing; an answer that did not come is
///   [`WriterAnswer::Unknown`].
/// * The key reaches the writer with every call, so that a repetition does no harm.
#[async_trait]
pub trait ReplicaWriter: Send + Sync {
    /// Whether there is anybody to ask for this.
    fn hears(&self, wish: WriterWish) -> bool;

    /// Asks.
    async fn ask(&self, call: &WriterCall) -> WriterAnswer;
}

/// Nobody writes to the replicas but through the tables of the inventory, which are looked at anyway.
#[derive(Debug, Clone, Copy, Default)]
pub struct NobodyToAsk;

#[async_trait]
impl ReplicaWriter for NobodyToAsk {
    fn hears(&self, _: WriterWish) -> bool {
        false
    }

    async fn ask(&self, _: &WriterCall) -> WriterAnswer {
        WriterAnswer::Done
    }
}
