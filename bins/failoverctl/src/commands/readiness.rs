//! `readiness`: whether one VM, or all of them, may be failed over.

use failover_api::dto::FleetReadinessPage;
use failover_domain::{FailoverType, Readiness};

use super::{Session, lookup};
use crate::cli::ReadinessArgs;
use crate::exit::{CtlError, End};
use crate::render;

/// How many source VMs are asked for at once: as many as the API takes, because the cloud is read once a page.
const VMS_AT_ONCE: usize = 1000;

pub(super) async fn run(session: &Session<'_>, args: ReadinessArgs) -> Result<End, CtlError> {
    match &args.vm {
        Some(vm) => one(session, vm, args.failover).await,
        None => all(session, &args).await,
    }
}

async fn one(session: &Session<'_>, vm: &str, failover: FailoverType) -> Result<End, CtlError> {
    let vm = lookup::vm(session, vm).await?;
    let path = ["failover", vm.id.as_str(), "readiness"];
    let answer = session
        .api
        .get::<Readiness>(&path, &[("type", failover.to_string())])
        .await?;
    let paint = session.terminal.paint;
    session.terminal.answer(&answer.body, || {
        render::readiness::readiness(vm.label(), &answer.value, paint)
    })?;
    Ok(if answer.value.is_ready {
        End::Done
    } else {
        End::Refused
    })
}

/// All pages, shown as one.
async fn all(session: &Session<'_>, args: &ReadinessArgs) -> Result<End, CtlError> {
    let mut query = vec![
        ("type", args.failover.to_string()),
        ("limit", VMS_AT_ONCE.to_string()),
    ];
    if args.not_ready {
        query.push(("ready", "false".to_owned()));
    }
    let path = ["failover", "readiness"];
    let mut fleet = session.api.get::<FleetReadinessPage>(&path, &query).await?.value;
    while let Some(cursor) = fleet.next_cursor.take() {
        let mut further = query.clone();
        further.push(("cursor", cursor.to_string()));
        let page = session
            .api
            .get::<FleetReadinessPage>(&path, &further)
            .await?
            .value;
        fleet.totals.add(&page.totals);
        fleet.vms.extend(page.vms);
        fleet.next_cursor = page.next_cursor;
    }
    let body = serde_json::to_string(&fleet)
        .map_err(|error| CtlError::Unreachable(format!("the answer cannot be written again: {error}")))?;
    let paint = session.terminal.paint;
    session
        .terminal
        .answer(&body, || render::readiness::fleet(&fleet, paint))?;
    Ok(if fleet.totals.not_ready == 0 {
        End::Done
    } else {
        End::Refused
    })
}
