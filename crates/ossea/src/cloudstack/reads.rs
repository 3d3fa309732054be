//! The lists, all pages of them, and single objects by id.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::call::{Answer, Call, Parameters, parameter};
use super::client::CloudStackClient;
use super::row::{Row, Unreadable};
use crate::error::OsseaError;

/// The error code of an id that CloudStack has never seen, among other mistakes in parameters.
pub(crate) const PARAMETER_ERROR: u32 = 431;

/// CloudStack's default for the longest page. It serves only to guess whether an answer without `count` is
/// complete.
const USUAL_PAGE_SIZE: usize = 500;

/// One of CloudStack's list commands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    /// The command.
    pub(crate) command: &'static str,
    /// The name of the array in its answer.
    pub(crate) array: &'static str,
    /// The field that identifies a row.
    pub(crate) identity: &'static str,
    /// Parameters that go with every use.
    pub(crate) always: &'static [(&'static str, &'static str)],
}

impl List {
    const fn new(command: &'static str, array: &'static str) -> Self {
        Self {
            command,
            array,
            identity: "id",
            always: &[],
        }
    }
}

/// Without `details=all` the mark of a VM is not shown.
pub(crate) const VMS: List = List {
    always: &[("details", "all")],
    ..List::new("listVirtualMachines", "virtualmachine")
};
pub(crate) const VOLUMES: List = List::new("listVolumes", "volume");
pub(crate) const SNAPSHOTS: List = List::new("listSnapshots", "snapshot");
pub(crate) const VM_SNAPSHOTS: List = List::new("listVMSnapshot", "vmSnapshot");
pub(crate) const STORAGE_POOLS: List = List::new("listStoragePools", "storagepool");
/// A limit has no id; there is one row a resource.
pub(crate) const RESOURCE_LIMITS: List = List {
    identity: "resourcetype",
    ..List::new("listResourceLimits", "resourcelimit")
};
pub(crate) const NETWORKS: List = List::new("listNetworks", "network");
pub(crate) const ZONES: List = List::new("listZones", "zone");
pub(crate) const SERVICE_OFFERINGS: List = List::new("listServiceOfferings", "serviceoffering");
/// The filter is obligatory; this one shows what our account may deploy.
pub(crate) const TEMPLATES: List = List {
    always: &[("templatefilter", "executable")],
    ..List::new("listTemplates", "template")
};
pub(crate) const PENDING_JOBS: List = List {
    identity: "jobid",
    ..List::new("listAsyncJobs", "asyncjobs")
};

/// A page after the first one. CloudStack wants number and size together.
#[derive(Debug, Clone, Copy)]
struct Page {
    number: usize,
    size: usize,
}

impl List {
    fn call(&self, filter: &[(&str, &str)], page: Option<Page>) -> Arc<Call> {
        let mut parameters: Parameters = vec![parameter("listall", true)];
        parameters.extend(
            self.always
                .iter()
                .chain(filter)
                .map(|(name, value)| parameter(*name, value)),
        );
        if let Some(Page { number, size }) = page {
            parameters.push(parameter("page", number));
            parameters.push(parameter("pagesize", size));
        }
        Call::read(self.command, parameters)
    }
}

impl CloudStackClient {
    /// All rows that match `filter`.
    ///
    /// The first page is asked for without a size: the cloud then gives its longest page, and that length is a
    /// size that it accepts for the others. Asking for a fixed size would be refused by a cloud whose operator
    /// lowered the limit, with the same code as an unknown id; "no such object" would be the wrong conclusion.
    ///
    /// Rows move to other pages when something is made or removed meanwhile, so a long list is no snapshot.
    pub(crate) async fn all<T>(
        &self,
        list: List,
        filter: &[(&str, &str)],
        parse: fn(Row<'_>) -> Result<T, Unreadable>,
    ) -> Result<Vec<T>, OsseaError> {
        let mut values = Vec::new();
        let mut seen = BTreeSet::new();
        let mut page = None;
        loop {
            let Answer(content) = self.ask(list.call(filter, page)).await?;
            let answer = Row::new(list.command, &content);
            let rows = answer.rows(list.array, list.array).map_err(malformed)?;
            let (shown, known) = (rows.len(), seen.len());
            for row in rows {
                if seen.insert(row.required_text(list.identity).map_err(malformed)?) {
                    values.push(parse(row).map_err(malformed)?);
                }
            }
            let complete = match answer.number("count") {
                Some(count) => u64::try_from(seen.len()).is_ok_and(|seen| seen >= count),
                None => shown < USUAL_PAGE_SIZE,
            };
            // Only a page beyond the end has a count without rows. On the first page it would be an empty list by
            // mistake, and "there is nothing" is what deletions are based on.
            if page.is_none() && shown == 0 && !complete {
                return Err(OsseaError::Malformed(format!(
                    "{} counts rows but shows none",
                    list.command
                )));
            }
            if complete || shown == 0 {
                return Ok(values);
            }
            if seen.len() == known {
                return Err(OsseaError::Malformed(format!(
                    "{} shows the same page again",
                    list.command
                )));
            }
            page = Some(match page {
                None => Page {
                    number: 2,
                    size: shown,
                },
                Some(Page { number, size }) => Page {
                    number: number + 1,
                    size,
                },
            });
        }
    }

    /// The rows that belong to an object; that the cloud does not know the object is an error, not "no rows".
    pub(crate) async fn all_of<T>(
        &self,
        list: List,
        owner: (&str, &str),
        parse: fn(Row<'_>) -> Result<T, Unreadable>,
    ) -> Result<Vec<T>, OsseaError> {
        match self.all(list, &[owner], parse).await {
            Err(error) if is_parameter_error(&error) => {
                Err(OsseaError::NotFound(format!("{} {}", owner.0, owner.1)))
            }
            rows => rows,
        }
    }

    /// The row with an id. An id that was never given is refused, one of a removed object finds no row: both
    /// mean that there is no such object.
    pub(crate) async fn one<T>(
        &self,
        list: List,
        filter: &[(&str, &str)],
        parse: fn(Row<'_>) -> Result<T, Unreadable>,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, OsseaError> {
        let rows = match self.all(list, filter, parse).await {
            Err(error) if is_parameter_error(&error) => return Ok(None),
            rows => rows?,
        };
        let others = rows.len();
        match rows.into_iter().find(is_wanted) {
            None if others > 0 => Err(OsseaError::Malformed(format!(
                "{} answered {others} other objects than the one asked for",
                list.command
            ))),
            found => Ok(found),
        }
    }
}

pub(crate) fn is_parameter_error(error: &OsseaError) -> bool {
    matches!(error, OsseaError::Refused(refusal) if refusal.code == PARAMETER_ERROR)
}

pub(crate) fn malformed(error: Unreadable) -> OsseaError {
    OsseaError::Malformed(error.to_string())
}
