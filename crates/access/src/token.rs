//! Tokens as they are kept and shown, without their secrets.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::caller::Caller;
use crate::role::Role;
use crate::scope::VmScope;
use crate::secret::TokenHash;

/// The id of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
#[serde(transparent)]
pub struct TokenId(Uuid);

impl TokenId {
    /// The id of a new token.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }
}
impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl FromStr for TokenId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown: String = text.chars().take(80).collect();
        let id = Uuid::try_parse(text);
        id.map(Self)
            .map_err(|_| format!("token_id is {shown:?}, allowed is a UUID"))
    }
}

/// The name of a token, by which the audit knows whoever uses it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", example = "migration-tool")
)]
#[serde(try_from = "String", into = "String")]
pub struct TokenName(String);

/// Why a text cannot name a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "name is {0:?}, allowed are 1 to 64 letters, digits, '-', '_', '.' and '@' that begin with a letter or digit, and not \
     {ANONYMOUS:?}"
)]
pub struct BadTokenName(String);

/// The name of callers without a token, which no token may take. Other names of ours have spaces, which no token has.
const ANONYMOUS: &str = "anonymous";

impl TokenName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for TokenName {
    type Err = BadTokenName;

    fn from_str(text: &str) -> Result<Self, BadTokenName> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@');
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(plain)
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text != ANONYMOUS;
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadTokenName(text.chars().take(80).collect()))
        }
    }
}
impl TryFrom<String> for TokenName {
    type Error = BadTokenName;

    fn try_from(text: String) -> Result<Self, BadTokenName> {
        text.parse()
    }
}
impl From<TokenName> for String {
    fn from(name: TokenName) -> String {
        name.0
    }
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiToken {
    /// The id.
    pub id: TokenId,
    /// The name. No two tokens that are not revoked have the same one.
    pub name: TokenName,
    /// What the token's text begins with.
    pub prefix: String,
    /// What its bearer may do.
    pub role: Role,
    /// On which source VMs; `null` for all.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<std::collections::BTreeSet<failover_domain::VmId>>))]
    pub vms: VmScope,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
    /// From when on it is worth nothing; never, when empty.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute; empty when it never was.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Whether a token is worth anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStanding {
    /// It is.
    Valid,
    /// It was revoked.
    Revoked {
        /// When.
        at: DateTime<Utc>,
    },
    /// Its time is over.
    Expired {
        /// Since when.
        at: DateTime<Utc>,
    },
}

impl ApiToken {
    /// Whether it is worth anything at `now`. A revoked token stays revoked, whatever its time.
    pub fn standing(&self, now: DateTime<Utc>) -> TokenStanding {
        match (self.revoked_at, self.expires_at) {
            (Some(at), _) => TokenStanding::Revoked { at },
            (None, Some(at)) if at <= now => TokenStanding::Expired { at },
            (None, Some(_) | None) => TokenStanding::Valid,
        }
    }

    /// Whoever shows it.
    pub fn caller(&self) -> Caller {
        Caller {
            name: self.name.to_string(),
            role: self.role,
            vms: self.vms.clone(),
        }
    }
}

/// A token as it is found when somebody shows a secret.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// The token.
    pub token: ApiToken,
    /// The hash of its secret.
    pub hash: TokenHash,
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn token() -> ApiToken {
        ApiToken {
            id: TokenId::new(Uuid::nil()),
            name: "ci".parse().unwrap(),
            prefix: "ofo_010707070707".to_owned(),
            role: Role::Operator,
            vms: VmScope::All,
            created_at: DateTime::UNIX_EPOCH,
            created_by: "anna".to_owned(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    #[test]
    fn a_token_is_valid_until_it_is_revoked_or_its_time_is_over() {
        let (before, at) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + TimeDelta::hours(1));
        assert_eq!(token().standing(at), TokenStanding::Valid);
        let expiring = ApiToken {
            expires_at: Some(at),
            ..token()
        };
        assert_eq!(expiring.standing(before), TokenStanding::Valid);
        assert_eq!(expiring.standing(at), TokenStanding::Expired { at });
        let revoked = ApiToken {
            revoked_at: Some(before),
            ..expiring
        };
        assert_eq!(revoked.standing(at), TokenStanding::Revoked { at: before });
    }

    #[test]
    fn names_cannot_be_taken_for_others() {
        for good in ["ci", "anna@example.org", "0", "a.b-c_d"] {
            assert!(good.parse::<TokenName>().is_ok(), "{good}");
        }
        let long = "x".repeat(65);
        for bad in [
            "",
            "-x",
            "configured token",
            "the commit policy",
            "anonymous",
            "ü",
            "a\n",
            &long,
        ] {
            assert!(bad.parse::<TokenName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_scope_is_null_or_ids() {
        let text = serde_json::to_string(&token()).unwrap();
        assert!(text.contains("\"vms\":null"), "{text}");
        let only = text.replace(
            "\"vms\":null",
            "\"vms\":[\"4205a841-0265-f4bd-39a6-39fd92196f53\"]",
        );
        let read: ApiToken = serde_json::from_str(&only).unwrap();
        let other = "974405f3-6f9a-5d5b-b1e9-1030ce64a998".parse().unwrap();
        assert_eq!(read.vms.only().map(std::collections::BTreeSet::len), Some(1));
        assert!(!read.caller().may_touch(&other) && token().caller().may_touch(&other));
    }
}
