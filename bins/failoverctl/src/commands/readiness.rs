//! `readiness`: whether one VM, or all of them, may be failed over.

use failover_api::dto::{FleetReadinessPage, ReadinessAnswer};
use failover_domain::{CheckStatus, Readiness};
use serde::Serialize;

use super::{Session, lookup};
use crate::cli::ReadinessArgs;
use crate::exit::{CtlError, End};
use crate::render;

/// How many source VMs are asked for at once: as many as the API takes, because the cloud is read once a page.
const VMS_AT_ONCE: usize = 1000;

pub(super) async fn run(session: &Session<'_>, args: ReadinessArgs) -> Result<End, CtlError> {
    match &args.vm {
        Some(vm) => one(session, vm, &args).await,
        None => all(session, &args).await,
    }
}

async fn one(session: &Session<'_>, vm: &str, args: &ReadinessArgs) -> Result<End, CtlError> {
    let vm = lookup::vm(session, vm).await?;
    let path = ["failover", vm.id.as_str(), "readiness"];
    let answer = session
        .api
        .get::<ReadinessAnswer>(&path, &[("type", args.failover.to_string())])
        .await?;
    if let Some(rule) = &args.only {
        return only(session, rule, &answer.value.readiness);
    }
    let paint = session.terminal.paint;
    session.terminal.answer(&answer.body, || {
        render::readiness::answer(vm.label(), &answer.value, paint)
    })?;
    Ok(if answer.value.readiness.is_ready {
        End::Done
    } else {
        End::Refused
    })
}

/// What one rule finds. The exit code is about that rule alone.
fn only(session: &Session<'_>, rule: &str, verdict: &Readiness) -> Result<End, CtlError> {
    let Some(finding) = verdict.checks.iter().find(|check| check.rule == rule) else {
        let known: Vec<&str> = verdict.checks.iter().map(|check| check.rule.as_str()).collect();
        return Err(CtlError::Usage(format!(
            "there is no rule {rule:?} for this kind of failover; allowed is one of {}",
            known.join(", ")
        )));
    };
    let paint = session.terminal.paint;
    session.terminal.answer(&json_of(finding)?, || {
        render::readiness::finding_lines(finding, paint, "")
    })?;
    Ok(match finding.status {
        CheckStatus::Pass => End::Done,
        CheckStatus::Fail => End::Refused,
    })
}

/// What was put together of answers, for programs.
fn json_of(value: &impl Serialize) -> Result<String, CtlError> {
    serde_json::to_string(value)
        .map_err(|error| CtlError::Unreachable(format!("the answer cannot be written again: {error}")))
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
    let body = json_of(&fleet)?;
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
