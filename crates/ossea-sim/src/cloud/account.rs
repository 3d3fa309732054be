//! The one account of the cloud, to which everything in it belongs.

use super::Cloud;
use super::command::Owner;
use super::error::ApiError;
use crate::contents::derived_id;
use crate::settings::Role;

/// The account's name, and its user's.
pub(crate) const ACCOUNT: &str = "admin";
/// The name and path of its domain.
pub(crate) const DOMAIN: &str = "ROOT";

#[cfg(feature = "http")]
pub(crate) fn account_id() -> String {
    derived_id("account", ACCOUNT)
}

#[cfg(feature = "http")]
pub(crate) fn user_id() -> String {
    derived_id("user", ACCOUNT)
}

pub(crate) fn domain_id() -> String {
    derived_id("domain", DOMAIN)
}

impl Cloud {
    /// Refuses a command that only root admins may give.
    pub(crate) fn check_root_admin(&self, command: &str) -> Result<(), ApiError> {
        match self.settings.role {
            Role::RootAdmin => Ok(()),
            Role::User => Err(ApiError::forbidden(command)),
        }
    }

    /// An object may be made for the account itself; there is no other one.
    pub(super) fn check_owner(&self, owner: &Owner) -> Result<(), ApiError> {
        let Owner { account, domain } = owner;
        match (account, domain) {
            (None, None) => return Ok(()),
            (Some(_), None) => {
                let text = "Account and domainId must be specified together";
                return Err(ApiError::invalid(text));
            }
            (None | Some(_), Some(domain)) if *domain != domain_id() => {
                return Err(ApiError::unknown_entity(
                    "deployVirtualMachine",
                    "domainid",
                    domain,
                ));
            }
            (None | Some(_), Some(_)) => {}
        }
        match (account.as_deref(), self.settings.role) {
            (None | Some(ACCOUNT), Role::RootAdmin | Role::User) => Ok(()),
            (Some(other), Role::RootAdmin) => Err(ApiError::invalid(format!(
                "Unable to find account {other} in domain {DOMAIN}"
            ))),
            (Some(other), Role::User) => Err(ApiError::of_command(
                531,
                format!("Acct[{ACCOUNT}] does not have permission to operate within account {other}"),
            )),
        }
    }
}
