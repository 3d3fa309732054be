//! The local stack of real processes: the simulated cloud, the API and the worker, started as they are in
//! production. The whole-system tests, `cargo xtask demo` and `cargo xtask dev` stand on it.
//!
//! Everything here is blocking: it waits for other processes and does nothing else meanwhile.

pub mod process;
pub mod secret;
pub mod wait;
