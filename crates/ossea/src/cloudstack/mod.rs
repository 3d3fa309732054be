//! Apache CloudStack over HTTP.
//!
//! A call runs through a tower stack, outermost first:
//!
//! ```text
//! trace       one span and one debug line per call
//! retry       sends again what may be sent again
//! fail fast   an open circuit stops changes of the way there, before they wait
//! places      at most so many calls under way, some of them kept for the way back
//! budget      at most so many requests per second, the more urgent ones first
//! watch       the circuit breaker: stops those that have waited, learns from every exchange
//! heed        429 and 503 slow down the whole process, not one call
//! count       requests by command and outcome
//! interpret   envelope, error taxonomy: what went wrong in words of `OsseaError`
//! deadline    the whole exchange is bounded
//! sign        parameters, expiry and signature, computed anew for every sending
//! send        one HTTP exchange
//! ```
//!
//! `client` and `stack` put the layers together and say why in this order. The state of each layer is kept apart from it and shared by all clones of a client: `bucket` and `line` decide
//! for `budget` and `places`, `breaker::Switch` for `watch`. `concern` gives the layers above `interpret` their
//! form. A call of the **way back** is never stopped by the circuit nor held by a 503; a 429 holds it, because the
//! cloud would refuse it.
//!
//! How long may a call take? A read is sent no later than `request_timeout` after it was asked for, a change no
//! later than its signature allows; both then have `request_timeout` for their last exchange.
//!
//! Nothing below `interpret` knows what a command means. Above the stack, `commands` turns a [`crate::Command`] into parameters, `reads` asks for
//! objects and pages through lists, `jobs` reads async jobs, and `parse` makes values of rows.
//!
//! What is relied upon of CloudStack: errors are told apart by their code, never by their text; whatever may
//! have reached the cloud and was not answered in a readable way is an unknown outcome.

mod breaker;
mod bucket;
mod budget;
mod call;
mod client;
mod commands;
mod concern;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod interpret;
mod jobs;
mod json;
mod line;
mod parse;
mod places;
mod prober;
mod reads;
mod retry;
mod row;
mod settings;
pub mod sign;
mod signing;
mod skew;
mod stack;
mod statistics;
mod throttle;
mod trace;

pub use crate::clock::Clock;
pub use client::CloudStackClient;
pub use settings::{CloudStackSettings, SettingsError};
pub use statistics::{CallStatistics, Outcome, WaitStatistics};

/// Installs the TLS implementation of this process (rustls with ring). Binaries and tests call it before they
/// build a [`CloudStackClient`]; further calls do nothing.
pub fn install_tls_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // The only possible error is that another thread has just installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
