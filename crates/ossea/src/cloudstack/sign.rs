//! The signature of a request, as CloudStack computes it (`cloudstack-api.md` section 1.2).
//!
//! Pure functions. The order matters and is easy to get wrong: sort by the names *as they are sent*, encode
//! the values only, join, and lower-case at the very end.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// A value as Java's `URLEncoder` writes it, with `%20` for the space: everything but `A-Z a-z 0-9 . - * _`
/// is escaped, `~` included.
pub fn encode(value: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'*' | b'_') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 0xf)]));
        }
    }
    encoded
}

/// The text that is signed. `signature` itself takes no part, however it is spelled.
pub fn string_to_sign<N: AsRef<str>, V: AsRef<str>>(parameters: &[(N, V)]) -> String {
    let mut pairs: Vec<(&str, &str)> = parameters
        .iter()
        .map(|(name, value)| (name.as_ref(), value.as_ref()))
        .filter(|(name, _)| !name.eq_ignore_ascii_case("signature"))
        .collect();
    // Java compares strings by UTF-16 code units.
    pairs.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    let joined: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    joined.join("&").to_lowercase()
}

/// The signature of a request: HMAC-SHA1 of [`string_to_sign`] in base64, not yet escaped for sending.
pub fn signature<N: AsRef<str>, V: AsRef<str>>(parameters: &[(N, V)], secret_key: &str) -> String {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(secret_key.as_bytes()).expect("HMAC accepts a key of any length");
    mac.update(string_to_sign(parameters).as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
