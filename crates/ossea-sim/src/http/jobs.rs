//! Async jobs on the wire.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::filters::{check_account, is};
use super::parameters::Parameters;
use super::rows;
use crate::cloud::Cloud;
use crate::cloud::account::{ACCOUNT, DOMAIN, account_id, domain_id, user_id};
use crate::cloud::command::ApiCommand;
use crate::cloud::error::ApiError;
use crate::cloud::jobs::{Job, JobObject, JobOutcome, JobResult, Phase};
use crate::contents::derived_id;
use crate::settings::Profile;

/// `queryAsyncJobResult`.
pub(crate) fn query(cloud: &Cloud, parameters: &Parameters) -> Result<Value, ApiError> {
    let command = "queryAsyncJobResult";
    let id = match (parameters.get("jobid"), resource(cloud, parameters)?) {
        (None, Some((kind, id))) => {
            let newest = cloud.newest_job_on(kind, id);
            let newest = newest.ok_or_else(|| {
                ApiError::invalid(format!("Unable to find a job on the {kind} with id {id}"))
            })?;
            return Ok(job_row(cloud, newest));
        }
        (Some(_), _) | (None, None) => parameters.id(command, "jobid")?,
    };
    let job = cloud
        .job(&id)
        .ok_or_else(|| ApiError::unknown_entity(command, "jobid", id.as_str()))?;
    Ok(job_row(cloud, job))
}

/// The object of `resourcetype` and `resourceid`, which older releases than 4.22.1 ignore.
fn resource<'a>(cloud: &Cloud, parameters: &'a Parameters) -> Result<Option<(&'a str, &'a str)>, ApiError> {
    match cloud.settings().profile {
        Profile::V4_18 | Profile::V4_21 => return Ok(None),
        Profile::V4_22 => {}
    }
    match (parameters.get("resourcetype"), parameters.get("resourceid")) {
        (None, None) => Ok(None),
        (Some(kind), Some(id)) => Ok(Some((kind, id))),
        (Some(_), None) | (None, Some(_)) => Err(ApiError::invalid(
            "Both resourceid and resourcetype must be given, or neither",
        )),
    }
}

/// `listAsyncJobs` shows unfinished jobs only.
pub(crate) fn unfinished(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    let since = parameters.get("startdate").and_then(day_or_instant);
    let keyword = parameters.get("keyword").unwrap_or("");
    check_account(parameters)?;
    let resource = resource(cloud, parameters)?;
    let elsewhere = match cloud.settings().profile {
        // Releases before 4.19 do not know the filter.
        Profile::V4_18 => false,
        Profile::V4_21 | Profile::V4_22 => !is(parameters, "managementserverid", &management_server_id()),
    };
    let jobs = cloud.unfinished_jobs().filter(|job| {
        !elsewhere
            && since.is_none_or(|since| job.created >= since)
            && resource.is_none_or(|(kind, id)| job.is_on(kind, id))
    });
    Ok(jobs
        .filter(|job| class_of(&job.command).contains(keyword))
        .map(|job| job_row(cloud, job))
        .collect())
}

fn day_or_instant(text: &str) -> Option<DateTime<Utc>> {
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let midnight = day
        .and_then(|day| day.and_hms_opt(0, 0, 0))
        .map(|at| at.and_utc());
    let local = || {
        chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
            .ok()
            .map(|at| at.and_utc())
    };
    let zoned = || {
        DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%z")
            .ok()
            .map(|at| at.to_utc())
    };
    midnight.or_else(local).or_else(zoned)
}

fn job_row(cloud: &Cloud, job: &Job) -> Value {
    let mut row = json!({
        "jobid": job.id,
        "cmd": class_of(&job.command),
        "account": ACCOUNT,
        "accountid": account_id(),
        "domainid": domain_id(),
        "domainpath": DOMAIN,
        "userid": user_id(),
        "jobprocstatus": 0,
        "jobstatus": 0,
        "jobresultcode": 0,
        "created": rows::date(job.created),
    });
    match cloud.settings().profile {
        Profile::V4_18 => {}
        Profile::V4_21 | Profile::V4_22 => row["managementserverid"] = management_server_id().into(),
    }
    if let Some(object) = &job.object {
        row["jobinstancetype"] = object.kind.as_ref().into();
        if object.kind != JobObject::VM_SNAPSHOT {
            row["jobinstanceid"] = object.id.as_str().into();
        }
    }
    let Phase::Ended { at, outcome } = &job.phase else {
        return row;
    };
    row["completed"] = rows::date(*at).into();
    match outcome {
        JobOutcome::Succeeded(result) => {
            row["jobstatus"] = 1.into();
            row["jobresulttype"] = "object".into();
            row["jobresult"] = result_of(cloud, result);
        }
        JobOutcome::Failed(error) => {
            row["jobstatus"] = 2.into();
            row["jobresultcode"] = error.code.into();
            row["jobresulttype"] = "object".into();
            row["jobresult"] = json!({ "errorcode": error.code, "errortext": error.text });
        }
        JobOutcome::CutOff { code } => {
            row["jobstatus"] = 2.into();
            row["jobresultcode"] = (*code).into();
        }
    }
    row
}

/// What a job or a command without a job answers.
pub(crate) fn result_of(cloud: &Cloud, result: &JobResult) -> Value {
    match result {
        JobResult::Vm(vm) => json!({ "virtualmachine": rows::vm(cloud, vm) }),
        JobResult::Volume(volume) => json!({ "volume": rows::volume(cloud, volume) }),
        JobResult::Snapshot(snapshot) => json!({ "snapshot": rows::snapshot(cloud, snapshot) }),
        JobResult::VmSnapshot(snapshot) => json!({ "vmsnapshot": rows::vm_snapshot(cloud, snapshot) }),
        JobResult::Success => json!({ "success": true }),
    }
}

/// The one management server; told since 4.19.
fn management_server_id() -> String {
    derived_id("management server", "1")
}

/// The Java class of a command.
fn class_of(command: &ApiCommand) -> String {
    let package = match command {
        ApiCommand::DeployVirtualMachine(_) => {
            return "org.apache.cloudstack.api.command.user.vm.DeployVMCmd".into();
        }
        ApiCommand::StartVirtualMachine { .. } => {
            return "org.apache.cloudstack.api.command.user.vm.StartVMCmd".into();
        }
        ApiCommand::StopVirtualMachine { .. } => {
            return "org.apache.cloudstack.api.command.user.vm.StopVMCmd".into();
        }
        ApiCommand::RebootVirtualMachine { .. } => {
            return "org.apache.cloudstack.api.command.user.vm.RebootVMCmd".into();
        }
        ApiCommand::DestroyVirtualMachine(_) => {
            return "org.apache.cloudstack.api.command.user.vm.DestroyVMCmd".into();
        }
        ApiCommand::ExpungeVirtualMachine { .. } => {
            return "org.apache.cloudstack.api.command.admin.vm.ExpungeVMCmd".into();
        }
        ApiCommand::UpdateVirtualMachine { .. } => {
            return "org.apache.cloudstack.api.command.user.vm.UpdateVMCmd".into();
        }
        ApiCommand::RecoverVirtualMachine { .. } => {
            return "org.apache.cloudstack.api.command.user.vm.RecoverVMCmd".into();
        }
        ApiCommand::CreateVmSnapshot(_) => {
            return "org.apache.cloudstack.api.command.user.vmsnapshot.CreateVMSnapshotCmd".into();
        }
        ApiCommand::RevertToVmSnapshot { .. } => {
            return "org.apache.cloudstack.api.command.user.vmsnapshot.RevertToVMSnapshotCmd".into();
        }
        ApiCommand::DeleteVmSnapshot { .. } => {
            return "org.apache.cloudstack.api.command.user.vmsnapshot.DeleteVMSnapshotCmd".into();
        }
        ApiCommand::AddNicToVirtualMachine { .. } => {
            return "org.apache.cloudstack.api.command.user.vm.AddNicToVMCmd".into();
        }
        ApiCommand::RemoveNicFromVirtualMachine { .. } => {
            return "org.apache.cloudstack.api.command.user.vm.RemoveNicFromVMCmd".into();
        }
        ApiCommand::UpdateDefaultNicForVirtualMachine { .. } => {
            return "org.apache.cloudstack.api.command.user.vm.UpdateDefaultNicForVMCmd".into();
        }
        ApiCommand::UpdateVolume { .. }
        | ApiCommand::AttachVolume { .. }
        | ApiCommand::DetachVolume(_)
        | ApiCommand::DeleteVolume { .. }
        | ApiCommand::CreateVolume(_) => "volume",
        ApiCommand::CreateTags { .. } | ApiCommand::DeleteTags { .. } => "tag",
        ApiCommand::CreateSnapshot { .. }
        | ApiCommand::RevertSnapshot { .. }
        | ApiCommand::DeleteSnapshot { .. } => "snapshot",
    };
    let name = command.api_name();
    let (first, rest) = name.split_at(1);
    format!(
        "org.apache.cloudstack.api.command.user.{package}.{}{rest}Cmd",
        first.to_uppercase()
    )
}
