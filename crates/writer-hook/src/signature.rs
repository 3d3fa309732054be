//! The signature of a request: how it is made, and how the other side checks it.
//!
//! Signed is `<timestamp>.<key>.<body>`. No two requests have the same signed text, because neither a timestamp nor a
//! key contains a dot; [`verify`] insists on that, or somebody could move the beginning of a body into the key.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The header with the key under which the tool does a call once.
pub const KEY_HEADER: &str = "Idempotency-Key";

/// The header with the time of the request in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "X-Failover-Timestamp";

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "X-Failover-Signature";

/// What the signature begins with. Another way to sign would get another number.
const VERSION: &str = "v1=";

/// A request as it was received, for [`verify`].
#[derive(Debug, Clone, Copy)]
pub struct ReceivedRequest<'a> {
    /// The value of [`KEY_HEADER`].
    pub key: &'a str,
    /// The value of [`TIMESTAMP_HEADER`].
    pub timestamp: &'a str,
    /// The value of [`SIGNATURE_HEADER`].
    pub signature: &'a str,
    /// The body, byte for byte: parsed and printed again it would be another text.
    pub body: &'a [u8],
}

/// Why a request is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The signature is not of the form that this function knows.
    #[error("the signature is not v1= and 64 hexadecimal digits")]
    Malformed,
    /// Somebody without the secret made the request, or it was changed on its way.
    #[error("the signature is not that of this request and secret")]
    Mismatch,
    /// The request is genuine, but from another time: somebody may have recorded it, or a clock is wrong.
    #[error("the request is older than allowed, or from the future")]
    Expired,
}

/// Checks that whoever knows `secret` made the request, and that it is at most `max_age` away from `now`.
///
/// # Guarantees
/// Signatures are compared in constant time: how long it takes tells nothing about how much of one is right. The
/// time counts in both directions, because the clocks of two machines differ.
///
/// # Not guaranteed
/// That a request comes only once: within `max_age` a recorded one passes again. That is harmless where the key
/// makes a repetition do nothing.
///
/// # Errors
/// Why the request is not to be believed.
pub fn verify(
    secret: &SecretString,
    request: &ReceivedRequest<'_>,
    now: DateTime<Utc>,
    max_age: Duration,
) -> Result<(), SignatureError> {
    let digits = request
        .signature
        .strip_prefix(VERSION)
        .ok_or(SignatureError::Malformed)?;
    let signature = from_hex(digits).ok_or(SignatureError::Malformed)?;
    keyed_hash(secret, request.timestamp, request.key, request.body)
        .verify_slice(&signature)
        .map_err(|_| SignatureError::Mismatch)?;
    if request.key.contains('.') {
        return Err(SignatureError::Mismatch);
    }
    // A timestamp that is no number was never signed by an `HttpWriter`, so it needs no error of its own.
    let sent: i64 = request.timestamp.parse().map_err(|_| SignatureError::Mismatch)?;
    if now.timestamp().abs_diff(sent) > max_age.as_secs() {
        return Err(SignatureError::Expired);
    }
    Ok(())
}

/// The value of [`SIGNATURE_HEADER`].
pub(crate) fn sign(secret: &SecretString, timestamp: &str, key: &str, body: &[u8]) -> String {
    let hash = keyed_hash(secret, timestamp, key, body).finalize().into_bytes();
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{VERSION}{digits}")
}

fn keyed_hash(secret: &SecretString, timestamp: &str, key: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC accepts a key of any length");
    for part in [timestamp.as_bytes(), b".", key.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac
}

/// 32 bytes out of 64 lower-case digits; `None` for anything else.
fn from_hex(digits: &str) -> Option<[u8; 32]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_AGE: Duration = Duration::from_secs(300);
    const SENT: i64 = 1_767_225_600;
    const BODY: &[u8] = br#"{"wish":"quiesce"}"#;

    fn secret() -> SecretString {
        "the-shared-secret".into()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn genuine() -> String {
        sign(&secret(), "1767225600", "key-1", BODY)
    }

    fn with_signature(signature: &str) -> ReceivedRequest<'_> {
        ReceivedRequest {
            key: "key-1",
            timestamp: "1767225600",
            signature,
            body: BODY,
        }
    }

    fn checked(request: ReceivedRequest<'_>, now: i64) -> Result<(), SignatureError> {
        verify(&secret(), &request, at(now), MAX_AGE)
    }

    #[test]
    fn a_request_of_whoever_knows_the_secret_is_believed() {
        assert_eq!(checked(with_signature(&genuine()), SENT), Ok(()));
    }

    #[test]
    fn whatever_is_changed_on_the_way_is_noticed() {
        let (genuine, other) = (
            genuine(),
            sign(&"another-secret".into(), "1767225600", "key-1", BODY),
        );
        let request = with_signature(&genuine);
        let body = br#"{"wish":"resume"}"#;
        for changed in [
            ReceivedRequest {
                key: "key-2",
                ..request
            },
            ReceivedRequest {
                timestamp: "1767225601",
                ..request
            },
            ReceivedRequest { body, ..request },
            with_signature(&other),
        ] {
            assert_eq!(
                checked(changed, SENT),
                Err(SignatureError::Mismatch),
                "{changed:?}"
            );
        }
    }

    #[test]
    fn the_parts_of_a_request_cannot_be_cut_elsewhere() {
        let signature = sign(&secret(), "1767225600", "key-1", b"a.b");
        for (timestamp, key) in [("1767225600", "key-1.a"), ("1767225600.key-1", "a")] {
            let request = ReceivedRequest {
                key,
                timestamp,
                body: b"b",
                ..with_signature(&signature)
            };
            assert_eq!(checked(request, SENT), Err(SignatureError::Mismatch), "{key}");
        }
    }

    #[test]
    fn a_recorded_request_is_believed_for_a_limited_time_only() {
        for (now, expected) in [
            (SENT + 300, Ok(())),
            (SENT - 300, Ok(())),
            (SENT + 301, Err(SignatureError::Expired)),
            (SENT - 301, Err(SignatureError::Expired)),
        ] {
            assert_eq!(checked(with_signature(&genuine()), now), expected, "{now}");
        }
    }

    #[test]
    fn a_signature_of_another_form_is_malformed() {
        let digits = "0".repeat(64);
        for signature in [
            String::new(),
            digits.clone(),
            format!("v2={digits}"),
            format!("v1={digits}0"),
            format!("v1={}", &digits[1..]),
            format!("v1={}", "G".repeat(64)),
            format!("v1={}", "é".repeat(32)),
        ] {
            let checked = checked(with_signature(&signature), SENT);
            assert_eq!(checked, Err(SignatureError::Malformed), "{signature}");
        }
    }
}
