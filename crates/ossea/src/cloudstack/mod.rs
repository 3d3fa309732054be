//! Apache CloudStack over HTTP.
//!
//! A call runs through a tower stack, outermost first:
//!
//! ```text
//! trace       one span and one debug line per call
//! limit       at most so many calls in flight
//! interpret   envelope, error taxonomy: from here outwards errors are `OsseaError`
//! deadline    the whole exchange is bounded
//! sign        parameters, expiry and signature, computed anew for every sending
//! send        one HTTP exchange
//! ```
//!
//! Everything that repeats calls belongs between `limit` and `interpret`; nothing below `interpret` knows what
//! a command means. Above the stack, `commands` turns a [`crate::Command`] into parameters, `reads` asks for
//! objects and pages through lists, `jobs` reads async jobs, and `parse` makes values of rows.
//!
//! What is relied upon of CloudStack: errors are told apart by their code, never by their text; whatever may
//! have reached the cloud and was not answered in a readable way is an unknown outcome.

mod call;
mod client;
mod commands;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod interpret;
mod jobs;
mod parse;
mod reads;
mod row;
mod settings;
pub mod sign;
mod signing;
mod skew;
mod trace;

pub use client::CloudStackClient;
pub use settings::{CloudStackSettings, SettingsError};
pub use skew::Clock;

/// Installs the TLS implementation of this process (rustls with ring). Binaries and tests call it before they
/// build a [`CloudStackClient`]; further calls do nothing.
pub fn install_tls_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // The only possible error is that another thread has just installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
