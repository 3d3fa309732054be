//! A private PostgreSQL server for the tests, on a machine that may lack PostgreSQL.

use std::time::Duration;

use anyhow::Context as _;
use failover_system_tests::postgres::{Postgres, Programs};
use failover_system_tests::process::Group;

use crate::debian;
use crate::interrupt::Interrupt;

/// Finds or installs PostgreSQL and starts a server.
pub(crate) fn start(interrupt: &Interrupt) -> anyhow::Result<Postgres> {
    // On Ctrl-C the tests end before the server that they use.
    let postgres = Postgres::start(find_or_install(interrupt)?, Group::Own)?;
    // Who wanted to stop meanwhile does not wait for the first test.
    interrupt.wait(Duration::ZERO)?;
    Ok(postgres)
}

fn find_or_install(interrupt: &Interrupt) -> anyhow::Result<Programs> {
    if let Some(found) = Programs::find() {
        return Ok(found);
    }
    debian::install(&["postgresql"], Programs::NEEDED, interrupt)?;
    Programs::find()
        .context("the package `postgresql` is installed, but its programs are nowhere to be found")
}
