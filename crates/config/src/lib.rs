//! Configuration of the binaries: one TOML file, environment overrides, secrets, logging.
//!
//! Every setting has a path such as `database.url`. It comes from the file, or from the environment variable
//! `FAILOVER__DATABASE__URL`, which wins. One file may serve several binaries: each reads the sections it needs
//! and passes over those of the others, but a section or a key that no binary knows is a mistake.
//!
//! A check never stops at the first mistake: sources are gathered into settings, a [`Reader`] takes typed
//! values out of them and notes what is wrong, and in the end whatever nobody has read is reported too.
//! Values of the environment stay texts until their type is known; a library that guesses types would turn a
//! token of digits into a number, so none is used.

mod args;
mod binaries;
mod kind;
mod logging;
mod mistake;
mod reader;
mod secret;
pub mod section;
mod source;

pub use args::{CommonArgs, EXIT_CONFIG, Loaded, Outcome};
pub use binaries::{ApiConfig, Configuration, CtlConfig, SimConfig, WorkerConfig};
pub use kind::Kind;
pub use logging::{init_logging, init_logging_with_ring};
pub use mistake::{Mistake, Mistakes, Warning};
pub use reader::{Reader, Section};
pub use section::client::ClientSettings;
pub use section::database::{DatabaseSettings, MigratePolicy};
pub use section::failover::FailoverSettings;
pub use section::log::{LogFormat, LogSettings};
pub use section::oma::{HookAddress, HookSettings, OmaSettings};
pub use section::ossea::OsseaSettings;
pub use section::server::{ServerSettings, TlsFiles};
pub use section::sim::{SimCredentials, SimProfile, SimScope, SimSettings, SimStorage};
pub use section::target::TargetSettings;
pub use section::worker::WorkerSettings;
pub use source::{ENVIRONMENT_PREFIX, Origin, Sources};
