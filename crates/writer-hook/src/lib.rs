//! Asks the migration tool over HTTP to let go of its replica volumes and to take them up again:
//! [`HttpWriter`] is the real [`ReplicaWriter`](failover_engine::writer::ReplicaWriter).
//!
//! What goes over the wire is described for the tool's author in `docs/writer-hook.md`. A tool in Rust can check
//! requests with [`verify`].
//!
//! # What an answer is worth
//! Only a whole answer of status 200 or 204 counts as done, because it is what lets replicas leave the OMA while
//! somebody might write to them. Whatever leaves a doubt is
//! [`Unknown`](failover_engine::writer::WriterAnswer::Unknown); the same call may then be sent again, since every
//! call carries the key by which the tool does it once.
//!
//! # What this crate does not do
//! It repeats nothing: when to ask again is decided by the engine, where the job's state is known. It logs nothing
//! either: the texts of the answers go into the job's journal.

mod answer;
mod settings;
mod signature;
mod writer;

pub use settings::{Endpoint, HttpWriterSettings, SettingsError};
pub use signature::{
    KEY_HEADER, ReceivedRequest, SIGNATURE_HEADER, SignatureError, TIMESTAMP_HEADER, verify,
};
pub use writer::{Clock, HttpWriter};
