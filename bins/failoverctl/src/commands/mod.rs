//! What each command does: one request, or a few, and how its answer is shown.

mod access;
mod attention;
mod failover;
mod inventory;
mod jobs;
mod lookup;
mod mappings;
mod ossea;
mod readiness;
mod verbs;

use failover_api::dto::NetworkList;

use crate::cli::Command;
use crate::client::Api;
use crate::exit::{CtlError, End};
use crate::output::Terminal;
use crate::render;

/// What commands work with.
pub(crate) struct Session<'a> {
    pub(crate) api: Api,
    pub(crate) terminal: &'a Terminal,
}

/// Carries out a command.
pub(crate) async fn run(session: &Session<'_>, command: Command) -> Result<End, CtlError> {
    match command {
        Command::Inventory(command) => inventory::run(session, command).await,
        Command::Readiness(args) => readiness::run(session, args).await,
        Command::Plan(command) => failover::plan(session, command).await,
        Command::Failover(command) => failover::run(session, command).await,
        Command::Jobs(command) => jobs::run(session, command).await,
        Command::Attention { severity, page } => attention::list(session, severity, &page).await,
        Command::Quarantine(command) => attention::quarantine(session, command).await,
        Command::Audit(args) => access::audit(session, args).await,
        Command::Token(command) => access::token(session, command).await,
        Command::Mappings(command) => mappings::run(session, command).await,
        Command::Networks => networks(session).await,
        Command::Ossea(command) => ossea::run(session, command).await,
        Command::Completions { .. } => unreachable!("completions are printed before a session exists"),
    }
}

async fn networks(session: &Session<'_>) -> Result<End, CtlError> {
    let answer = session
        .api
        .get::<NetworkList>(&["ossea", "networks"], &[])
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::mapping::networks(&answer.value))?;
    Ok(End::Done)
}
