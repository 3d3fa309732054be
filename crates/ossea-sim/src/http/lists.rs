//! The commands that only read: lists with their filters and pages, capabilities, one job.

use serde_json::{Value, json};

use super::filters::{
    IdFilter, TagFilter, check_account, is, mentions, vm_exists, volume_exists, zone_exists,
};
use super::parameters::Parameters;
use super::{account, candidates, infrastructure, jobs, rows, vm_list};
use crate::client::may_expunge;
use crate::cloud::Cloud;
use crate::cloud::error::ApiError;
use crate::cloud::objects::{Snapshot, VmSnapshotState, Volume};
use crate::settings::{Profile, Role, UserForceStop};

/// `default.page.size`, which is also the longest page.
const LONGEST_PAGE: usize = 500;

/// A command that only reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadCommand {
    name: &'static str,
    /// Makes the content of the envelope.
    pub(crate) answer: fn(&Cloud, &Parameters) -> Result<Value, ApiError>,
}

const READS: [ReadCommand; 24] = [
    ReadCommand {
        name: "listVirtualMachines",
        answer: |c, p| {
            page_of(
                "virtualmachine",
                vm_list::vms(c, p)?,
                |vm| vm_list::vm_row(c, p, vm),
                p,
            )
        },
    },
    ReadCommand {
        name: "listVolumes",
        answer: |c, p| page_of("volume", volumes(c, p)?, |volume| rows::volume(c, volume), p),
    },
    ReadCommand {
        name: "listSnapshots",
        answer: |c, p| {
            page_of(
                "snapshot",
                snapshots(c, p)?,
                |snapshot| rows::snapshot(c, snapshot),
                p,
            )
        },
    },
    ReadCommand {
        name: "listVMSnapshot",
        answer: |c, p| paged("vmSnapshot", vm_snapshots(c, p)?, p),
    },
    ReadCommand {
        name: "listNetworks",
        answer: |c, p| paged("network", networks(c, p)?, p),
    },
    ReadCommand {
        name: "listZones",
        answer: |c, p| paged("zone", zones(c, p)?, p),
    },
    ReadCommand {
        name: "listServiceOfferings",
        answer: |c, p| paged("serviceoffering", offerings(c, p)?, p),
    },
    ReadCommand {
        name: "listTemplates",
        answer: |c, p| paged("template", templates(c, p)?, p),
    },
    ReadCommand {
        name: "listTags",
        answer: |c, p| paged("tag", infrastructure::tags(c, p)?, p),
    },
    ReadCommand {
        name: "listDiskOfferings",
        answer: |c, p| paged("diskoffering", infrastructure::disk_offerings(c, p)?, p),
    },
    ReadCommand {
        name: "listStoragePools",
        answer: |c, p| paged("storagepool", infrastructure::storage_pools(c, p)?, p),
    },
    ReadCommand {
        name: "listHosts",
        answer: |c, p| paged("host", infrastructure::hosts(c, p)?, p),
    },
    ReadCommand {
        name: "listAccounts",
        answer: |c, p| paged("account", account::accounts(c, p)?, p),
    },
    ReadCommand {
        name: "listUsers",
        answer: |c, p| paged("user", account::users(c, p)?, p),
    },
    ReadCommand {
        name: "listResourceLimits",
        answer: |c, p| paged("resourcelimit", account::limits(c, p)?, p),
    },
    ReadCommand {
        name: "listOsTypes",
        answer: |_, p| paged("ostype", vec![infrastructure::os_type()], p),
    },
    // What this cloud has none of, but clients ask for before they do anything else.
    ReadCommand {
        name: "listPublicIpAddresses",
        answer: |_, p| paged("publicipaddress", Vec::new(), p),
    },
    ReadCommand {
        name: "listPortForwardingRules",
        answer: |_, p| paged("portforwardingrule", Vec::new(), p),
    },
    ReadCommand {
        name: "listIpForwardingRules",
        answer: |_, p| paged("ipforwardingrule", Vec::new(), p),
    },
    ReadCommand {
        name: "listSecurityGroups",
        answer: |_, p| paged("securitygroup", Vec::new(), p),
    },
    ReadCommand {
        name: "listAffinityGroups",
        answer: |_, p| paged("affinitygroup", Vec::new(), p),
    },
    ReadCommand {
        name: "listAsyncJobs",
        answer: |c, p| paged("asyncjobs", jobs::unfinished(c, p)?, p),
    },
    ReadCommand {
        name: "queryAsyncJobResult",
        answer: jobs::query,
    },
    ReadCommand {
        name: "listCapabilities",
        answer: |c, _| Ok(capabilities(c)),
    },
];

/// The names of all of them.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    READS.iter().map(|read| read.name)
}

/// The reading command of this name. The spelling matters.
pub(crate) fn find(command: &str) -> Option<ReadCommand> {
    READS.into_iter().find(|read| read.name == command)
}

/// The page that is asked for, in the form of a list.
fn paged(name: &str, found: Vec<Value>, parameters: &Parameters) -> Result<Value, ApiError> {
    page_of(name, found, |row| row, parameters)
}

/// The same for a long list: only the rows of the page are made.
fn page_of<T>(
    name: &str,
    found: Vec<T>,
    row: impl Fn(T) -> Value,
    parameters: &Parameters,
) -> Result<Value, ApiError> {
    let refused = |text: &str| Err(ApiError::invalid(text));
    let page: Option<i64> = parameters.number("list", "page")?;
    let size: Option<i64> = parameters.number("list", "pagesize")?;
    let (skip, take) = match (page, size) {
        (None, None) => (0, LONGEST_PAGE),
        (None, Some(_)) => {
            return refused("\"page\" parameter is required when \"pagesize\" is specified");
        }
        (Some(_), None) => {
            return refused("\"pagesize\" parameter is required when \"page\" is specified");
        }
        (Some(page), Some(size)) => match (usize::try_from(page), usize::try_from(size)) {
            (Ok(page @ 1..), Ok(size @ 1..=LONGEST_PAGE)) => ((page - 1).saturating_mul(size), size),
            (_, Ok(size)) if size > LONGEST_PAGE => {
                let text = format!("Page size can't exceed max allowed page size value: {LONGEST_PAGE}");
                return Err(ApiError::invalid(text));
            }
            (_, _) => return refused("Page and page size must be greater than zero"),
        },
    };
    let count = found.len();
    let rows: Vec<Value> = found.into_iter().skip(skip).take(take).map(row).collect();
    Ok(match (count, rows.is_empty()) {
        (0, _) => json!({}),
        (_, true) => json!({ "count": count }),
        (_, false) => json!({ "count": count, name: rows }),
    })
}

fn volumes<'a>(cloud: &'a Cloud, parameters: &Parameters) -> Result<Vec<&'a Volume>, ApiError> {
    let command = "listVolumes";
    let id = IdFilter::of(cloud, parameters, command, "id", volume_exists(cloud))?;
    let ids = IdFilter::of(cloud, parameters, command, "ids", volume_exists(cloud))?;
    let vm = IdFilter::of(cloud, parameters, command, "virtualmachineid", vm_exists(cloud))?;
    let zone = IdFilter::of(cloud, parameters, command, "zoneid", zone_exists(cloud))?;
    let pool = infrastructure::pool_filter(cloud, parameters, command)?;
    let tags = TagFilter::of(parameters);
    check_account(parameters)?;
    let kind = parameters.get("type").unwrap_or("").to_uppercase();
    let found = candidates::volumes(cloud, parameters).filter(|volume| {
        let on = volume.attached.as_ref().map_or("", |at| at.vm.as_str());
        id.lets(volume.id.as_str())
            && ids.lets(volume.id.as_str())
            && vm.lets(on)
            && zone.lets(volume.zone.as_str())
            && pool
                .as_ref()
                .is_none_or(|pool| volume.pool.as_ref() == Some(pool))
            && tags.lets(cloud, volume.id.as_str())
            && volume.kind.word().contains(&kind)
            && is(parameters, "name", &volume.name)
            && is(parameters, "state", volume.state.word())
            && mentions(parameters, &[&volume.name])
    });
    Ok(found.collect())
}

fn snapshots<'a>(cloud: &'a Cloud, parameters: &Parameters) -> Result<Vec<&'a Snapshot>, ApiError> {
    let command = "listSnapshots";
    let exists = |id: &str| id.parse().is_ok_and(|id| cloud.snapshot(&id).is_some());
    let id = IdFilter::of(cloud, parameters, command, "id", exists)?;
    let ids = IdFilter::of(cloud, parameters, command, "ids", exists)?;
    let volume = IdFilter::of(cloud, parameters, command, "volumeid", volume_exists(cloud))?;
    let zone = IdFilter::of(cloud, parameters, command, "zoneid", zone_exists(cloud))?;
    let tags = TagFilter::of(parameters);
    check_account(parameters)?;
    let found = candidates::snapshots(cloud, parameters).filter(|snapshot| {
        id.lets(snapshot.id.as_str())
            && ids.lets(snapshot.id.as_str())
            && volume.lets(snapshot.volume.as_str())
            && zone.lets(snapshot.zone.as_str())
            && tags.lets(cloud, snapshot.id.as_str())
            && is(parameters, "name", &snapshot.name)
            && mentions(parameters, &[&snapshot.name])
    });
    Ok(found.collect())
}

/// Newest first. Hidden ones are shown to nobody who does not ask for their state.
fn vm_snapshots(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    let command = "listVMSnapshot";
    let exists = |id: &str| id.parse().is_ok_and(|id| cloud.vm_snapshot(&id).is_some());
    let id = IdFilter::of(cloud, parameters, command, "vmsnapshotid", exists)?;
    let vm = IdFilter::of(cloud, parameters, command, "virtualmachineid", vm_exists(cloud))?;
    let tags = TagFilter::of(parameters);
    check_account(parameters)?;
    let state = parameters.get("state");
    let found = cloud.vm_snapshots().into_iter().filter(|snapshot| {
        let is_wanted = match state {
            Some(state) => snapshot.state.word().eq_ignore_ascii_case(state),
            None => snapshot.state != VmSnapshotState::Hidden,
        };
        is_wanted
            && id.lets(snapshot.id.as_str())
            && vm.lets(snapshot.vm.as_str())
            && tags.lets(cloud, snapshot.id.as_str())
            && is(parameters, "name", &snapshot.display_name)
            && mentions(parameters, &[&snapshot.display_name, &snapshot.name])
    });
    Ok(found.map(|snapshot| rows::vm_snapshot(cloud, snapshot)).collect())
}

fn networks(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    let command = "listNetworks";
    let exists = |id: &str| id.parse().is_ok_and(|id| cloud.network(&id).is_some());
    let id = IdFilter::of(cloud, parameters, command, "id", exists)?;
    let zone = IdFilter::of(cloud, parameters, command, "zoneid", zone_exists(cloud))?;
    // Older releases do not know the filter by name, and unknown parameters are ignored.
    let knows_name = match cloud.settings().profile {
        Profile::V4_18 | Profile::V4_21 => false,
        Profile::V4_22 => true,
    };
    check_account(parameters)?;
    let can_deploy = parameters.flag("canusefordeploy");
    let found = cloud.networks().filter(|network| {
        // All networks here can be deployed to.
        can_deploy != Some(false)
            && id.lets(network.id.as_str())
            && zone.lets(network.zone.as_str())
            && is(parameters, "type", network.kind.word())
            && (!knows_name || is(parameters, "name", &network.name))
            && mentions(parameters, &[&network.name])
    });
    Ok(found.map(|network| rows::network(cloud, network)).collect())
}

fn zones(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    let id = IdFilter::of(cloud, parameters, "listZones", "id", zone_exists(cloud))?;
    let found = cloud.zones().filter(|zone| {
        id.lets(zone.id.as_str()) && is(parameters, "name", &zone.name) && mentions(parameters, &[&zone.name])
    });
    Ok(found.map(rows::zone).collect())
}

fn offerings(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    let exists = |id: &str| id.parse().is_ok_and(|id| cloud.offering(&id).is_some());
    let id = IdFilter::of(cloud, parameters, "listServiceOfferings", "id", exists)?;
    let found = cloud.offerings().filter(|offering| {
        id.lets(offering.id.as_str())
            && is(parameters, "name", &offering.name)
            && mentions(parameters, &[&offering.name])
    });
    Ok(found.map(rows::offering).collect())
}

/// A template has a row in each of its zones.
fn templates(cloud: &Cloud, parameters: &Parameters) -> Result<Vec<Value>, ApiError> {
    let command = "listTemplates";
    let filter = parameters.required(command, "templatefilter")?;
    let filters = [
        "featured",
        "self",
        "selfexecutable",
        "shared",
        "sharedexecutable",
        "executable",
        "community",
        "all",
    ];
    if !filters.contains(&filter) {
        let text = format!("Invalid template filter {filter}");
        return Err(ApiError::invalid(text));
    }
    match (filter, cloud.settings().role) {
        ("all", Role::User) => {
            return Err(ApiError::invalid("Filter all can be specified by admin only"));
        }
        (_, Role::User | Role::RootAdmin) => {}
    }
    let exists = |id: &str| id.parse().is_ok_and(|id| cloud.template(&id).is_some());
    let id = IdFilter::of(cloud, parameters, command, "id", exists)?;
    let zone = IdFilter::of(cloud, parameters, command, "zoneid", zone_exists(cloud))?;
    let found = cloud.templates().filter(|template| {
        id.lets(template.id.as_str())
            && is(parameters, "name", &template.name)
            && mentions(parameters, &[&template.name])
    });
    let placed = found.flat_map(|template| template.zones.iter().map(move |zone| (template, zone)));
    let wanted = placed.filter(|(_, place)| zone.lets(place.as_str()));
    Ok(wanted
        .map(|(template, place)| rows::template(cloud, template, place))
        .collect())
}

fn capabilities(cloud: &Cloud) -> Value {
    let settings = cloud.settings();
    let limit = settings.throttling;
    let mut shown = json!({ "capability": {
        "cloudstackversion": settings.profile.version(),
        "kvmsnapshotenabled": settings.snapshots_running_vms(),
        "allowuserexpungerecovervm": may_expunge(settings.role, settings.user_expunge),
        "allowuserexpungerecovervolume": true,
        "allowuserforcestopvm": settings.user_force_stop == UserForceStop::Allowed,
        "allowuserviewdestroyedvm": false,
        "securitygroupsenabled": false,
        "dynamicrolesenabled": true,
    } });
    if let Some(limit) = limit {
        shown["capability"]["apilimitmax"] = limit.max.into();
        shown["capability"]["apilimitinterval"] = limit.interval_seconds.into();
    }
    shown
}
