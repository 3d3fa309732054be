//! `plan` and `failover`.

use std::collections::BTreeMap;

use failover_api::dto::{
    BootRequest, DryRunAnswer, JobCreated, LiveFailoverRequest, RequestAnswer, TestFailoverRequest,
};
use failover_domain::JobId;
use reqwest::Method;
use serde::Serialize;

use super::{Session, lookup};
use crate::cli::{FailoverCommand, LiveArgs, Output, PlanCommand, RunArgs, TestArgs, WishArgs};
use crate::exit::{CtlError, End};
use crate::{render, watch};

pub(super) async fn plan(session: &Session<'_>, command: PlanCommand) -> Result<End, CtlError> {
    match command {
        PlanCommand::Live(args) => show_plan(session, "live", &live_request(session, args).await?).await,
        PlanCommand::Test(args) => show_plan(session, "test", &test_request(session, args).await?).await,
    }
}

pub(super) async fn run(session: &Session<'_>, command: FailoverCommand) -> Result<End, CtlError> {
    match command {
        FailoverCommand::Live { live, run } => {
            let request = live_request(session, live).await?;
            start(session, "live", &request, &run).await
        }
        FailoverCommand::Test { test, run } => {
            let request = test_request(session, test).await?;
            start(session, "test", &request, &run).await
        }
        FailoverCommand::End { job } => end(session, &job).await,
    }
}

async fn show_plan(session: &Session<'_>, kind: &str, request: &impl Serialize) -> Result<End, CtlError> {
    let query = [("dry_run", "true".to_owned())];
    let answer = session
        .api
        .send::<DryRunAnswer>(Method::POST, &["failover", kind], &query, request)
        .await?;
    let paint = session.terminal.paint;
    session
        .terminal
        .answer(&answer.body, || render::plan::plan(&answer.value, paint))?;
    Ok(End::Done)
}

async fn start(
    session: &Session<'_>,
    kind: &str,
    request: &impl Serialize,
    run: &RunArgs,
) -> Result<End, CtlError> {
    if run.dry_run {
        return show_plan(session, kind, request).await;
    }
    let answer = session
        .api
        .send::<JobCreated>(Method::POST, &["failover", kind], &[], request)
        .await?;
    started(session, &answer.body, &answer.value, run.watch).await
}

/// Tells of a job that was just created, or follows it to its end.
pub(super) async fn started(
    session: &Session<'_>,
    body: &str,
    created: &JobCreated,
    watch: bool,
) -> Result<End, CtlError> {
    if !watch {
        session.terminal.answer(body, || render::job::created(created))?;
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

async fn end(session: &Session<'_>, job: &JobId) -> Result<End, CtlError> {
    let answer = session
        .api
        .remove::<RequestAnswer>(&["failover", "test", job.as_str()])
        .await?;
    session
        .terminal
        .answer(&answer.body, || render::verb::noted(&answer.value))?;
    Ok(End::Done)
}

async fn live_request(session: &Session<'_>, args: LiveArgs) -> Result<LiveFailoverRequest, CtlError> {
    let wishes = Wishes::of(session, args.wishes).await?;
    Ok(LiveFailoverRequest {
        vm_name: wishes.vm.name,
        skip_validation: wishes.skip_validation,
        network_mappings: wishes.network_mappings,
        boot: wishes.boot,
        on_boot_failure: wishes.on_boot_failure,
        commit_policy: args.commit_policy,
        ..LiveFailoverRequest::new(wishes.vm.id)
    })
}

async fn test_request(session: &Session<'_>, args: TestArgs) -> Result<TestFailoverRequest, CtlError> {
    let wishes = Wishes::of(session, args.wishes).await?;
    Ok(TestFailoverRequest {
        vm_name: wishes.vm.name,
        test_duration: args.duration,
        auto_cleanup: !args.keep,
        skip_validation: wishes.skip_validation,
        network_mappings: wishes.network_mappings,
        boot: wishes.boot,
        on_boot_failure: wishes.on_boot_failure,
        rollback_strategy: args.strategy,
        ..TestFailoverRequest::new(wishes.vm.id)
    })
}

/// What every failover is asked for, as the API takes it.
struct Wishes {
    vm: lookup::NamedVm,
    skip_validation: bool,
    network_mappings: BTreeMap<String, String>,
    boot: BootRequest,
    on_boot_failure: failover_api::dto::engine::OnBootFailure,
}

impl Wishes {
    async fn of(session: &Session<'_>, args: WishArgs) -> Result<Self, CtlError> {
        // Mistakes of the command line are told before anything is sent.
        let network_mappings = unique(args.map)?;
        Ok(Self {
            vm: lookup::vm(session, &args.vm).await?,
            skip_validation: args.skip_validation,
            network_mappings,
            boot: BootRequest {
                within: args.boot_within,
                grades: args.boot_grade,
            },
            on_boot_failure: args.on_boot_failure.into(),
        })
    }
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
