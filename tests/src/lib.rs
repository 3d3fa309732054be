//! The local stack of real processes: the simulated cloud, the API and the worker, started as they are in
//! production. The whole-system tests, `cargo xtask demo` and `cargo xtask dev` stand on it.
//!
//! Everything here is blocking: it waits for other processes and does nothing else meanwhile.

pub mod api;
pub mod cloud;
pub mod descendants;
pub mod fault;
pub mod http;
mod port;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod sample;
pub mod secret;
pub mod server;
pub mod stack;
pub mod wait;
