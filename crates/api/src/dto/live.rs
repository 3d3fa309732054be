//! Starting a live failover, and the dry run of any failover.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use failover_domain::{EstimatedDuration, Readiness, VmId};
use failover_engine::plan::{BootGrade, CommitPolicy, OnBootFailure, Plan, WayBackLine};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::test::StrategyView;

/// The body of `POST /api/v1/failover/live`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveFailoverRequest {
    /// The source VM.
    pub vm_id: VmId,
    /// The name that the caller believes the VM has; a guard against a mixed-up id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm_name: Option<String>,
    /// Whether failed warnings are passed over. Critical checks protect data and always count.
    #[serde(default)]
    pub skip_validation: bool,
    /// Mappings for this job alone: source network to the id or the exact name of a cloud network.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub network_mappings: BTreeMap<String, String>,
    /// How the boot is verified.
    #[serde(default)]
    pub boot: BootRequest,
    /// What happens when the boot cannot be verified.
    #[serde(default)]
    pub on_boot_failure: OnBootFailure,
    /// What becomes of the failover once it is completed; manual when left out.
    #[serde(default, skip_serializing_if = "CommitPolicyView::is_manual")]
    pub commit_policy: CommitPolicyView,
}

impl LiveFailoverRequest {
    /// A request with defaults for everything else.
    pub fn new(vm_id: VmId) -> Self {
        Self {
            vm_id,
            vm_name: None,
            skip_validation: false,
            network_mappings: BTreeMap::new(),
            boot: BootRequest::default(),
            on_boot_failure: OnBootFailure::default(),
            commit_policy: CommitPolicyView::default(),
        }
    }
}

/// What becomes of a completed live failover when nobody says anything. Times are texts such as `2h`, from `1m` to
/// `90days`, counted from the completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "policy", rename_all = "snake_case", deny_unknown_fields)]
pub enum CommitPolicyView {
    /// Its rollback points are kept until somebody commits it or rolls it back.
    Manual {},
    /// It is committed by itself.
    CommitAfter {
        /// How long after its completion.
        #[schema(example = "2h")]
        after: String,
    },
    /// It is rolled back by itself.
    RollbackAfter {
        /// How long after its completion.
        #[schema(example = "2h")]
        after: String,
    },
}

impl CommitPolicyView {
    fn is_manual(&self) -> bool {
        matches!(self, CommitPolicyView::Manual {})
    }
}

impl Default for CommitPolicyView {
    fn default() -> Self {
        CommitPolicyView::Manual {}
    }
}

impl From<CommitPolicy> for CommitPolicyView {
    fn from(policy: CommitPolicy) -> Self {
        let text = |seconds| humantime::format_duration(Duration::from_secs(seconds)).to_string();
        match policy {
            CommitPolicy::Manual => CommitPolicyView::Manual {},
            CommitPolicy::CommitAfter { seconds } => CommitPolicyView::CommitAfter { after: text(seconds) },
            CommitPolicy::RollbackAfter { seconds } => {
                CommitPolicyView::RollbackAfter { after: text(seconds) }
            }
        }
    }
}

/// How the boot is verified, beyond the state Running.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BootRequest {
    /// Within which time, such as `5m`, from `10s` to `1day`; the server's setting when left out.
    #[schema(example = "5m")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// What is asked for: `address`, `ping`, `tcp:PORT`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grades: Vec<Grade>,
}

/// A grade of boot verification as text: `address`, `ping` or `tcp:22`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^(address|ping|tcp:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))$",
    example = "tcp:22"
)]
#[serde(try_from = "String", into = "String")]
pub struct Grade(pub BootGrade);

/// A text is not a grade of boot verification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a grade is {0:?}, allowed are \"address\", \"ping\" and \"tcp:PORT\" with a port of 1 to 65535")]
pub struct GradeError(String);

impl FromStr for Grade {
    type Err = GradeError;
    fn from_str(text: &str) -> Result<Self, GradeError> {
        let port = || {
            let digits = text.strip_prefix("tcp:")?;
            // One spelling a port, as the API's description has it: no sign, no zero in front.
            let is_plain = digits.starts_with(|c: char| ('1'..='9').contains(&c));
            is_plain.then(|| digits.parse::<u16>().ok())?
        };
        match text {
            "address" => Ok(Grade(BootGrade::Address)),
            "ping" => Ok(Grade(BootGrade::Ping)),
            _ => match port() {
                Some(port) => Ok(Grade(BootGrade::Tcp(port))),
                None => Err(GradeError(text.chars().take(80).collect())),
            },
        }
    }
}
impl TryFrom<String> for Grade {
    type Error = GradeError;
    fn try_from(text: String) -> Result<Self, GradeError> {
        text.parse()
    }
}
impl From<Grade> for String {
    fn from(grade: Grade) -> String {
        grade.to_string()
    }
}
impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The answer to a dry run: what would be done, how the way back looks, and why it may start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DryRunAnswer {
    /// The plan.
    pub plan: Plan,
    /// The way back, in order.
    pub way_back: Vec<WayBackLine>,
    /// The findings.
    pub readiness: Readiness,
    /// How long the way there should take, in seconds; the window of a test is no part of it.
    pub expected_seconds: u64,
    /// The same from what earlier failovers took, and over how many it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<EstimatedDuration>,
    /// How a test makes its rollback point, and why so; absent for a live failover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyView>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_customers_document_is_a_request() {
        let request: LiveFailoverRequest = serde_json::from_str(
            r#"{"vm_id": "4205a841-0265-f4bd-39a6-39fd92196f53", "vm_name": "PGWINTESTBIOS",
                "skip_validation": false, "network_mappings": {"VM Network": "production-network-123"}}"#,
        )
        .unwrap();
        assert_eq!(request.network_mappings["VM Network"], "production-network-123");
        assert_eq!(request.on_boot_failure, OnBootFailure::Rollback);
        assert_eq!(request.commit_policy, CommitPolicyView::Manual {});
    }

    #[test]
    fn policies_are_shown_as_they_are_asked_for() {
        for (policy, text) in [
            (CommitPolicy::Manual, r#"{"policy":"manual"}"#),
            (
                CommitPolicy::CommitAfter { seconds: 7200 },
                r#"{"policy":"commit_after","after":"2h"}"#,
            ),
            (
                CommitPolicy::RollbackAfter { seconds: 5400 },
                r#"{"policy":"rollback_after","after":"1h 30m"}"#,
            ),
        ] {
            let shown = CommitPolicyView::from(policy);
            assert_eq!(serde_json::to_string(&shown).unwrap(), text);
            assert_eq!(serde_json::from_str::<CommitPolicyView>(text).unwrap(), shown);
        }
        for bad in [
            r#"{"policy":"manual","after":"1h"}"#,
            r#"{"policy":"commit_after"}"#,
        ] {
            assert!(serde_json::from_str::<CommitPolicyView>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn grades_are_texts() {
        for text in ["address", "ping", "tcp:22", "tcp:65535"] {
            assert_eq!(text.parse::<Grade>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "tcp",
            "tcp:0",
            "tcp:65536",
            "tcp:+22",
            "tcp:022",
            "udp:53",
            "Address",
        ] {
            assert!(
                bad.parse::<Grade>().unwrap_err().to_string().contains("tcp:PORT"),
                "{bad}"
            );
        }
    }
}
