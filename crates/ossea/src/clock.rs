//! Time as a parameter: whoever builds a client or a cache says what the time is.

use std::sync::Arc;

use chrono::{DateTime, Utc};

/// Tells the present time. The client never asks the system itself.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;
