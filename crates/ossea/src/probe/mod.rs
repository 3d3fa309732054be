//! What this cloud and our account in it are like: asked once in a while, kept with its age.
//!
//! A [`CloudProbe`] holds answers, [`rules`] holds what follows from them. Facts that a release or a role is not
//! told stay [`Fact::NotTold`]; nothing is assumed in their place. Two permissions that every release tells, snapshots of
//! running VMs and expunging, count as not given where they are missing.

mod cache;
mod fact;
pub mod rules;
mod version;

use chrono::{DateTime, Utc};
use failover_domain::ZoneId;
use serde::{Deserialize, Serialize};

pub use cache::{FailedRefresh, ProbeCache, ProbeReading, Wanted};
pub use fact::{Fact, NotTold};
pub use version::{CloudVersion, ReleaseLine, VersionNumbers};

use crate::client::OsseaClient;
use crate::error::OsseaError;
use crate::model::{ResourceLimit, StoragePool};

/// Version, settings and permissions of a cloud, as asked for at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudProbe {
    /// When it was asked for.
    pub taken_at: DateTime<Utc>,
    /// The zone whose storage pools it tells.
    pub zone: ZoneId,
    /// The version.
    pub version: CloudVersion,
    /// Whether volumes of running VMs may be snapshotted (`kvm.snapshot.enabled`, `cloudstack-api.md` section 4.6).
    pub snapshots_running_vms: bool,
    /// Whether our account may expunge VMs. A root admin always may (section 4.12).
    pub may_expunge_vm: bool,
    /// Whether our account may delete volumes (section 4.5).
    pub may_expunge_volume: Fact<bool>,
    /// Whether our account may force a stop (section 4.11).
    pub may_force_stop: Fact<bool>,
    /// Whether our account is shown destroyed VMs (section 4.14).
    pub shows_destroyed_vms: Fact<bool>,
    /// How many requests our account may send; `None` where throttling is off (section 2.5).
    pub api_limit: Option<ApiLimit>,
    /// How many milliseconds the cloud's clock is ahead of ours.
    pub clock_skew_ms: Fact<i64>,
    /// What our account is.
    pub standing: Fact<Standing>,
    /// The primary storage pools of the zone. Only root admins are told.
    pub storage_pools: Fact<Vec<StoragePool>>,
    /// What our account may have at most.
    pub resource_limits: Fact<Vec<ResourceLimit>>,
}

/// How many requests an account may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiLimit {
    /// At most so many.
    pub requests: u32,
    /// In so many seconds.
    pub interval_seconds: u32,
}

/// What our account is. The cloud does not say; only a root admin's role is shown storage pools by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A root admin: unlimited, never throttled, sees destroyed VMs.
    RootAdmin,
    /// A domain admin or a user.
    Limited,
}

impl CloudProbe {
    /// Asks the cloud. `zone` is the one whose storage matters, `at` the present moment.
    ///
    /// # Errors
    /// When the capabilities cannot be read, and when any answer stays away in a way that a later attempt may
    /// mend. What is withheld for good is [`Fact::NotTold`].
    pub async fn take(
        client: &dyn OsseaClient,
        zone: &ZoneId,
        at: DateTime<Utc>,
    ) -> Result<Self, OsseaError> {
        // First and alone: it proves the credentials, so that a 401 after it can only mean the role
        // (`cloudstack-api.md` section 1.4).
        let capabilities = client.capabilities().await?;
        let (pools, limits) = tokio::join!(client.storage_pools(zone), client.resource_limits());
        let storage_pools = withheld_or(pools)?;
        let api_limit = capabilities
            .api_limit
            .map(|(requests, interval_seconds)| ApiLimit {
                requests,
                interval_seconds,
            });
        let skew = client.clock_skew().map(|skew| skew.num_milliseconds());
        Ok(Self {
            taken_at: at,
            zone: zone.clone(),
            version: capabilities.version.into(),
            snapshots_running_vms: capabilities.kvm_snapshot_enabled,
            may_expunge_vm: capabilities.may_expunge_vm,
            may_expunge_volume: Fact::of_release(capabilities.may_expunge_volume),
            may_force_stop: Fact::of_release(capabilities.may_force_stop),
            shows_destroyed_vms: Fact::of_release(capabilities.shows_destroyed_vms),
            api_limit,
            clock_skew_ms: skew.map_or(Fact::NotTold(NotTold::NotMeasured), Fact::told),
            standing: standing(&storage_pools),
            storage_pools,
            resource_limits: withheld_or(limits)?,
        })
    }
}

fn standing(pools: &Fact<Vec<StoragePool>>) -> Fact<Standing> {
    match pools {
        Fact::Told { .. } => Fact::told(Standing::RootAdmin),
        Fact::NotTold(NotTold::ToOurRole) => Fact::told(Standing::Limited),
        Fact::NotTold(why) => Fact::NotTold(why.clone()),
    }
}

/// The answer, or that it is withheld for good. What a later attempt may mend stays an error, so that it does not
/// replace a better probe.
fn withheld_or<T>(answer: Result<T, OsseaError>) -> Result<Fact<T>, OsseaError> {
    match answer {
        Ok(value) => Ok(Fact::told(value)),
        Err(OsseaError::Unauthorized(_)) => Ok(Fact::NotTold(NotTold::ToOurRole)),
        Err(error @ (OsseaError::Refused(_) | OsseaError::NotFound(_) | OsseaError::Malformed(_))) => {
            Ok(Fact::NotTold(NotTold::Unanswered {
                text: error.to_string(),
            }))
        }
        Err(
            error @ (OsseaError::Unreachable(_)
            | OsseaError::Throttled { .. }
            | OsseaError::Busy(_)
            | OsseaError::OutcomeUnknown(_)),
        ) => Err(error),
    }
}
