//! The writer against real servers on the loopback interface.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

mod answers;
mod documentation;
mod requests;
mod support;
mod tls;
mod trouble;
