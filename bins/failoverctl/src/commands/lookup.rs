//! Finds the source VM that a person means: by VMware UUID or by exact name.

use failover_api::dto::VmPage;
use failover_domain::VmId;

use super::Session;
use crate::exit::CtlError;

/// A source VM as it was named on the command line.
pub(crate) struct NamedVm {
    pub(crate) id: VmId,
    /// Its name, where it was given by name. Sent along as a guard: the server refuses an id of another VM.
    pub(crate) name: Option<String>,
}

impl NamedVm {
    /// What to call it.
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}

/// Finds a VM. A UUID is taken as it is; whether it exists is for the command's own request to say.
pub(crate) async fn vm(session: &Session<'_>, wanted: &str) -> Result<NamedVm, CtlError> {
    if let Ok(id) = wanted.parse::<VmId>() {
        return Ok(NamedVm { id, name: None });
    }
    let answer = session
        .api
        .get::<VmPage>(&["vms"], &[("name", wanted.to_owned())])
        .await?;
    let ids: Vec<VmId> = answer
        .value
        .vms
        .into_iter()
        .filter(|v| v.vm.name == wanted)
        .map(|v| v.vm.vm_id)
        .collect();
    match <[VmId; 1]>::try_from(ids) {
        Ok([id]) => Ok(NamedVm {
            id,
            name: Some(wanted.to_owned()),
        }),
        Err(ids) if ids.is_empty() => Err(CtlError::Lookup(format!(
            "no source VM is called {wanted:?}; see `failoverctl inventory list` (names are compared exactly)"
        ))),
        Err(ids) => {
            let ids: Vec<String> = ids.iter().map(|id| format!("  {id}")).collect();
            Err(CtlError::Lookup(format!(
                "{} source VMs are called {wanted:?}; give the id of the one that you mean:\n{}",
                ids.len(),
                ids.join("\n")
            )))
        }
    }
}
