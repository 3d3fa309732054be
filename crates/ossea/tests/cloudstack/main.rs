//! The HTTP client against a server that answers byte for byte what a test wants.
//!
//! That the client and a whole (simulated) CloudStack understand each other is shown by the contract suite in
//! `ossea-sim`; here are the answers that no healthy cloud gives.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod exchange;
mod log;
mod rationing;
mod reads;
mod support;
mod tls;
mod tolerance;
