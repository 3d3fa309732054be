//! The report: what was looked at, what was found, and what to do.

use failover_domain::CheckType;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a prerequisite fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PrerequisiteStatus {
    /// It holds.
    Passed,
    /// It does not hold, or could not be looked at although it should have been.
    Failed,
    /// Nothing can be said: the release or our account's role is not told, or what it depends on failed.
    NotTold,
}

/// An object of the cloud that could be configured instead. Choosing it is for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Suggestion {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What speaks for it, or what to know about it.
    pub why: String,
}

/// One prerequisite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Prerequisite {
    /// Its name in the API, such as `zone`.
    pub name: String,
    /// Its name for people, such as `Zone`.
    pub title: String,
    /// What a failure means: no failover can succeed, or something will need a person.
    pub severity: CheckType,
    /// How it fares.
    pub status: PrerequisiteStatus,
    /// What was found, in a sentence with names and figures.
    pub message: String,
    /// Ids, names and figures for programs.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// What could be configured instead of a choice that is missing or does not fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Suggestion>,
}

/// All prerequisites of a cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PrerequisiteReport {
    /// Whether no critical prerequisite failed.
    pub is_usable: bool,
    /// All of them: the cloud, our account in it, its storage, and the objects of the configuration.
    pub checks: Vec<Prerequisite>,
}

impl PrerequisiteReport {
    pub(super) fn of(checks: Vec<Prerequisite>) -> Self {
        let is_usable = !checks
            .iter()
            .any(|check| check.severity == CheckType::Critical && check.status == PrerequisiteStatus::Failed);
        Self { is_usable, checks }
    }
}

/// What is known of a prerequisite before it is looked at.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) severity: CheckType,
}

impl Check {
    pub(super) const fn critical(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            severity: CheckType::Critical,
        }
    }

    pub(super) const fn warning(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            severity: CheckType::Warning,
        }
    }

    pub(super) fn passed(&self, message: impl Into<String>) -> Prerequisite {
        self.ended(PrerequisiteStatus::Passed, message.into(), None)
    }

    pub(super) fn failed(&self, message: impl Into<String>, remedy: impl Into<String>) -> Prerequisite {
        self.ended(PrerequisiteStatus::Failed, message.into(), Some(remedy.into()))
    }

    pub(super) fn not_told(&self, message: impl Into<String>, remedy: impl Into<String>) -> Prerequisite {
        self.ended(PrerequisiteStatus::NotTold, message.into(), Some(remedy.into()))
    }

    /// Passes without problems; otherwise all of them are told, and each remedy once.
    pub(super) fn of(&self, problems: &[Problem], message_when_passed: impl Into<String>) -> Prerequisite {
        if problems.is_empty() {
            return self.passed(message_when_passed);
        }
        let what: Vec<&str> = problems.iter().map(|problem| problem.what.as_str()).collect();
        let mut remedies: Vec<&str> = Vec::new();
        for problem in problems {
            if !remedies.contains(&problem.remedy) {
                remedies.push(problem.remedy);
            }
        }
        self.failed(what.join("; "), remedies.join(" "))
    }

    fn ended(&self, status: PrerequisiteStatus, message: String, remedy: Option<String>) -> Prerequisite {
        Prerequisite {
            name: self.name.to_owned(),
            title: self.title.to_owned(),
            severity: self.severity,
            status,
            message,
            details: Value::Null,
            remedy,
            suggestions: Vec::new(),
        }
    }
}

/// One thing that is wrong, and what to do about it.
pub(super) struct Problem {
    pub(super) what: String,
    pub(super) remedy: &'static str,
}

impl Prerequisite {
    pub(super) fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }

    pub(super) fn suggesting(self, suggestions: Vec<Suggestion>) -> Self {
        Self { suggestions, ..self }
    }
}
