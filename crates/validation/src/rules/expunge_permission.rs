//! `expunge_permission`: the way back can remove the destination VM without a person.

use ossea::OsseaError;
use serde_json::json;

use crate::outcome::Outcome;
use crate::view::View;

pub(crate) async fn check(view: &View<'_>) -> Result<Outcome, OsseaError> {
    let may = view.cloud.capabilities().await?.may_expunge_vm;
    let details = json!({ "may_expunge_vm": may });
    Ok(if may {
        Outcome::pass("our account may expunge VMs", details)
    } else {
        Outcome::fail(
            "our account may not expunge VMs: after a failure the destination VM would stay until somebody \
             expunges it",
            "Let the account's role expunge VMs (allow.user.expunge.recover.vm), or be ready to expunge by hand.",
            details,
        )
    })
}
