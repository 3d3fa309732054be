//! The layer that hears from answers that the cloud wants to be asked less: 429 and 503
//! (`cloudstack-api.md` sections 2.3 and 2.5). It tells the budget, which holds everybody else as well.
//!
//! Only the code decides. A shutdown of a release up to 4.20 comes as 530 with a text, and is an ordinary refusal.

use std::sync::Arc;

use super::budget::Budget;
use super::call::{Answer, Asked};
use super::concern::{Below, Concern, Setback};
use crate::error::OsseaError;

/// Tells the budget what the cloud asks for.
#[derive(Debug, Clone)]
pub(crate) struct Heed(pub(crate) Arc<Budget>);

impl Concern for Heed {
    async fn serve<S: Below>(self, asked: Asked, mut below: S) -> Result<Answer, Setback> {
        let result = below.call(asked).await;
        match &result {
            Err(Setback::Cloud(OsseaError::Throttled { retry_after })) => self.0.throttled(*retry_after),
            Err(Setback::Cloud(OsseaError::Busy(why))) => self.0.refused_work(why),
            Ok(_)
            | Err(
                Setback::Withheld(_)
                | Setback::Cloud(
                    OsseaError::Unreachable(_)
                    | OsseaError::Refused(_)
                    | OsseaError::Unauthorized(_)
                    | OsseaError::NotFound(_)
                    | OsseaError::Malformed(_)
                    | OsseaError::OutcomeUnknown(_),
                ),
            ) => {}
        }
        result
    }
}
