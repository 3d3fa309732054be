//! `jobs`.

use failover_api::dto::{EventPage, JobDetail, JobPage};
use failover_domain::JobId;

use super::{Session, lookup, verbs};
use crate::cli::{JobsCommand, Output, Page};
use crate::exit::{CtlError, End};
use crate::{render, watch};

pub(super) async fn run(session: &Session<'_>, command: JobsCommand) -> Result<End, CtlError> {
    match command {
        JobsCommand::List { status, vm, page } => list(session, &status, vm.as_deref(), &page).await,
        JobsCommand::Show { job, watch: true } => watch::follow(session, &job).await,
        JobsCommand::Show { job, watch: false } => show(session, &job).await,
        JobsCommand::Events { job, after } => events(session, &job, after).await,
        JobsCommand::Cancel {
            job,
            discard_guest_writes,
        } => verbs::cancel(session, &job, discard_guest_writes).await,
        JobsCommand::Retry { job } => verbs::retry(session, &job).await,
        JobsCommand::Extend { job, by, until } => verbs::extend(session, &job, by, until).await,
        JobsCommand::Decide { job, decided } => verbs::decide(session, &job, decided).await,
        JobsCommand::Commit { job, watch } => verbs::commit(session, &job, watch).await,
        JobsCommand::Rollback {
            job,
            discard_guest_writes,
            watch,
        } => verbs::rollback(session, &job, watch, discard_guest_writes).await,
    }
}

/// The query of one page.
pub(super) fn paging(page: &Page) -> Vec<(&'static str, String)> {
    let mut query = vec![("limit", page.limit.to_string())];
    query.extend(page.cursor.iter().map(|cursor| ("cursor", cursor.clone())));
    query
}

async fn list(
    session: &Session<'_>,
    status: &[String],
    vm: Option<&str>,
    page: &Page,
) -> Result<End, CtlError> {
    let mut query = paging(page);
    if !status.is_empty() {
        query.push(("status", status.join(",")));
    }
    if let Some(vm) = vm {
        query.push(("vm_id", lookup::vm(session, vm).await?.id.to_string()));
    }
    let answer = session.api.get::<JobPage>(&["failover", "jobs"], &query).await?;
    session
        .terminal
        .answer(&answer.body, || render::job::list(&answer.value))?;
    Ok(End::Done)
}

async fn show(session: &Session<'_>, job: &JobId) -> Result<End, CtlError> {
    let answer = session
        .api
        .get::<JobDetail>(&["failover", "jobs", job.as_str()], &[])
        .await?;
    let paint = session.terminal.paint;
    session
        .terminal
        .answer(&answer.body, || render::job::detail(&answer.value, paint))?;
    Ok(End::Done)
}

/// Prints one page for programs, the whole journal for people.
async fn events(session: &Session<'_>, job: &JobId, after: u64) -> Result<End, CtlError> {
    let path = ["failover", "jobs", job.as_str(), "events"];
    let mut after = after;
    loop {
        let query = [("after", after.to_string()), ("limit", "1000".to_owned())];
        let answer = session.api.get::<EventPage>(&path, &query).await?;
        session.terminal.answer(&answer.body, || {
            answer
                .value
                .events
                .iter()
                .map(|e| render::event::line(e, None) + "\n")
                .collect()
        })?;
        let is_last = answer.value.events.is_empty() || answer.value.is_end;
        if is_last || session.terminal.output == Output::Json {
            return Ok(End::Done);
        }
        after = answer.value.next_after;
    }
}
