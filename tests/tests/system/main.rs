//! Whole-system tests: real processes, as in production, on SQLite and on PostgreSQL.
//!
//! The tests on PostgreSQL need `FAILOVER_TEST_POSTGRES_URL`, the URL of a role that may create databases;
//! `cargo xtask test` sets it. Without it they say that they were left out.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bad_database;
mod cloud_check;
mod database;
mod described_api;
mod full_disk;
mod killed_worker;
mod live_failover;
mod lost_database;
mod one_job;
mod quick_start;
mod secrets;
mod site;
mod test_failover;
mod way_back;
