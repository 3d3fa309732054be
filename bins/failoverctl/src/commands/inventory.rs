//! `inventory`.

use std::io::Read;
use std::path::Path;

use failover_api::dto::{ImportAnswer, VmPage, VmView};
use failover_domain::inventory::InventoryFile;

use super::{Session, lookup};
use crate::cli::{InventoryCommand, Page};
use crate::exit::{CtlError, End};
use crate::render;

pub(super) async fn run(session: &Session<'_>, command: InventoryCommand) -> Result<End, CtlError> {
    match command {
        InventoryCommand::Import { file } => import(session, &file).await,
        InventoryCommand::Export => export(session).await,
        InventoryCommand::List { page } => list(session, &page).await,
        InventoryCommand::Show { vm } => show(session, &vm).await,
    }
}

async fn import(session: &Session<'_>, file: &Path) -> Result<End, CtlError> {
    // Sent as it is: the server knows what is allowed and reports all mistakes together.
    let content = read(file).map_err(|e| CtlError::Usage(format!("{}: {e}", file.display())))?;
    let answer = session
        .api
        .send_file::<ImportAnswer>(&["inventory", "import"], content)
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::inventory::import(&answer.value))?;
    Ok(if answer.value.failed == 0 {
        End::Done
    } else {
        End::Refused
    })
}

/// Prints the file as it came: it is for programs whatever the output.
async fn export(session: &Session<'_>) -> Result<End, CtlError> {
    let answer = session
        .api
        .get::<InventoryFile>(&["inventory", "export"], &[])
        .await?;
    session.terminal.print(&answer.body)?;
    Ok(End::Done)
}

pub(super) fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut content = Vec::new();
        std::io::stdin().lock().read_to_end(&mut content)?;
        return Ok(content);
    }
    std::fs::read(file)
}

async fn list(session: &Session<'_>, page: &Page) -> Result<End, CtlError> {
    let answer = session
        .api
        .get::<VmPage>(&["vms"], &super::jobs::paging(page))
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::inventory::list(&answer.value))?;
    Ok(End::Done)
}

async fn show(session: &Session<'_>, vm: &str) -> Result<End, CtlError> {
    let vm = lookup::vm(session, vm).await?;
    let answer = session.api.get::<VmView>(&["vms", vm.id.as_str()], &[]).await?;
    session
        .terminal
        .answer(&answer.body, || render::inventory::vm(&answer.value))?;
    Ok(End::Done)
}
