//! `plan` and `failover`.

use std::collections::BTreeMap;

use failover_api::dto::{BootRequest, DryRunAnswer, JobCreated, LiveFailoverRequest};
use reqwest::Method;

use super::{Session, lookup};
use crate::cli::{FailoverCommand, LiveArgs, Output, PlanCommand};
use crate::exit::{CtlError, End};
use crate::{render, watch};

pub(super) async fn plan(session: &Session<'_>, command: PlanCommand) -> Result<End, CtlError> {
    let PlanCommand::Live(args) = command;
    let request = request(session, args).await?;
    let query = [("dry_run", "true".to_owned())];
    let answer = session
        .api
        .send::<DryRunAnswer>(Method::POST, &["failover", "live"], &query, &request)
        .await?;
    let paint = session.terminal.paint;
    session
        .terminal
        .answer(&answer.body, || render::plan::plan(&answer.value, paint))?;
    Ok(End::Done)
}

pub(super) async fn start(session: &Session<'_>, command: FailoverCommand) -> Result<End, CtlError> {
    let FailoverCommand::Live { live, watch } = command;
    let request = request(session, live).await?;
    let answer = session
        .api
        .send::<JobCreated>(Method::POST, &["failover", "live"], &[], &request)
        .await?;
    let created = &answer.value;
    if !watch {
        session
            .terminal
            .answer(&answer.body, || render::job::created(created))?;
        return Ok(End::Done);
    }
    // Programs get one document: the job as it ended.
    if session.terminal.output == Output::Table {
        session
            .terminal
            .print(&format!("Job {} was started.", created.job_id))?;
    }
    watch::follow(session, &created.job_id).await
}

async fn request(session: &Session<'_>, args: LiveArgs) -> Result<LiveFailoverRequest, CtlError> {
    let network_mappings = unique(args.map)?;
    let vm = lookup::vm(session, &args.vm).await?;
    Ok(LiveFailoverRequest {
        vm_id: vm.id,
        vm_name: vm.name,
        skip_validation: args.skip_validation,
        network_mappings,
        boot: BootRequest {
            within: args.boot_within,
            grades: args.boot_grade,
        },
        on_boot_failure: args.on_boot_failure.into(),
    })
}

/// The mappings by source network. Two for one network contradict each other, and which one would win is not
/// for us to choose.
pub(super) fn unique(pairs: Vec<(String, String)>) -> Result<BTreeMap<String, String>, CtlError> {
    let mut mappings = BTreeMap::new();
    for (source, network) in pairs {
        if let Some(other) = mappings.insert(source.clone(), network.clone()) {
            return Err(CtlError::Usage(format!(
                "{source:?} is mapped twice: to {other:?} and to {network:?}"
            )));
        }
    }
    Ok(mappings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_cannot_be_mapped_twice() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(unique(vec![pair("a", "x"), pair("b", "x")]).unwrap().len(), 2);
        let error = unique(vec![pair("a", "x"), pair("a", "y")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("\"a\" is mapped twice"), "{error}");
    }
}
