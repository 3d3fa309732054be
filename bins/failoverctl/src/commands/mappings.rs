//! `mappings`.

use failover_api::dto::{MappingAnswer, MappingUpdate, MappingsOfVm};
use failover_domain::Purpose;
use reqwest::Method;

use super::{Session, lookup};
use crate::cli::MappingsCommand;
use crate::exit::{CtlError, End};
use crate::render;

pub(super) async fn run(session: &Session<'_>, command: MappingsCommand) -> Result<End, CtlError> {
    match command {
        MappingsCommand::List { vm } => list(session, &vm).await,
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
