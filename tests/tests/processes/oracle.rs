//! What must hold when everything has come to rest.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use failover_system_tests::api::{Api, has_ended};
use failover_system_tests::cloud::{Cloud, Inventory};
use failover_system_tests::sample::SampleVm;
use failover_system_tests::wait::until;
use serde_json::{Value, json};

use crate::operator::{newest, roll_back};
use crate::tally::Tally;

/// How long after the last blow everything must be at rest: a request of a job that was killed may be valid for seconds,
/// and what failed again and again waits before it is tried again.
const REST_WITHIN: Duration = Duration::from_secs(240);

/// All jobs of these VMs, every one in full.
fn jobs(api: &Api, vms: &[SampleVm]) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    for vm in vms {
        let mut after = String::new();
        loop {
            let path = format!("/api/v1/failover/jobs?vm_id={}&limit=100{after}", vm.vm_id);
            let page = api.client().get(&path)?.expect_success()?;
            let found = page["jobs"].as_array().context("a page of jobs has jobs")?;
            all.extend(found.iter().cloned());
            match found.last().and_then(|job| job["job_id"].as_str()) {
                Some(last) if found.len() == 100 => after = format!("&after={last}"),
                _ => break,
            }
        }
    }
    Ok(all)
}

/// Waits until every job has ended.
pub(crate) fn come_to_rest(api: &Api, vms: &[SampleVm]) -> anyhow::Result<()> {
    let mut looks = 0;
    let mut open = Vec::new();
    let rested = until(REST_WITHIN, "every job has ended", || {
        open.clear();
        for vm in vms {
            // Right after its return the database may refuse once more.
            match newest(api, vm) {
                Ok(job) => open.extend(job.filter(|job| !has_ended(job))),
                Err(error) => {
                    open.push(json!({"vm": vm.name, "no_answer": format!("{error:#}")}));
                }
            }
        }
        looks += 1;
        // Now and then a person tries again at once what waits.
        if looks % 500 == 0 {
            for job in &open {
                let id = job["job_id"].as_str().unwrap_or_default();
                // A job that is not on the way back refuses, and may have ended meanwhile.
                let _ = api.verb(id, "retry", &json!({}));
            }
        }
        Ok(open.is_empty().then_some(()))
    });
    rested.with_context(|| format!("still open: {open:#?}"))
}

/// Every job is there and sound; after the last rollback the cloud is as it was before.
pub(crate) fn nothing_is_lost(
    api: &Api,
    cloud: &Cloud,
    before: &Inventory,
    vms: &[SampleVm],
    accepted: &[String],
    tally: &mut Tally,
) -> anyhow::Result<()> {
    for vm in vms {
        let Some(job) = newest(api, vm)? else { continue };
        if job["job_type"] == "live" && job["status"] == "completed" {
            let id = job["job_id"].as_str().context("a job has an id")?;
            let rollback = roll_back(api, id)?;
            let ended = api.wait_for_end(&rollback, REST_WITHIN)?;
            ensure!(
                ended["status"] == "completed",
                "the last rollback failed: {ended:#}"
            );
        }
    }
    let all = jobs(api, vms)?;
    let ids: BTreeSet<&str> = all.iter().filter_map(|job| job["job_id"].as_str()).collect();
    ensure!(ids.len() == all.len(), "a job is listed twice");
    let lost: Vec<&String> = accepted.iter().filter(|id| !ids.contains(id.as_str())).collect();
    ensure!(lost.is_empty(), "jobs were accepted and are lost: {lost:?}");
    for job in &all {
        let kind = format!("{} {}", text(&job["job_type"]), text(&job["status"]));
        *tally.jobs.entry(kind).or_default() += 1;
        tally.takeovers += sound_journal(api, job)?;
        ensure!(job["attention"] == json!([]), "somebody is needed: {job:#}");
    }
    taken_once(cloud)?;
    let after = cloud.inventory()?;
    if after != *before {
        let (was, is) = (before.lines(), after.lines());
        let gone: Vec<&String> = was.iter().filter(|line| !is.contains(line)).collect();
        let new: Vec<&String> = is.iter().filter(|line| !was.contains(line)).collect();
        bail!("the cloud is not as it was before: gone {gone:#?}, new {new:#?}");
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Insists that a journal is gapless and its epochs grow, and counts the takeovers.
fn sound_journal(api: &Api, job: &Value) -> anyhow::Result<u64> {
    let id = text(&job["job_id"]);
    let (mut last, mut epoch, mut taken_up) = (0, 0, 0_u64);
    loop {
        let path = format!("/api/v1/failover/jobs/{id}/events?after={last}&limit=1000");
        let page = api.client().get(&path)?.expect_success()?;
        let events = page["events"].as_array().context("a journal has events")?;
        for event in events {
            ensure!(event["seq"] == last + 1, "{id}: {event} comes after entry {last}");
            last += 1;
            if event["event"] == "taken_up" {
                let next = event["epoch"].as_u64().context("an epoch is a number")?;
                ensure!(next > epoch, "{id}: epoch {next} comes after {epoch}");
                (epoch, taken_up) = (next, taken_up + 1);
            }
        }
        if page["is_end"] == true {
            return Ok(taken_up.saturating_sub(1));
        }
        ensure!(!events.is_empty(), "{id}: the journal does not end with the job");
    }
}

/// Insists that no request was taken twice, and that no rollback point was made twice.
fn taken_once(cloud: &Cloud) -> anyhow::Result<()> {
    for command in [
        "deployVirtualMachine",
        "createSnapshot",
        "createVMSnapshot",
        "attachVolume",
        "detachVolume",
    ] {
        let accepted = cloud.accepted(command)?;
        let keys: BTreeSet<&str> = accepted.iter().map(|call| text(&call["key"])).collect();
        ensure!(
            keys.len() == accepted.len(),
            "a request for {command} was taken twice"
        );
    }
    let named: Vec<String> = cloud
        .accepted("createSnapshot")?
        .iter()
        .filter_map(|call| call["objects"].as_array()?.last()?.as_str().map(str::to_owned))
        .collect();
    let names: BTreeSet<&String> = named.iter().collect();
    ensure!(
        names.len() == named.len(),
        "a rollback point was made twice: {named:?}"
    );
    Ok(())
}
