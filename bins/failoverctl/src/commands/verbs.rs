//! What is asked of one job: `jobs cancel`, `retry`, `extend`, `decide`, `commit`, `rollback`.

use failover_api::dto::{
    CancelAnswer, ConsentRequest, DecideRequest, ExtendRequest, JobCreated, RequestAnswer,
};
use failover_domain::JobId;
use reqwest::Method;
use serde::Serialize;

use super::Session;
use super::failover::started;
use crate::cli::Decided;
use crate::exit::{CtlError, End};
use crate::render;

pub(super) async fn cancel(
    session: &Session<'_>,
    job: &JobId,
    discard_guest_writes: bool,
) -> Result<End, CtlError> {
    let path = ["failover", "jobs", job.as_str(), "cancel"];
    let body = ConsentRequest { discard_guest_writes };
    let answer = session
        .api
        .send::<CancelAnswer>(Method::POST, &path, &[], &body)
        .await?;
    session.terminal.answer(&answer.body, || {
        format!(
            "Cancelling of {job} is noted: the replicas go back to the OMA, and the job ends as failed.\n\
             Follow it: failoverctl jobs show {job} --watch\n"
        )
    })?;
    Ok(End::Done)
}

pub(super) async fn retry(session: &Session<'_>, job: &JobId) -> Result<End, CtlError> {
    ask(session, job, "retry", &serde_json::json!({})).await
}

pub(super) async fn extend(
    session: &Session<'_>,
    job: &JobId,
    by: Option<String>,
    until: Option<String>,
) -> Result<End, CtlError> {
    ask(session, job, "extend", &ExtendRequest { by, until }).await
}

pub(super) async fn decide(session: &Session<'_>, job: &JobId, decided: Decided) -> Result<End, CtlError> {
    let body = DecideRequest {
        attention: decided.attention,
        object: decided.object,
        decision: decided.decision,
        reason: decided.reason,
    };
    ask(session, job, "decide", &body).await
}

pub(super) async fn commit(session: &Session<'_>, job: &JobId, watch: bool) -> Result<End, CtlError> {
    settle(session, job, "commit", watch, &serde_json::json!({})).await
}

pub(super) async fn rollback(
    session: &Session<'_>,
    job: &JobId,
    watch: bool,
    discard_guest_writes: bool,
) -> Result<End, CtlError> {
    let body = ConsentRequest { discard_guest_writes };
    settle(session, job, "rollback", watch, &body).await
}

async fn settle(
    session: &Session<'_>,
    job: &JobId,
    verb: &str,
    watch: bool,
    body: &impl Serialize,
) -> Result<End, CtlError> {
    let path = ["failover", "jobs", job.as_str(), verb];
    let answer = session
        .api
        .send::<JobCreated>(Method::POST, &path, &[], body)
        .await?;
    started(session, &answer.body, &answer.value, watch).await
}

async fn ask(session: &Session<'_>, job: &JobId, verb: &str, body: &impl Serialize) -> Result<End, CtlError> {
    let path = ["failover", "jobs", job.as_str(), verb];
    let answer = session
        .api
        .send::<RequestAnswer>(Method::POST, &path, &[], body)
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::verb::noted(&answer.value))?;
    Ok(End::Done)
}
