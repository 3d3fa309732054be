//! Who may call: the signature, checked independently of the client's own signing.

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::parameters::Parameters;
use crate::cloud::error::ApiError;
use crate::settings::SimSettings;

/// How far ahead a request may expire where POST is enforced.
const LATEST_EXPIRY: TimeDelta = TimeDelta::minutes(15);

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
    settings: &SimSettings,
    now: DateTime<Utc>,
) -> Result<(), ApiError> {
    let key_is_known = parameters.get("apikey") == Some(credentials.api_key.as_str());
    let signature = parameters
        .get("signature")
        .and_then(|text| STANDARD.decode(text).ok());
    let (true, Some(signature)) = (key_is_known, signature) else {
        return Err(ApiError::unauthorized());
    };
    check_expiry(parameters, settings, now)?;
    let mut mac = Hmac::<Sha1>::new_from_slice(credentials.secret_key.as_bytes())
        .expect("HMAC accepts a key of any length");
    mac.update(text_to_sign(parameters).as_bytes());
    mac.verify_slice(&signature).map_err(|_| ApiError::unauthorized())
}

/// Without version 3 an expiry is not looked at, unless it is enforced.
fn check_expiry(parameters: &Parameters, settings: &SimSettings, now: DateTime<Utc>) -> Result<(), ApiError> {
    let expires = parameters.get("expires").and_then(instant);
    let is_accepted = match (parameters.get("signatureversion"), settings.enforces_post()) {
        (Some("3"), false) => expires.is_some_and(|expires| expires >= now),
        (Some("3"), true) => expires.is_some_and(|expires| expires >= now && expires <= now + LATEST_EXPIRY),
        (Some(_) | None, enforced) => !enforced,
    };
    is_accepted.then_some(()).ok_or_else(ApiError::unauthorized)
}

/// Refuses a change that comes by GET where POST is enforced.
pub(crate) fn check_method(method: &Method, command: &str, settings: &SimSettings) -> Result<(), ApiError> {
    let only_reads = ["get", "list", "query", "find"]
        .iter()
        .any(|word| command.starts_with(word));
    if settings.enforces_post() && *method != Method::POST && !only_reads {
        let text = format!("State changing command {command} needs to be sent using POST request");
        return Err(ApiError::of_command(400, text));
    }
    Ok(())
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
    use crate::settings::{PostEnforcement, Profile};

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
        verify(
            &parameters,
            &Credentials::new(KEY, SECRET),
            &SimSettings::default(),
            now,
        )
        .is_ok()
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
            &[
                ("command", "deployVirtualMachine"),
                ("serviceofferingid", "aaaaaaaa-0000-4000-8000-000000000001"),
                ("templateid", "aaaaaaaa-0000-4000-8000-000000000002"),
                ("zoneid", "aaaaaaaa-0000-4000-8000-000000000003"),
                ("name", "web-01"),
                ("displayname", "Web 01 (failover)"),
                ("startvm", "false"),
                (
                    "networkids",
                    "aaaaaaaa-0000-4000-8000-000000000004,aaaaaaaa-0000-4000-8000-000000000005",
                ),
                ("details[0].cpuNumber", "4"),
                ("details[0].cpuSpeed", "2000"),
                ("details[0].memory", "8192"),
                ("boottype", "UEFI"),
                ("bootmode", "LEGACY"),
                ("customjobid", "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10"),
            ],
            "62azDrcrtrCAVvan67Dk5Xg+1Vo=",
        );
        accepted(
            &[
                ("command", "createTags"),
                ("resourceids", "6f1f3c1e-2b9a-4c54-9d51-0f3f3b0f7a11"),
                ("resourcetype", "UserVm"),
                ("tags[0].key", "migratekit job"),
                ("tags[0].value", "job/42+retry*1"),
                ("tags[1].key", "owner"),
                ("tags[1].value", "Zoë"),
            ],
            "N+e7FpkHBHKnu1OAQmDL+Y5wBZA=",
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
    fn any_other_value_name_or_secret_is_refused() {
        let signature = "mUBG4MLsvuFFsQbKpxPHEdkMBNU=";
        for query in [
            &[("command", "listZone")][..],
            &[("command", "listZones"), ("id", "x")],
            &[("command", "listZones"), ("id", "")],
        ] {
            assert!(!accepts(query, signature, BEFORE_ALL_EXPIRIES), "{query:?}");
        }
        let query = [("command", "listZones")];
        for other in [
            "",
            "mUBG4MLsvuFFsQbKpxPHEdkMBNU",
            "mubg4mlsvuffsqbkpxphedkmbnu=",
            "&",
        ] {
            assert!(!accepts(&query, other, BEFORE_ALL_EXPIRIES), "{other:?}");
        }
        let sent =
            format!("apikey={KEY}&command=listZones&response=json&signature=mUBG4MLsvuFFsQbKpxPHEdkMBNU%3D");
        let verified = |credentials: &Credentials| {
            let parameters = Parameters::read(&sent, b"");
            verify(
                &parameters,
                credentials,
                &SimSettings::default(),
                BEFORE_ALL_EXPIRIES,
            )
            .is_ok()
        };
        assert!(verified(&Credentials::new(KEY, SECRET)));
        assert!(!verified(&Credentials::new(KEY, "guessed")));
        assert!(!verified(&Credentials::new("somebody", SECRET)));
    }

    #[test]
    fn a_token_without_a_value_is_no_part_of_the_signature() {
        let sent = format!(
            "apikey={KEY}&command=listZones&flag&response=json&signature=mUBG4MLsvuFFsQbKpxPHEdkMBNU%3D"
        );
        let parameters = Parameters::read(&sent, b"");
        let credentials = Credentials::new(KEY, SECRET);
        assert!(
            verify(
                &parameters,
                &credentials,
                &SimSettings::default(),
                BEFORE_ALL_EXPIRIES
            )
            .is_ok()
        );
    }

    #[test]
    fn an_expiry_counts_for_version_3_and_must_be_near_where_post_is_enforced() {
        let now = instant("2026-01-02T03:00:00Z").unwrap();
        let at = |version: &str, expires: &str, settings: SimSettings| {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("signatureversion", version)
                .append_pair("expires", expires);
            let parameters = Parameters::read(&form.finish(), b"");
            check_expiry(&parameters, &settings, now).is_ok()
        };
        let free = SimSettings::default();
        let strict = SimSettings {
            post_enforcement: PostEnforcement::On,
            ..SimSettings::of(Profile::V4_21)
        };
        let too_old_to_know = SimSettings {
            post_enforcement: PostEnforcement::On,
            ..SimSettings::of(Profile::V4_18)
        };
        let (past, soon) = ("2026-01-02T02:59:59Z", "2026-01-02T03:15:00Z");
        let far = "2026-01-02T03:15:01Z";
        for (version, expires, freely, strictly) in [
            ("3", past, false, false),
            ("3", soon, true, true),
            ("3", far, true, false),
            ("3", "soon", false, false),
            ("3", "", false, false),
            ("2", past, true, false),
            ("", soon, true, false),
        ] {
            assert_eq!(at(version, expires, free), freely, "{version} {expires}");
            assert_eq!(at(version, expires, strict), strictly, "{version} {expires}");
            assert_eq!(
                at(version, expires, too_old_to_know),
                freely,
                "{version} {expires}"
            );
        }
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
            "2026-01-02T03:04:05+0000",
            "2026-01-02T04:04:05+0100",
            "2026-01-02T03:04:05.000000+0000",
            "2026-01-02T03:04:05.000000Z",
        ] {
            assert_eq!(
                instant(text).map(|i| i.timestamp()),
                Some(1_767_323_045),
                "{text}"
            );
        }
        for text in ["tomorrow", "2026-01-02", "2026-01-02T03:04:05", "1767323045"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
