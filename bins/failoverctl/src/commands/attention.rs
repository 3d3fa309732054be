//! `attention` and `quarantine`.

use failover_api::dto::{AttentionPage, ClearQuarantine, QuarantineView};
use failover_domain::VolumeId;

use super::{Session, lookup};
use crate::cli::{Page, QuarantineCommand, SeverityArg};
use crate::exit::{CtlError, End};
use crate::render;

pub(super) async fn list(
    session: &Session<'_>,
    severity: Option<SeverityArg>,
    page: &Page,
) -> Result<End, CtlError> {
    let mut query = super::jobs::paging(page);
    query.extend(severity.map(|severity| ("severity", severity.as_str().to_owned())));
    let answer = session.api.get::<AttentionPage>(&["attention"], &query).await?;
    let paint = session.terminal.paint;
    session
        .terminal
        .answer(&answer.body, || render::attention::page(&answer.value, paint))?;
    Ok(End::Done)
}

pub(super) async fn quarantine(session: &Session<'_>, command: QuarantineCommand) -> Result<End, CtlError> {
    match command {
        QuarantineCommand::List { vm } => marked(session, &vm).await,
        QuarantineCommand::Clear { vm, volume, reason } => clear(session, &vm, &volume, reason).await,
    }
}

async fn marked(session: &Session<'_>, vm: &str) -> Result<End, CtlError> {
    let vm = lookup::vm(session, vm).await?;
    let path = ["vms", vm.id.as_str(), "quarantine"];
    let answer = session.api.get::<QuarantineView>(&path, &[]).await?;
    session
        .terminal
        .answer(&answer.body, || render::attention::quarantine(&answer.value))?;
    Ok(End::Done)
}

async fn clear(session: &Session<'_>, vm: &str, volume: &VolumeId, reason: String) -> Result<End, CtlError> {
    let vm = lookup::vm(session, vm).await?;
    let path = ["vms", vm.id.as_str(), "quarantine", volume.as_str()];
    let body = session
        .api
        .delete_with(&path, &ClearQuarantine { reason })
        .await?;
    session.terminal.answer(&body, || {
        format!(
            "The mark of replica {volume} of {} is taken off; the audit keeps the reason.",
            vm.label()
        )
    })?;
    Ok(End::Done)
}
