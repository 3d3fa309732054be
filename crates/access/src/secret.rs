//! The secret of a token: its text, its hash, and how the two are compared.
//!
//! ```text
//! ofo_3f9c1e0a77b2_<64 digits><8 digits>
//!     │            │           └ checksum of everything before it: a token that was cut or mistyped is told as such
//!     │            └ the secret, 256 random bits
//!     └ the public prefix: shown in lists, and the key by which the token is found
//! ```
//!
//! All digits are hexadecimal and lower case: the text survives a double click, a URL and a shell. A secret of 256 random
//! bits cannot be guessed, so a plain SHA-256 keeps it; the slow hashes that passwords need would only slow requests.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::hex;

/// What every token's text begins with, so that scanners of repositories and logs recognise one.
const MARK: &str = "ofo_";

/// How many bytes are public, secret, and checksum.
const PUBLIC: usize = 6;
const SECRET: usize = 32;
const CHECKSUM: usize = 4;

/// The public part of a token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenPrefix(String);

impl TokenPrefix {
    /// The prefix as it stands at the beginning of the token's text: `ofo_` and twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for TokenPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for TokenPrefix {
    type Err = MalformedSecret;

    fn from_str(text: &str) -> Result<Self, MalformedSecret> {
        let digits = text.strip_prefix(MARK).ok_or(MalformedSecret::NotAToken)?;
        hex::bytes::<PUBLIC>(digits).ok_or(MalformedSecret::NotAToken)?;
        Ok(Self(text.to_owned()))
    }
}

/// Why a text is not the text of a token. Neither says anything about tokens that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedSecret {
    /// It does not look like one.
    #[error("the text does not look like a token")]
    NotAToken,
    /// It looks like one, but its checksum does not fit.
    #[error("the token was cut short or mistyped: its checksum does not fit")]
    Damaged,
}

/// The whole text of a token. It is shown to whoever makes the token, and kept nowhere.
#[derive(Clone)]
pub struct TokenSecret {
    prefix: TokenPrefix,
    text: SecretString,
}

impl TokenSecret {
    /// How many random bytes a token is made of.
    pub const RANDOM_BYTES: usize = PUBLIC + SECRET;

    /// The token of these bytes, which come from the system's source of randomness.
    pub fn from_random(random: &[u8; Self::RANDOM_BYTES]) -> Self {
        let (public, secret) = random.split_at(PUBLIC);
        let prefix = TokenPrefix(format!("{MARK}{}", hex::digits(public)));
        let body = format!("{prefix}_{}", hex::digits(secret));
        let text = format!("{body}{}", checksum(&body));
        Self {
            prefix,
            text: text.into(),
        }
    }

    /// The public part.
    pub fn prefix(&self) -> &TokenPrefix {
        &self.prefix
    }

    /// The text, for whoever is to use the token.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// What is kept of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.expose().as_bytes()).into())
    }
}
impl FromStr for TokenSecret {
    type Err = MalformedSecret;

    fn from_str(text: &str) -> Result<Self, MalformedSecret> {
        let (prefix, rest) = text
            .strip_prefix(MARK)
            .and_then(|digits| digits.split_once('_'))
            .ok_or(MalformedSecret::NotAToken)?;
        let prefix: TokenPrefix = format!("{MARK}{prefix}").parse()?;
        let sum = rest
            .len()
            .checked_sub(2 * CHECKSUM)
            .and_then(|at| rest.get(at..))
            .ok_or(MalformedSecret::Damaged)?;
        let body = &text[..text.len() - sum.len()];
        let secret = &rest[..rest.len() - sum.len()];
        if hex::bytes::<SECRET>(secret).is_none() || checksum(body) != sum {
            return Err(MalformedSecret::Damaged);
        }
        Ok(Self {
            prefix,
            text: text.into(),
        })
    }
}
impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSecret")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

fn checksum(body: &str) -> String {
    hex::digits(&Sha256::digest(body.as_bytes())[..CHECKSUM])
}

/// The SHA-256 of a token's text.
#[derive(Clone)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash that was stored as 64 digits.
    pub fn from_stored(text: &str) -> Option<Self> {
        hex::bytes(text).map(Self)
    }

    /// The hash as 64 digits.
    pub fn to_stored(&self) -> String {
        hex::digits(&self.0)
    }

    /// Whether it is the hash of `secret`. The comparison takes as long for a nearly right secret as for a wrong one.
    pub fn is_of(&self, secret: &TokenSecret) -> bool {
        self.0.ct_eq(&secret.hash().0).into()
    }
}
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It opens nothing, but it is nobody's business either.
        f.write_str("TokenHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(first: u8) -> TokenSecret {
        let mut random = [7; TokenSecret::RANDOM_BYTES];
        random[0] = first;
        TokenSecret::from_random(&random)
    }

    #[test]
    fn a_token_reads_back_from_its_text() {
        let secret = secret(1);
        let again: TokenSecret = secret.expose().parse().unwrap();
        assert_eq!(again.prefix(), secret.prefix());
        assert_eq!(secret.prefix().as_str(), "ofo_010707070707");
        assert!(secret.hash().is_of(&again));
    }

    #[test]
    fn a_hash_knows_its_token_and_no_other() {
        let hash = TokenHash::from_stored(&secret(1).hash().to_stored()).unwrap();
        assert!(hash.is_of(&secret(1)));
        assert!(!hash.is_of(&secret(2)));
    }

    #[test]
    fn a_damaged_token_is_told_from_a_text_that_is_none() {
        let whole = secret(1).expose().to_owned();
        let mut mistyped = whole.clone();
        mistyped.replace_range(20..21, "8");
        for text in [
            &whole[..whole.len() - 1],
            &mistyped,
            "ofo_010707070707_",
            "ofo_010707070707_é",
        ] {
            let found = text.parse::<TokenSecret>().map(|_| ());
            assert_eq!(found, Err(MalformedSecret::Damaged), "{text}");
        }
        for text in [
            "",
            "hunter2",
            "ofo_",
            "ofo_short_0",
            "OFO_010707070707_0",
            "ofo_0107070707ZZ_0",
        ] {
            let found = text.parse::<TokenSecret>().map(|_| ());
            assert_eq!(found, Err(MalformedSecret::NotAToken), "{text}");
        }
    }

    #[test]
    fn neither_secret_nor_hash_can_be_printed() {
        let secret = secret(1);
        let printed = format!("{secret:?} {:?}", secret.hash());
        assert!(!printed.contains(&secret.expose()[17..]), "{printed}");
        assert!(!printed.contains(&secret.hash().to_stored()), "{printed}");
    }
}
