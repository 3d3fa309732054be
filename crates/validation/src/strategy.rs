//! Which rollback point a test failover makes.
//!
//! One VM snapshot of the stopped destination VM is the customer's design and the fastest. CloudStack takes it on files
//! only, from 4.21 on, and beside no volume snapshot; elsewhere it mostly accepts the command, fails later, and leaves a
//! row that blocks attaching and detaching (`cloudstack-api.md` sections 4.8 and 5(d)). So it is chosen only where every
//! replica is known to allow it. Volume snapshots of detached replicas work everywhere.
//!
//! [`choose`] decides and asks nobody; [`choose_strategy`] asks the cloud for the facts first.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use failover_domain::{RollbackStrategy, StrategyRequest, VolumeId, ZoneId};
use futures::future::try_join_all;
use ossea::probe::rules::{StoppedVmSnapshot, pool_among, stopped_vm_snapshot};
use ossea::{
    CloudVersion, Fact, NotTold, OsseaClient, OsseaError, PoolKind, ReleaseLine, Snapshot, StoragePool,
    Volume,
};
use serde::{Deserialize, Serialize};

/// How many objects a sentence names; of the others it says how many there are.
const NAMED: usize = 3;

/// The strategy of a test, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyChoice {
    /// The strategy.
    pub strategy: RollbackStrategy,
    /// A sentence without its full stop: the version, the storage or the snapshot that decided.
    pub reason: String,
}

impl StrategyChoice {
    fn as_asked() -> Self {
        Self {
            strategy: RollbackStrategy::VolumeSnapshots,
            reason: "volume snapshots were asked for, which work on every release and storage".to_owned(),
        }
    }
}

/// The strategy that was asked for cannot be had. Nothing was touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the rollback strategy vm_snapshot cannot be had: {reason}")]
pub struct StrategyRefused {
    /// What stands in the way: all of it.
    pub reason: String,
    /// What a person does about it.
    pub remedy: String,
}

/// Why there is no strategy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    /// The one asked for cannot be had.
    #[error(transparent)]
    Refused(#[from] StrategyRefused),
    /// The cloud could not be asked.
    #[error(transparent)]
    Cloud(#[from] OsseaError),
}

/// What the choice depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrategyFacts {
    /// The version of the cloud.
    pub version: CloudVersion,
    /// Every replica that the test moves.
    pub replicas: Vec<ReplicaFacts>,
}

/// What the choice depends on, of one replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaFacts {
    /// The replica.
    pub volume: VolumeId,
    /// The kind of storage that it is on.
    pub pool: Fact<PoolKind>,
    /// Its volume snapshots, in any state but destroyed: a failed one stands in the way too.
    pub snapshots: Vec<Snapshot>,
}

impl ReplicaFacts {
    /// The facts of a replica as the cloud shows it, if it shows it.
    pub(crate) fn new<P: AsRef<[StoragePool]>>(
        replica: &VolumeId,
        shown: Option<&Volume>,
        pools: &Fact<P>,
        snapshots: Vec<Snapshot>,
    ) -> Self {
        let unanswered = |text: &str| {
            Fact::NotTold(NotTold::Unanswered {
                text: text.to_owned(),
            })
        };
        let pool = match (pools, shown) {
            (_, None) => unanswered("the volume is not where it was looked for"),
            (Fact::NotTold(why), Some(_)) => Fact::NotTold(why.clone()),
            (Fact::Told { value }, Some(volume)) => pool_among(value.as_ref(), volume).map_or_else(
                || unanswered("no pool of the zone is the volume's"),
                |pool| Fact::told(pool.kind.clone()),
            ),
        };
        let volume = replica.clone();
        Self {
            volume,
            pool,
            snapshots,
        }
    }
}

/// Chooses the strategy for replicas that are all known.
///
/// # Errors
/// [`StrategyRefused`] when a VM snapshot is asked for and cannot be had, with everything that stands in its way.
pub fn choose(facts: &StrategyFacts, request: StrategyRequest) -> Result<StrategyChoice, StrategyRefused> {
    let obstacles = Obstacles::of(facts);
    match request {
        StrategyRequest::VolumeSnapshots => Ok(StrategyChoice::as_asked()),
        StrategyRequest::Auto | StrategyRequest::VmSnapshot if obstacles.is_empty() => Ok(StrategyChoice {
            strategy: RollbackStrategy::VmSnapshot,
            reason: format!(
                "{} takes a VM snapshot of a stopped VM whose volumes are all on {}, and no replica has a volume \
                 snapshot",
                named(&facts.version),
                kinds(facts)
            ),
        }),
        StrategyRequest::Auto => Ok(StrategyChoice {
            strategy: RollbackStrategy::VolumeSnapshots,
            reason: obstacles.told(),
        }),
        StrategyRequest::VmSnapshot => Err(obstacles.refusal()),
    }
}

/// Asks the cloud for the facts about `replicas`, and chooses. Changes nothing.
///
/// # Errors
/// [`StrategyError`]. Storage pools that our account is not told are no error; they rule the VM snapshot out.
pub async fn choose_strategy(
    cloud: &dyn OsseaClient,
    zone: &ZoneId,
    replicas: &[VolumeId],
    request: StrategyRequest,
) -> Result<StrategyChoice, StrategyError> {
    let facts = async {
        // First and alone: it proves the credentials, so that a 401 after it can only mean the role
        // (`cloudstack-api.md` section 1.4).
        let version = cloud.capabilities().await?.version.into();
        let pools = told(cloud.storage_pools(zone).await)?;
        let facts_of = async |replica: &VolumeId| {
            let volume = cloud.volume(replica).await?;
            let snapshots = match volume {
                Some(_) => cloud.snapshots_of(replica).await?,
                None => Vec::new(),
            };
            Ok::<_, OsseaError>(ReplicaFacts::new(replica, volume.as_ref(), &pools, snapshots))
        };
        let replicas = try_join_all(replicas.iter().map(facts_of)).await?;
        Ok(StrategyFacts { version, replicas })
    };
    choose_over(facts, request).await
}

/// Chooses, and gathers the facts only if the request leaves anything to choose.
pub(crate) async fn choose_over(
    facts: impl Future<Output = Result<StrategyFacts, OsseaError>>,
    request: StrategyRequest,
) -> Result<StrategyChoice, StrategyError> {
    match request {
        StrategyRequest::VolumeSnapshots => Ok(StrategyChoice::as_asked()),
        StrategyRequest::Auto | StrategyRequest::VmSnapshot => Ok(choose(&facts.await?, request)?),
    }
}

/// The answer, or that our account is not told; any other failure stays one.
pub(crate) fn told<T>(answer: Result<T, OsseaError>) -> Result<Fact<T>, OsseaError> {
    match answer {
        Ok(value) => Ok(Fact::told(value)),
        Err(OsseaError::Unauthorized(_)) => Ok(Fact::NotTold(NotTold::ToOurRole)),
        Err(OsseaError::Refused(refusal)) => Ok(Fact::NotTold(NotTold::Unanswered {
            text: refusal.to_string(),
        })),
        Err(
            error @ (OsseaError::Unreachable(_)
            | OsseaError::Throttled { .. }
            | OsseaError::Busy(_)
            | OsseaError::NotFound(_)
            | OsseaError::Malformed(_)
            | OsseaError::OutcomeUnknown(_)),
        ) => Err(error),
    }
}

/// What stands in the way of a VM snapshot, as parts of a sentence.
struct Obstacles {
    storage: Vec<String>,
    snapshots: Option<String>,
}

impl Obstacles {
    fn of(facts: &StrategyFacts) -> Self {
        let mut by_sentence: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for replica in &facts.replicas {
            if let Some(sentence) = storage_obstacle(&facts.version, &replica.pool) {
                by_sentence
                    .entry(sentence)
                    .or_default()
                    .push(replica.volume.as_str());
            }
        }
        let mut storage: Vec<String> = by_sentence
            .into_iter()
            .map(|(sentence, volumes)| format!("{sentence} (replica {})", some_of(&volumes)))
            .collect();
        if facts.replicas.is_empty() {
            storage.push("no replica is known".to_owned());
        }
        let snapshots = snapshot_obstacle(facts);
        Self { storage, snapshots }
    }

    fn is_empty(&self) -> bool {
        self.storage.is_empty() && self.snapshots.is_none()
    }

    fn told(&self) -> String {
        let all: Vec<&str> = self
            .storage
            .iter()
            .chain(&self.snapshots)
            .map(String::as_str)
            .collect();
        all.join("; ")
    }

    fn refusal(&self) -> StrategyRefused {
        let remedy = if self.storage.is_empty() {
            "Ask for auto or volume_snapshots; or delete the volume snapshots named, if no failover and nobody else \
             needs them."
        } else {
            "Ask for auto or volume_snapshots."
        };
        StrategyRefused {
            reason: self.told(),
            remedy: remedy.to_owned(),
        }
    }
}

fn storage_obstacle(version: &CloudVersion, pool: &Fact<PoolKind>) -> Option<String> {
    let kind = match pool {
        Fact::Told { value } => value,
        Fact::NotTold(why) => return Some(format!("the kind of storage is not known: {why}")),
    };
    let (cloud, on) = (named(version), kind.word());
    match stopped_vm_snapshot(version, kind) {
        StoppedVmSnapshot::FileBased => None,
        StoppedVmSnapshot::FailsInJob => Some(format!(
            "{cloud} fails to take a VM snapshot of a stopped VM with volumes on {on}"
        )),
        StoppedVmSnapshot::Refused => Some(format!(
            "{cloud} refuses a VM snapshot of a stopped VM with volumes on {on}"
        )),
        StoppedVmSnapshot::StoragesOwn => Some(format!(
            "VM snapshots on {on} are the storage's own, which is not verified for {cloud}"
        )),
        StoppedVmSnapshot::NotKnown => Some(format!(
            "it is not known whether {cloud} takes a VM snapshot of a stopped VM with volumes on {on}"
        )),
    }
}

fn snapshot_obstacle(facts: &StrategyFacts) -> Option<String> {
    let found = facts.replicas.iter().flat_map(|replica| &replica.snapshots);
    let shown: Vec<String> = found
        .map(|s| format!("{} ({}, {}) of {}", s.id, s.name, s.state.word(), s.volume))
        .collect();
    (!shown.is_empty()).then(|| {
        format!(
            "a VM snapshot fails beside volume snapshots, and there is volume snapshot {}",
            some_of(&shown)
        )
    })
}

/// The version for people. The rules of a release after the last one read are assumed, and said to be.
fn named(version: &CloudVersion) -> String {
    match version.line() {
        ReleaseLine::Newer => format!("CloudStack {version} (taken for 4.22)"),
        ReleaseLine::Older
        | ReleaseLine::V4_18To4_20
        | ReleaseLine::V4_21
        | ReleaseLine::V4_22
        | ReleaseLine::Unreadable => {
            format!("CloudStack {version}")
        }
    }
}

/// The kinds of storage that are told, each once.
fn kinds(facts: &StrategyFacts) -> String {
    let told = facts.replicas.iter().filter_map(|replica| replica.pool.value());
    let words: BTreeSet<&str> = told.map(PoolKind::word).collect();
    words.into_iter().collect::<Vec<_>>().join(" or ")
}

fn some_of<T: AsRef<str>>(texts: &[T]) -> String {
    let first: Vec<&str> = texts.iter().take(NAMED).map(AsRef::as_ref).collect();
    match texts.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
