//! A CloudStack that is not there.
//!
//! [`Cloud`] is a pure state machine of VMs, volumes, snapshots, queues and async jobs that behaves like the real
//! one, preconditions, error codes and traps included. Two doors lead to it:
//!
//! * [`InProcessCloud`] is an [`ossea::OsseaClient`] on tokio's clock, so a test under
//!   `#[tokio::test(start_paused = true)]` plays hours in milliseconds.
//! * `http`, behind the feature of that name, which is on by default, speaks the real wire format, with signatures, for the
//!   real client and for foreign ones.
//!
//! Everything can be made to go wrong by [`faults::FaultRule`]s. A cloud can be saved and gone on with
//! ([`Cloud::save`], [`Cloud::load`]), and be filled with thousands of VMs ([`Cloud::populate`]). What
//! really happened is in [`Cloud::log`], [`Cloud::inventory`] and [`Cloud::content_of`], whatever the callers got to see.

pub mod address_range;
pub mod client;
pub mod clock;
pub mod cloud;
pub mod contents;
#[cfg(feature = "contract")]
pub mod contract;
pub mod faults;
#[cfg(feature = "http")]
pub mod http;
pub mod population;
pub mod probability;
pub mod settings;

pub use client::{CallingProcess, InProcessCloud};
pub use clock::SimClock;
pub use cloud::Cloud;
pub use cloud::content::Content;
pub use cloud::inventory::CloudInventory;
pub use contents::SimContents;
pub use faults::{
    BootFailure, FaultRule, FaultState, Garbage, NicFault, Probability, RuleId, WayFault, Work, WorkFault,
};
pub use population::Population;
pub use settings::{ApiLimit, PostEnforcement, Profile, Role, SimSettings};
