//! Tokens and the audit.

use std::collections::BTreeSet;
use std::fmt;

use failover_access::{ApiToken, AuditHead, AuditRow, Role, TokenName};
use failover_domain::VmId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of `POST /api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// The name, by which the audit knows whoever uses the token.
    pub name: TokenName,
    /// What its bearer may do.
    pub role: Role,
    /// After which time it is worth nothing, such as `90days`; it never expires when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "90days")]
    pub expires_in: Option<String>,
    /// The source VMs that its bearer may see and act on; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1)]
    pub vms: Option<BTreeSet<VmId>>,
}

/// Whether a token is worth anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenStatus {
    /// It is.
    Valid,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

/// A token as lists show it: without its secret, which nobody has any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// The token.
    #[serde(flatten)]
    pub token: ApiToken,
    /// Whether it is worth anything now.
    pub status: TokenStatus,
}

/// The answer to `GET /api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// All tokens, revoked and expired ones too, the oldest first.
    pub tokens: Vec<TokenView>,
}

/// The answer to `POST /api/v1/tokens`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenCreated {
    /// The token.
    #[serde(flatten)]
    pub token: ApiToken,
    /// Its secret: what its bearer shows. It is told here and never again.
    pub secret: String,
}
impl fmt::Debug for TokenCreated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCreated")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// The answer to `GET /api/v1/audit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The rows.
    pub entries: Vec<AuditRow>,
    /// The cursor of the next page; empty on the last one.
    pub next_cursor: Option<u64>,
    /// The last row of the whole audit, noted before the rows of this page were read.
    pub head: AuditHead,
}
