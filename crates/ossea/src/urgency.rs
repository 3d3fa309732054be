//! How urgent a call is, and whether new work should begin.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How urgent a call is, where an implementation has to ration calls. The most urgent one comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Replicas are on their way home: nothing may hold that up.
    WayBack,
    /// A job goes on.
    WayThere,
    /// Somebody asks: readiness, discovery, probes.
    Background,
}

impl Priority {
    /// All of them, the most urgent one first.
    pub const ALL: [Priority; 3] = [Priority::WayBack, Priority::WayThere, Priority::Background];
}

/// Whether the cloud is in a condition in which new work should begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Circuit {
    /// It answers.
    Closed,
    /// It has failed to answer for long enough that nothing new begins, and that commands of the way there are held back
    /// unsent. The way back goes on.
    Open {
        /// Since when.
        since: DateTime<Utc>,
        /// The last failure, for people.
        why: String,
    },
}
