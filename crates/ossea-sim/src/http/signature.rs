//! Who may call: the signature, checked independently of the client's own signing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::parameters::Parameters;
use crate::cloud::error::ApiError;

/// A key pair that is accepted.
#[derive(Clone)]
pub struct Credentials {
    api_key: String,
    secret_key: String,
}

impl Credentials {
    /// The key of the documented pair for development.
    pub const DEVELOPMENT_API_KEY: &str = "ossea-sim-development-api-key";
    /// The secret of the documented pair for development. It protects nothing.
    pub const DEVELOPMENT_SECRET_KEY: &str = "ossea-sim-development-secret-key";

    /// A key pair.
    pub fn new(api_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            api_key: api_key.into(),
            secret_key: secret_key.into(),
        }
    }

    /// The documented pair for development.
    pub fn development() -> Self {
        Self::new(Self::DEVELOPMENT_API_KEY, Self::DEVELOPMENT_SECRET_KEY)
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("api_key", &self.api_key)
            .finish_non_exhaustive()
    }
}

/// Checks key, signature and expiry.
pub(crate) fn verify(
    parameters: &Parameters,
    credentials: &Credentials,
    now: DateTime<Utc>,
) -> Result<(), ApiError> {
    let key_is_known = parameters.get("apikey") == Some(credentials.api_key.as_str());
    let signature = parameters
        .get("signature")
        .and_then(|text| STANDARD.decode(text).ok());
    let (true, Some(signature)) = (key_is_known, signature) else {
        return Err(ApiError::unauthorized());
    };
    if parameters.get("signatureversion") == Some("3") {
        let expires = parameters.get("expires").and_then(instant);
        if expires.is_none_or(|expires| expires < now) {
            return Err(ApiError::unauthorized());
        }
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(credentials.secret_key.as_bytes())
        .expect("HMAC accepts a key of any length");
    mac.update(text_to_sign(parameters).as_bytes());
    mac.verify_slice(&signature).map_err(|_| ApiError::unauthorized())
}

/// The parameters sorted by their names as sent, values encoded, and then everything in lower case.
fn text_to_sign(parameters: &Parameters) -> String {
    let mut sent: Vec<(&str, &str)> = parameters
        .sent()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("signature"))
        .collect();
    // The real server compares UTF-16 code units.
    sent.sort_by_cached_key(|(name, _)| name.encode_utf16().collect::<Vec<u16>>());
    let pairs: Vec<String> = sent
        .iter()
        .map(|(name, value)| format!("{name}={}", url_encoded(value)))
        .collect();
    pairs.join("&").to_lowercase()
}

/// As Java's `URLEncoder` does it, but with `%20` for a space: `~` is escaped, `*` is not.
fn url_encoded(value: &str) -> String {
    let form: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    form.replace('+', "%20")
}

/// The formats that the real server accepts.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .ok()
        .map(|instant| instant.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "VK5u2n9yqyZ8Qd3o1XcTtJ0bLwRrPpHh-EXAMPLE_api";
    const SECRET: &str = "s3cr3t-EXAMPLE_do-not-use-Zz09";
    const BEFORE_ALL_EXPIRIES: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn accepts(query: &[(&str, &str)], signature: &str, now: DateTime<Utc>) -> bool {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(query)
            .append_pair("signature", signature)
            .append_pair("response", "json");
        if !query.iter().any(|(name, _)| name.eq_ignore_ascii_case("apikey")) {
            form.append_pair("apikey", KEY);
        }
        let parameters = Parameters::read("", form.finish().as_bytes());
        verify(&parameters, &Credentials::new(KEY, SECRET), now).is_ok()
    }

    #[track_caller]
    fn accepted(query: &[(&str, &str)], signature: &str) {
        assert!(accepts(query, signature, BEFORE_ALL_EXPIRIES));
    }

    #[test]
    fn the_published_vectors_are_accepted() {
        accepted(&[("command", "listZones")], "mUBG4MLsvuFFsQbKpxPHEdkMBNU=");
        accepted(
            &[
                ("command", "createVMSnapshot"),
                ("virtualmachineid", "6f1f3c1e-2b9a-4c54-9d51-0f3f3b0f7a11"),
                ("name", "Test Fail over üß 漢字 😀"),
                ("description", "two  spaces"),
                ("snapshotmemory", "false"),
                ("quiescevm", "false"),
            ],
            "kLnHLcrpHWuXPJva8cifUUFOhNA=",
        );
        accepted(
            &[
                ("command", "createVolume"),
                ("zoneid", "1c1f3c1e-2b9a-4c54-9d51-0f3f3b0f7a11"),
                ("name", "a*b[c]d+e/f:g,h@i=j&k%l-m_n.o!(p)'q\"r;s?t#u"),
            ],
            "QP7/bV+xuOppYY+273/yyqWWaao=",
        );
        accepted(
            &[("command", "listVirtualMachines"), ("keyword", "web~01")],
            "pebrg0Vr6a45xLmorThg1ZzGUK0=",
        );
        accepted(
            &[
                ("apiKey", KEY),
                ("command", "listVolumes"),
                ("displayVolume", "true"),
                ("displayname", ""),
                ("signatureVersion", "3"),
                ("expires", "2026-01-02T03:04:05Z"),
            ],
            "nv7pNXrRnFP4dE1oLGYzfUi+Y1A=",
        );
    }

    #[test]
    fn a_raw_tilde_or_another_order_of_names_is_refused() {
        let tilde = [("command", "listVirtualMachines"), ("keyword", "web~01")];
        assert!(!accepts(
            &tilde,
            "jFO3iZ+zAWXd8qsPqrJhr05v/Bo=",
            BEFORE_ALL_EXPIRIES
        ));
        let order = [
            ("apiKey", KEY),
            ("command", "listVolumes"),
            ("displayVolume", "true"),
            ("displayname", ""),
            ("signatureVersion", "3"),
            ("expires", "2026-01-02T03:04:05Z"),
        ];
        assert!(!accepts(
            &order,
            "CrcrWg557Xw1FLw1ofzDVc1m24g=",
            BEFORE_ALL_EXPIRIES
        ));
    }

    #[test]
    fn a_request_is_accepted_until_it_expires() {
        let query = [
            ("command", "listVolumes"),
            ("virtualmachineid", "6f1f3c1e-2b9a-4c54-9d51-0f3f3b0f7a11"),
            ("listall", "true"),
            ("page", "1"),
            ("pagesize", "500"),
            ("signatureversion", "3"),
            ("expires", "2026-01-02T03:04:05+0000"),
        ];
        let signature = "vpO2wHst37WGeGV9ypq0kfHRjoo=";
        let expiry = instant("2026-01-02T03:04:05Z").unwrap();
        assert!(accepts(&query, signature, expiry));
        assert!(!accepts(
            &query,
            signature,
            expiry + chrono::TimeDelta::seconds(1)
        ));
    }

    #[test]
    fn expiry_is_understood_in_each_accepted_format() {
        for text in [
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05+00:00",
            "2026-01-02T03:04:05.000000+0000",
        ] {
            assert_eq!(
                instant(text).map(|i| i.timestamp()),
                Some(1_767_323_045),
                "{text}"
            );
        }
        assert_eq!(instant("tomorrow"), None);
    }
}
