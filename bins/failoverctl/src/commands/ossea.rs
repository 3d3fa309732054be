//! `ossea`.

use failover_api::dto::ossea::SearchOutcome;
use failover_api::dto::{
    CapabilitiesAnswer, CheckAnswer, NetworkList, OfferingList, TemplateList, VmSearchAnswer, ZoneList,
};
use failover_domain::MacAddress;
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::Session;
use crate::cli::{OsseaCommand, ZoneArgs};
use crate::exit::{CtlError, End};
use crate::render;

pub(super) async fn run(session: &Session<'_>, command: OsseaCommand) -> Result<End, CtlError> {
    match command {
        OsseaCommand::Check => check(session).await,
        OsseaCommand::Capabilities { refresh } => {
            let query: Vec<_> = refresh
                .then(|| ("refresh", "true".to_owned()))
                .into_iter()
                .collect();
            show::<CapabilitiesAnswer>(
                session,
                "capabilities",
                &query,
                render::capabilities::capabilities,
            )
            .await
        }
        OsseaCommand::Zones => show::<ZoneList>(session, "zones", &[], render::ossea::zones).await,
        OsseaCommand::Networks(zone) => {
            show::<NetworkList>(session, "networks", &of(&zone), render::mapping::networks).await
        }
        OsseaCommand::Offerings => {
            show::<OfferingList>(session, "service-offerings", &[], render::ossea::offerings).await
        }
        OsseaCommand::Templates(zone) => {
            show::<TemplateList>(session, "templates", &of(&zone), render::ossea::templates).await
        }
        OsseaCommand::FindOma { mac } => find_oma(session, &mac).await,
    }
}

fn of(zone: &ZoneArgs) -> Vec<(&'static str, String)> {
    zone.zone.iter().map(|id| ("zone", id.to_string())).collect()
}

/// One answer and its table.
async fn show<T: DeserializeOwned>(
    session: &Session<'_>,
    what: &str,
    query: &[(&str, String)],
    render: fn(&T) -> String,
) -> Result<End, CtlError> {
    let answer = session.api.get::<T>(&["ossea", what], query).await?;
    session.terminal.answer(&answer.body, || render(&answer.value))?;
    Ok(End::Done)
}

async fn check(session: &Session<'_>) -> Result<End, CtlError> {
    let answer = session
        .api
        .send::<CheckAnswer>(Method::POST, &["ossea", "check"], &[], &serde_json::json!({}))
        .await?;
    let paint = session.terminal.paint;
    session
        .terminal
        .answer(&answer.body, || render::check::check(&answer.value, paint))?;
    Ok(if answer.value.report.is_usable {
        End::Done
    } else {
        End::CheckFailed
    })
}

async fn find_oma(session: &Session<'_>, macs: &[MacAddress]) -> Result<End, CtlError> {
    let macs: Vec<&str> = macs.iter().map(MacAddress::as_str).collect();
    let answer = session
        .api
        .get::<VmSearchAnswer>(&["ossea", "vms"], &[("mac", macs.join(","))])
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::ossea::search(&answer.value))?;
    Ok(match answer.value.outcome {
        SearchOutcome::One => End::Done,
        SearchOutcome::None | SearchOutcome::Several => End::Refused,
    })
}
