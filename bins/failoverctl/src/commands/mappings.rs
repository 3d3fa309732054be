//! `mappings`.

use std::path::Path;

use failover_api::dto::{
    BulkMappingsAnswer, CopyAnswer, CopyMappings, MappingAnswer, MappingPage, MappingSuggestions,
    MappingUpdate, MappingsOfVm,
};
use failover_domain::Purpose;
use reqwest::Method;

use super::{Session, lookup};
use crate::cli::{MappingsCommand, Page};
use crate::exit::{CtlError, End};
use crate::render;

pub(super) async fn run(session: &Session<'_>, command: MappingsCommand) -> Result<End, CtlError> {
    match command {
        MappingsCommand::List { vm, all: _, page } => match vm {
            Some(vm) => list(session, &vm).await,
            None => list_all(session, &page).await,
        },
        MappingsCommand::Copy { vm, from, purpose } => copy(session, &vm, &from, purpose).await,
        MappingsCommand::Suggest { vm, purpose } => suggest(session, &vm, purpose).await,
        MappingsCommand::Import { file } => import(session, &file).await,
        MappingsCommand::Set { vm, map, purpose } => set(session, &vm, map, purpose).await,
        MappingsCommand::Delete {
            vm,
            source_network,
            purpose,
        } => delete(session, &vm, &source_network, purpose).await,
    }
}

async fn list(session: &Session<'_>, vm: &str) -> Result<End, CtlError> {
    let vm = lookup::vm(session, vm).await?;
    let answer = session
        .api
        .get::<MappingsOfVm>(&["network-mappings", vm.id.as_str()], &[])
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::mapping::list(vm.label(), &answer.value))?;
    Ok(End::Done)
}

async fn list_all(session: &Session<'_>, page: &Page) -> Result<End, CtlError> {
    let answer = session
        .api
        .get::<MappingPage>(&["network-mappings"], &super::jobs::paging(page))
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::mapping::page(&answer.value))?;
    Ok(End::Done)
}

async fn copy(
    session: &Session<'_>,
    vm: &str,
    from: &str,
    purpose: Option<Purpose>,
) -> Result<End, CtlError> {
    let vm = lookup::vm(session, vm).await?;
    let other = lookup::vm(session, from).await?;
    let path = ["network-mappings", vm.id.as_str(), "copy-from", other.id.as_str()];
    let answer = session
        .api
        .send::<CopyAnswer>(Method::POST, &path, &[], &CopyMappings { purpose })
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::mapping::copied(&answer.value))?;
    Ok(End::Done)
}

async fn suggest(session: &Session<'_>, vm: &str, purpose: Purpose) -> Result<End, CtlError> {
    let vm = lookup::vm(session, vm).await?;
    let path = ["network-mappings", vm.id.as_str(), "suggestions"];
    let answer = session
        .api
        .get::<MappingSuggestions>(&path, &[("purpose", purpose.to_string())])
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::mapping::suggestions(&answer.value))?;
    Ok(End::Done)
}

async fn import(session: &Session<'_>, file: &Path) -> Result<End, CtlError> {
    // Sent as it is: the server knows what is allowed and reports all mistakes together.
    let content =
        super::inventory::read(file).map_err(|e| CtlError::Usage(format!("{}: {e}", file.display())))?;
    let answer = session
        .api
        .send_file::<BulkMappingsAnswer>(&["network-mappings", "bulk"], content)
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::mapping::imported(&answer.value))?;
    Ok(End::Done)
}

/// Stores the mappings one by one; the first one that is refused ends it, and those before it stay.
async fn set(
    session: &Session<'_>,
    vm: &str,
    map: Vec<(String, String)>,
    purpose: Purpose,
) -> Result<End, CtlError> {
    let mappings = super::failover::unique(map)?;
    let vm = lookup::vm(session, vm).await?;
    for (source, network) in mappings {
        let path = ["network-mappings", vm.id.as_str(), source.as_str()];
        let update = MappingUpdate { purpose, network };
        let answer = session
            .api
            .send::<MappingAnswer>(Method::PUT, &path, &[], &update)
            .await?;
        session
            .terminal
            .answer(&answer.body, || render::mapping::stored(&answer.value))?;
    }
    Ok(End::Done)
}

async fn delete(session: &Session<'_>, vm: &str, source: &str, purpose: Purpose) -> Result<End, CtlError> {
    let vm = lookup::vm(session, vm).await?;
    let path = ["network-mappings", vm.id.as_str(), source];
    let body = session
        .api
        .delete(&path, &[("purpose", purpose.to_string())])
        .await?;
    session.terminal.answer(&body, || {
        format!(
            "The {purpose} mapping of {source:?} for {} is removed.",
            vm.label()
        )
    })?;
    Ok(End::Done)
}
