//! Who may do what, and what was done.
//!
//! * [`Role`] and [`VmScope`] say what a caller may; a [`Caller`] has both.
//! * An [`ApiToken`] makes somebody a caller. Its secret ([`TokenSecret`]) is shown once; what is kept is a hash.
//!   [`Tokens`] is the port to wherever tokens are kept.
//! * Whoever changes something does so as an [`Actor`], and the change leaves an [`AuditRow`] in a chain of hashes in
//!   which a changed, removed or exchanged row is found ([`ChainCheck`]).
//!
//! No IO, no async run time, no database: the service that answers requests and the client that checks an audit use the
//! same code.

mod audit;
mod caller;
mod chain;
mod hex;
mod port;
mod role;
mod scope;
mod secret;
mod token;

pub use audit::{Action, AuditEntry, AuditHead, AuditRow};
pub use caller::{Actor, Caller};
pub use chain::{ChainBreak, ChainCheck};
pub use port::{NewToken, Revocation, Tokens, TokensError, create_token_entry, revoke_token_entry};
pub use role::{Role, UnknownRole};
pub use scope::VmScope;
pub use secret::{MalformedSecret, TokenHash, TokenPrefix, TokenSecret};
pub use token::{ApiToken, BadTokenName, StoredToken, TokenId, TokenName, TokenStanding};
