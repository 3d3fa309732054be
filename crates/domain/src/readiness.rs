//! The verdict over a source VM: findings, score and thresholds as the customer's document has them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a failed check means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckType {
    /// A failure makes the score 0.
    Critical,
    /// A failure lowers the score.
    Warning,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// The condition holds.
    Pass,
    /// The condition does not hold, or could not be found out.
    Fail,
}

/// What one readiness rule found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// The rule's name in the API, such as `volume_state`.
    pub rule: String,
    /// The check's name for people, such as `Volume State`.
    pub check_name: String,
    /// What a failure means.
    pub check_type: CheckType,
    /// How it ended.
    pub status: CheckStatus,
    /// What was found, in a sentence with names and figures.
    pub message: String,
    /// Ids, names and figures for programs.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub details: serde_json::Value,
    /// What to do about a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How long the rule took, in milliseconds.
    pub execution_time_ms: u64,
}

/// What a score means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReadinessBand {
    /// 100: all checks passed.
    Ready,
    /// 80 to below 100: ready with warnings.
    ReadyWithWarnings,
    /// 50 to below 80: significant issues, not ready.
    SignificantIssues,
    /// Below 50: critical failures, not ready.
    CriticalFailures,
}

/// How long a failover should take once a worker has taken it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EstimatedDuration {
    /// In seconds; the window of a test is no part of it.
    pub seconds: u64,
    /// Where the figure comes from.
    #[serde(flatten)]
    pub source: EstimateSource,
}

/// Where an estimate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum EstimateSource {
    /// There is no history yet: typical times of a CloudStack on KVM.
    Expected,
    /// Each kind of step was measured in earlier failovers of this type.
    Measured {
        /// Over how many jobs.
        jobs: usize,
    },
    /// Some kinds of steps were measured, the others are typical times.
    PartlyMeasured {
        /// Over how many jobs.
        jobs: usize,
    },
}
impl fmt::Display for EstimateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EstimateSource::Expected => f.write_str("expected"),
            EstimateSource::Measured { jobs } => write!(f, "measured over {jobs} jobs"),
            EstimateSource::PartlyMeasured { jobs } => write!(f, "partly measured over {jobs} jobs"),
        }
    }
}

/// The verdict over a source VM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Readiness {
    /// Whether a failover may start.
    pub is_ready: bool,
    /// 0 to 100.
    pub readiness_score: f64,
    /// What the score means.
    pub band: ReadinessBand,
    /// All findings, passed and failed.
    pub checks: Vec<Finding>,
    /// What a person must do before a failover may start, from the failed checks.
    pub required_actions: Vec<String>,
    /// How long the failover should take; absent where there is nothing to plan, and inside a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<EstimatedDuration>,
}

impl Readiness {
    /// The score from which a VM is ready.
    pub const READY_FROM: f64 = 80.0;

    /// Gathers findings into a verdict. Any critical failure makes the score 0; otherwise it is the share of
    /// passed checks in percent. No finding at all proves nothing and scores 0.
    pub fn from_findings(checks: Vec<Finding>) -> Self {
        let failed = |c: &&Finding| c.status == CheckStatus::Fail;
        let critical = checks
            .iter()
            .filter(failed)
            .any(|c| c.check_type == CheckType::Critical);
        let passed = checks.len() - checks.iter().filter(failed).count();
        let score = if critical || checks.is_empty() {
            0.0
        } else {
            #[expect(
                clippy::cast_precision_loss,
                reason = "the number of checks is far below 2^52"
            )]
            let share = passed as f64 / checks.len() as f64;
            share * 100.0
        };
        let required_actions = checks
            .iter()
            .filter(failed)
            .filter_map(|c| c.remedy.clone())
            .collect();
        Self {
            is_ready: score >= Self::READY_FROM,
            readiness_score: score,
            band: Self::band_of(score),
            checks,
            required_actions,
            estimated_duration: None,
        }
    }

    /// The failed findings.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.checks.iter().filter(|c| c.status == CheckStatus::Fail)
    }

    fn band_of(score: f64) -> ReadinessBand {
        if score >= 100.0 {
            ReadinessBand::Ready
        } else if score >= Self::READY_FROM {
            ReadinessBand::ReadyWithWarnings
        } else if score >= 50.0 {
            ReadinessBand::SignificantIssues
        } else {
            ReadinessBand::CriticalFailures
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(check_type: CheckType, status: CheckStatus) -> Finding {
        Finding {
            rule: "rule".into(),
            check_name: "Rule".into(),
            check_type,
            status,
            message: "found".into(),
            details: serde_json::Value::Null,
            remedy: Some("mend it".into()),
            execution_time_ms: 1,
        }
    }

    fn warnings(passed: usize, failed: usize) -> Readiness {
        let mut checks = vec![finding(CheckType::Warning, CheckStatus::Pass); passed];
        checks.extend(vec![finding(CheckType::Warning, CheckStatus::Fail); failed]);
        Readiness::from_findings(checks)
    }

    #[test]
    fn the_thresholds_are_the_customers() {
        for (passed, failed, score, ready, band) in [
            (5, 0, 100.0, true, ReadinessBand::Ready),
            (4, 1, 80.0, true, ReadinessBand::ReadyWithWarnings),
            (3, 1, 75.0, false, ReadinessBand::SignificantIssues),
            (1, 1, 50.0, false, ReadinessBand::SignificantIssues),
            (2, 3, 40.0, false, ReadinessBand::CriticalFailures),
            (0, 0, 0.0, false, ReadinessBand::CriticalFailures),
        ] {
            let verdict = warnings(passed, failed);
            assert_eq!(
                (verdict.readiness_score, verdict.is_ready, verdict.band),
                (score, ready, band)
            );
        }
    }

    #[test]
    fn one_critical_failure_makes_the_score_zero() {
        let mut checks = vec![finding(CheckType::Warning, CheckStatus::Pass); 9];
        checks.push(finding(CheckType::Critical, CheckStatus::Fail));
        let verdict = Readiness::from_findings(checks);
        assert_eq!((verdict.readiness_score, verdict.is_ready), (0.0, false));
        assert_eq!(verdict.required_actions, ["mend it"]);
    }
}
