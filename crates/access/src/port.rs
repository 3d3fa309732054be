//! What is needed of wherever tokens are kept.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::audit::{Action, AuditEntry};
use crate::caller::Actor;
use crate::role::Role;
use crate::scope::VmScope;
use crate::secret::{TokenHash, TokenPrefix};
use crate::token::{ApiToken, StoredToken, TokenId, TokenName};

/// A token to be kept.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The id.
    pub id: TokenId,
    /// The name.
    pub name: TokenName,
    /// The public part of its secret.
    pub prefix: TokenPrefix,
    /// The hash of its secret.
    pub hash: TokenHash,
    /// What its bearer may do.
    pub role: Role,
    /// On which source VMs.
    pub vms: VmScope,
    /// When it is made.
    pub created_at: DateTime<Utc>,
    /// From when on it is worth nothing.
    pub expires_at: Option<DateTime<Utc>>,
}

impl NewToken {
    /// The token as it is once `by` has made it.
    pub fn made_by(&self, by: &Actor) -> ApiToken {
        ApiToken {
            id: self.id,
            name: self.name.clone(),
            prefix: self.prefix.to_string(),
            role: self.role,
            vms: self.vms.clone(),
            created_at: self.created_at,
            created_by: by.name.clone(),
            expires_at: self.expires_at,
            revoked_at: None,
            last_used_at: None,
        }
    }
}

/// What became of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// The token is worth nothing from now on.
    Revoked,
    /// It was revoked before.
    Already,
    /// There is no such token.
    NoSuchToken,
}

/// Why tokens cannot be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// A token that is not revoked has the name.
    #[error("a token that is not revoked is called {0} already")]
    NameTaken(TokenName),
    /// The database cannot be reached or did not answer. A change may or may not have been made.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// What is kept cannot be read, or is not of this version.
    #[error("{0}")]
    Broken(String),
}

/// Where tokens are kept.
///
/// # Guarantees of an implementation
/// * A secret is never kept, only its hash.
/// * Names of tokens that are not revoked, and prefixes, are unique, whatever the concurrency.
/// * Making and revoking commit together with their row of the audit. The use of a token is not audited.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Keeps a new token.
    ///
    /// # Errors
    /// [`TokensError::NameTaken`]; then nothing was changed.
    async fn create_token(&self, token: &NewToken, by: &Actor) -> Result<ApiToken, TokensError>;

    /// All tokens, revoked and expired ones too, the oldest first.
    async fn tokens(&self) -> Result<Vec<ApiToken>, TokensError>;

    /// Makes a token worthless at once and for good.
    async fn revoke_token(
        &self,
        id: &TokenId,
        at: DateTime<Utc>,
        by: &Actor,
    ) -> Result<Revocation, TokensError>;

    /// The token whose text begins so.
    async fn token_of_prefix(&self, prefix: &TokenPrefix) -> Result<Option<StoredToken>, TokensError>;

    /// Notes that a token is used, unless a use within the last minute was noted: a busy token does not write all the
    /// time.
    async fn note_use(&self, id: &TokenId, at: DateTime<Utc>) -> Result<(), TokensError>;
}

/// The entry of a token that was made.
pub fn create_token_entry(token: &ApiToken, by: &Actor) -> AuditEntry {
    let mut reason = format!("role {}", token.role);
    if let Some(vms) = token.vms.only() {
        let ids: Vec<&str> = vms.iter().map(failover_domain::VmId::as_str).collect();
        reason += &format!("; source VMs {}", ids.join(", "));
    }
    if let Some(until) = token.expires_at {
        reason += &format!("; until {until}");
    }
    AuditEntry {
        reason,
        ..token_entry(Action::CreateToken, token, by)
    }
}

/// The entry of a token that was revoked.
pub fn revoke_token_entry(token: &ApiToken, by: &Actor) -> AuditEntry {
    token_entry(Action::RevokeToken, token, by)
}

fn token_entry(action: Action, token: &ApiToken, by: &Actor) -> AuditEntry {
    AuditEntry {
        actor: by.clone(),
        action,
        object: format!("token {} ({})", token.name, token.id),
        vm_id: None,
        job_id: None,
        reason: String::new(),
    }
}
