//! Typed identifiers. An id of one kind can never be handed over where another kind is wanted.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::status::JobType;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is not of the form that this kind of id has.
    #[error("{kind} is {text:?}, allowed is {allowed}")]
    Malformed {
        /// The kind of id in words, such as `vm_id`.
        kind: &'static str,
        /// The offending text, cut to 80 characters.
        text: String,
        /// What would have been accepted.
        allowed: &'static str,
    },
}

fn malformed(kind: &'static str, text: &str, allowed: &'static str) -> IdError {
    IdError::Malformed {
        kind,
        text: text.chars().take(80).collect(),
        allowed,
    }
}

/// The form shared by all CloudStack ids: UUIDs in practice, but some releases answer short tokens.
fn is_token(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

macro_rules! cloud_id {
    ($(#[$doc:meta] $name:ident $kind:literal),+ $(,)?) => {$(
        #[$doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(
            pattern = "^[A-Za-z0-9._-]{1,64}$",
            example = "6f1f6a3e-7f35-4c53-9d0c-1f6d1f0c2b11",
        ))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as CloudStack writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                if is_token(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(malformed($kind, text, "1 to 64 letters, digits, '-', '_' or '.' (CloudStack uses UUIDs)"))
                }
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

cloud_id! {
    /// A CloudStack volume (replica or scratch root; see [`crate::ReplicaVolume`] for the difference).
    VolumeId "volume id",
    /// A CloudStack virtual machine: the OMA or a destination VM.
    CloudVmId "cloud VM id",
    /// A CloudStack volume snapshot.
    SnapshotId "snapshot id",
    /// A CloudStack network.
    NetworkId "network id",
    /// A CloudStack zone.
    ZoneId "zone id",
    /// A CloudStack template.
    TemplateId "template id",
    /// A CloudStack service offering.
    OfferingId "service offering id",
    /// A CloudStack disk offering.
    DiskOfferingId "disk offering id",
    /// A CloudStack VM snapshot, which holds all disks of a VM.
    VmSnapshotId "VM snapshot id",
    /// A network card of a CloudStack VM.
    NicId "NIC id",
    /// A CloudStack primary storage pool.
    StoragePoolId "storage pool id",
    /// A CloudStack async job; equal to the [`RequestKey`] under which it was submitted.
    AsyncJobId "async job id",
}

/// The VMware UUID of a source VM, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(
        pattern = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
        example = "4205a841-0265-f4bd-39a6-39fd92196f53"
    )
)]
#[serde(try_from = "String", into = "String")]
pub struct VmId(String);

impl VmId {
    /// The UUID with hyphens, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VmId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        // The hyphenated form only: VMware also prints a spaced form, which would make two ids of one VM.
        if text.len() != 36 {
            return Err(malformed(
                "vm_id",
                text,
                "a VMware UUID such as 4205a841-0265-f4bd-39a6-39fd92196f53",
            ));
        }
        let uuid = Uuid::try_parse(text).map_err(|_| {
            malformed(
                "vm_id",
                text,
                "a VMware UUID such as 4205a841-0265-f4bd-39a6-39fd92196f53",
            )
        })?;
        Ok(Self(uuid.hyphenated().to_string()))
    }
}
impl TryFrom<String> for VmId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}
impl From<VmId> for String {
    fn from(id: VmId) -> String {
        id.0
    }
}
impl fmt::Display for VmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of one of our jobs, such as `live-failover-{vm_id}-{unix time}`.
///
/// The time is the second at which the job was asked for. Where a job of that id exists already, the store
/// takes the next free second, so two jobs never share an id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(
        pattern = "^(live-failover|test-failover|rollback|commit)-[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}-[0-9]{1,12}$",
        example = "live-failover-4205a841-0265-f4bd-39a6-39fd92196f53-1755530108"
    )
)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

impl JobId {
    /// The id of a job of `job_type` for `vm_id` asked for at `at`, moved on by `collision` seconds.
    pub fn new(job_type: JobType, vm_id: &VmId, at: DateTime<Utc>, collision: u32) -> Self {
        Self(format!(
            "{}-{vm_id}-{}",
            job_type.id_prefix(),
            at.timestamp() + i64::from(collision)
        ))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl FromStr for JobId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = "an id such as live-failover-{vm_id}-{unix time}";
        let known = JobType::ALL
            .iter()
            .find_map(|t| text.strip_prefix(t.id_prefix())?.strip_prefix('-'));
        let rest = known.ok_or_else(|| malformed("job_id", text, allowed))?;
        let (vm, time) = rest
            .rsplit_once('-')
            .ok_or_else(|| malformed("job_id", text, allowed))?;
        let digits = !time.is_empty() && time.len() <= 12 && time.bytes().all(|b| b.is_ascii_digit());
        if vm.parse::<VmId>().is_err() || !digits {
            return Err(malformed("job_id", text, allowed));
        }
        Ok(Self(text.to_owned()))
    }
}
impl TryFrom<String> for JobId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}
impl From<JobId> for String {
    fn from(id: JobId) -> String {
        id.0
    }
}
impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of one attempt of one step, chosen and stored before the request is sent.
///
/// It is sent as CloudStack's `customjobid`, so a repeated request of an attempt finds the first one, and two
/// workers that both believe they own a step cannot both have it executed (`cloudstack-api.md` section 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct RequestKey(Uuid);

impl RequestKey {
    /// The namespace of our keys; any constant would do, but it must never change.
    const NAMESPACE: Uuid = Uuid::from_u128(0x6f73_7365_612d_6661_696c_6f76_6572_3031);

    /// The key of attempt number `attempt` (from 0) of `step` in `job`. Always the same for the same input.
    pub fn derive(job: &JobId, step: &str, attempt: u32) -> Self {
        Self(Uuid::new_v5(
            &Self::NAMESPACE,
            format!("{job}/{step}/{attempt}").as_bytes(),
        ))
    }

    /// The id that the cloud's async job has when this request was accepted.
    pub fn job_id(&self) -> AsyncJobId {
        AsyncJobId(self.to_string())
    }
}
impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // CloudStack accepts the lower-case hyphenated form only.
        write!(f, "{}", self.0.hyphenated())
    }
}
impl FromStr for RequestKey {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| malformed("request key", text, "a UUID"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VM: &str = "4205a841-0265-f4bd-39a6-39fd92196f53";

    #[test]
    fn a_job_id_reads_as_the_customer_writes_it() {
        let at = DateTime::from_timestamp(1_755_530_108, 0).unwrap();
        let id = JobId::new(JobType::Live, &VM.parse().unwrap(), at, 0);
        assert_eq!(id.as_str(), format!("live-failover-{VM}-1755530108"));
        assert_eq!(id.as_str().parse::<JobId>().unwrap(), id);
    }

    #[test]
    fn a_collision_takes_the_next_second() {
        let at = DateTime::from_timestamp(1_755_530_108, 0).unwrap();
        let vm = VM.parse().unwrap();
        assert_ne!(
            JobId::new(JobType::Live, &vm, at, 0),
            JobId::new(JobType::Live, &vm, at, 1)
        );
    }

    #[test]
    fn a_vm_id_is_a_hyphenated_uuid_in_lower_case() {
        assert_eq!(VM.to_uppercase().parse::<VmId>().unwrap().as_str(), VM);
        for bad in [
            "",
            "web-01",
            "4205a8410265f4bd39a639fd92196f53",
            "4205a841-0265-f4bd-39a6-39fd92196f5z",
        ] {
            let error = bad.parse::<VmId>().unwrap_err().to_string();
            assert!(error.contains("vm_id") && error.contains("4205a841-"), "{error}");
        }
    }

    #[test]
    fn foreign_text_is_no_job_id() {
        for bad in [
            "",
            "live-failover",
            "live-failover-x-1",
            "other-4205a841-0265-f4bd-39a6-39fd92196f53-1",
        ] {
            assert!(bad.parse::<JobId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_key_depends_on_job_step_and_attempt_only() {
        let at = DateTime::from_timestamp(1, 0).unwrap();
        let job = JobId::new(JobType::Live, &VM.parse().unwrap(), at, 0);
        let key = RequestKey::derive(&job, "create-vm", 0);
        assert_eq!(key, RequestKey::derive(&job, "create-vm", 0));
        assert_ne!(key, RequestKey::derive(&job, "create-vm", 1));
        assert_ne!(key, RequestKey::derive(&job, "start-vm", 0));
        assert_eq!(key.to_string(), key.to_string().to_lowercase());
    }
}
