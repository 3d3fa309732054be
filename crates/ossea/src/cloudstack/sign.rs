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

/// The signature of a request, not yet escaped for sending.
pub fn signature<N: AsRef<str>, V: AsRef<str>>(parameters: &[(N, V)], secret_key: &str) -> String {
    keyed_hash(&string_to_sign(parameters), secret_key)
}

/// HMAC-SHA1 in base64: the only algorithm that CloudStack accepts.
fn keyed_hash(text: &str, secret_key: &str) -> String {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(secret_key.as_bytes()).expect("HMAC accepts a key of any length");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const API_KEY: &str = "VK5u2n9yqyZ8Qd3o1XcTtJ0bLwRrPpHh-EXAMPLE_api";
    const SECRET_KEY: &str = "s3cr3t-EXAMPLE_do-not-use-Zz09";
    const VM: &str = "6f1f3c1e-2b9a-4c54-9d51-0f3f3b0f7a11";
    const HARD_NAME: &str = "a*b[c]d+e/f:g,h@i=j&k%l-m_n.o!(p)'q\"r;s?t#u";

    /// The parameters of a vector, the key and `response` added.
    fn vector(parameters: &[(&str, &str)]) -> Vec<(String, String)> {
        let usual = [("apikey", API_KEY), ("response", "json")];
        usual
            .iter()
            .chain(parameters)
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[track_caller]
    fn agrees(parameters: &[(String, String)], text: &str, expected: &str) {
        assert_eq!(string_to_sign(parameters), text);
        assert_eq!(signature(parameters, SECRET_KEY), expected);
    }

    #[test]
    fn v1_a_plain_list_is_signed() {
        agrees(
            &vector(&[("command", "listZones")]),
            "apikey=vk5u2n9yqyz8qd3o1xcttj0blwrrpphh-example_api&command=listzones&response=json",
            "mUBG4MLsvuFFsQbKpxPHEdkMBNU=",
        );
    }

    #[test]
    fn v2_spaces_and_every_plane_of_unicode_are_signed() {
        agrees(
            &vector(&[
                ("command", "createVMSnapshot"),
                ("virtualmachineid", VM),
                ("name", "Test Fail over üß 漢字 😀"),
                ("description", "two  spaces"),
                ("snapshotmemory", "false"),
                ("quiescevm", "false"),
            ]),
            "apikey=vk5u2n9yqyz8qd3o1xcttj0blwrrpphh-example_api&command=createvmsnapshot\
             &description=two%20%20spaces&name=test%20fail%20over%20%c3%bc%c3%9f%20%e6%bc%a2%e5%ad%97%20%f0%9f%98%80\
             &quiescevm=false&response=json&snapshotmemory=false\
             &virtualmachineid=6f1f3c1e-2b9a-4c54-9d51-0f3f3b0f7a11",
            "kLnHLcrpHWuXPJva8cifUUFOhNA=",
        );
    }

    #[test]
    fn v3_every_special_character_is_signed() {
        let zone = "1c1f3c1e-2b9a-4c54-9d51-0f3f3b0f7a11";
        let parameters = vector(&[("command", "createVolume"), ("zoneid", zone), ("name", HARD_NAME)]);
        agrees(
            &parameters,
            "apikey=vk5u2n9yqyz8qd3o1xcttj0blwrrpphh-example_api&command=createvolume\
             &name=a*b%5bc%5dd%2be%2ff%3ag%2ch%40i%3dj%26k%25l-m_n.o%21%28p%29%27q%22r%3bs%3ft%23u\
             &response=json&zoneid=1c1f3c1e-2b9a-4c54-9d51-0f3f3b0f7a11",
            "QP7/bV+xuOppYY+273/yyqWWaao=",
        );
        let sent: String =
            form_urlencoded::byte_serialize(signature(&parameters, SECRET_KEY).as_bytes()).collect();
        assert_eq!(sent, "QP7%2FbV%2BxuOppYY%2B273%2FyyqWWaao%3D");
    }

    #[test]
    fn v4_a_tilde_is_escaped() {
        let parameters = vector(&[("command", "listVirtualMachines"), ("keyword", "web~01")]);
        agrees(
            &parameters,
            "apikey=vk5u2n9yqyz8qd3o1xcttj0blwrrpphh-example_api&command=listvirtualmachines\
             &keyword=web%7e01&response=json",
            "pebrg0Vr6a45xLmorThg1ZzGUK0=",
        );
        // What clients that leave it raw send; the cloud answers 401.
        let raw = string_to_sign(&parameters).replace("%7e", "~");
        assert_eq!(keyed_hash(&raw, SECRET_KEY), "jFO3iZ+zAWXd8qsPqrJhr05v/Bo=");
    }

    #[test]
    fn v5_a_deployment_with_details_is_signed() {
        agrees(
            &vector(&[
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
            ]),
            "apikey=vk5u2n9yqyz8qd3o1xcttj0blwrrpphh-example_api&bootmode=legacy&boottype=uefi\
             &command=deployvirtualmachine&customjobid=0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10\
             &details[0].cpunumber=4&details[0].cpuspeed=2000&details[0].memory=8192\
             &displayname=web%2001%20%28failover%29&name=web-01\
             &networkids=aaaaaaaa-0000-4000-8000-000000000004%2caaaaaaaa-0000-4000-8000-000000000005\
             &response=json&serviceofferingid=aaaaaaaa-0000-4000-8000-000000000001&startvm=false\
             &templateid=aaaaaaaa-0000-4000-8000-000000000002&zoneid=aaaaaaaa-0000-4000-8000-000000000003",
            "62azDrcrtrCAVvan67Dk5Xg+1Vo=",
        );
    }

    #[test]
    fn v6_a_dated_request_is_signed() {
        agrees(
            &vector(&[
                ("command", "listVolumes"),
                ("virtualmachineid", VM),
                ("listall", "true"),
                ("page", "1"),
                ("pagesize", "500"),
                ("signatureversion", "3"),
                ("expires", "2026-01-02T03:04:05+0000"),
            ]),
            "apikey=vk5u2n9yqyz8qd3o1xcttj0blwrrpphh-example_api&command=listvolumes\
             &expires=2026-01-02t03%3a04%3a05%2b0000&listall=true&page=1&pagesize=500&response=json\
             &signatureversion=3&virtualmachineid=6f1f3c1e-2b9a-4c54-9d51-0f3f3b0f7a11",
            "vpO2wHst37WGeGV9ypq0kfHRjoo=",
        );
    }

    #[test]
    fn v7_names_are_sorted_as_sent_and_lowered_afterwards() {
        let parameters: Vec<(String, String)> = [
            ("apiKey", API_KEY),
            ("response", "json"),
            ("command", "listVolumes"),
            ("displayVolume", "true"),
            ("displayname", ""),
            ("signatureVersion", "3"),
            ("expires", "2026-01-02T03:04:05Z"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        agrees(
            &parameters,
            "apikey=vk5u2n9yqyz8qd3o1xcttj0blwrrpphh-example_api&command=listvolumes&displayvolume=true\
             &displayname=&expires=2026-01-02t03%3a04%3a05z&response=json&signatureversion=3",
            "nv7pNXrRnFP4dE1oLGYzfUi+Y1A=",
        );
        let lowered: Vec<(String, String)> = parameters
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.clone()))
            .collect();
        // Sorted the other way round it is the signature of another text, and refused.
        assert_eq!(signature(&lowered, SECRET_KEY), "CrcrWg557Xw1FLw1ofzDVc1m24g=");
    }

    #[test]
    fn v8_brackets_in_names_stay_as_they_are() {
        agrees(
            &vector(&[
                ("command", "createTags"),
                ("resourceids", VM),
                ("resourcetype", "UserVm"),
                ("tags[0].key", "migratekit job"),
                ("tags[0].value", "job/42+retry*1"),
                ("tags[1].key", "owner"),
                ("tags[1].value", "Zoë"),
            ]),
            "apikey=vk5u2n9yqyz8qd3o1xcttj0blwrrpphh-example_api&command=createtags\
             &resourceids=6f1f3c1e-2b9a-4c54-9d51-0f3f3b0f7a11&resourcetype=uservm&response=json\
             &tags[0].key=migratekit%20job&tags[0].value=job%2f42%2bretry*1&tags[1].key=owner\
             &tags[1].value=zo%c3%ab",
            "N+e7FpkHBHKnu1OAQmDL+Y5wBZA=",
        );
    }

    #[test]
    fn a_signature_takes_no_part_in_itself() {
        let parameters = vector(&[("command", "listZones")]);
        for spelling in ["signature", "Signature", "SIGNATURE"] {
            let mut signed = parameters.clone();
            signed.push((spelling.to_owned(), "anything".to_owned()));
            assert_eq!(signature(&signed, SECRET_KEY), signature(&parameters, SECRET_KEY));
        }
    }

    proptest! {
        #[test]
        fn the_order_of_parameters_does_not_matter(
            parameters in proptest::collection::btree_map("[a-zA-Z\\[\\].0-9]{1,12}", ".{0,12}", 1..8),
            seed in any::<u64>(),
        ) {
            let sorted: Vec<(String, String)> = parameters.into_iter().collect();
            let mut turned = sorted.clone();
            let by = usize::try_from(seed % 8).unwrap() % turned.len();
            turned.rotate_left(by);
            turned.reverse();
            prop_assert_eq!(signature(&turned, SECRET_KEY), signature(&sorted, SECRET_KEY));
        }

        #[test]
        fn an_encoded_value_is_plain_and_decodes_to_itself(value in any::<String>()) {
            let encoded = encode(&value);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"%.-*_".contains(&b)));
            let query = format!("value={encoded}");
            let decoded = form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned());
            prop_assert_eq!(decoded, Some(value));
        }

        #[test]
        fn another_value_or_another_secret_gives_another_signature(
            value in "[a-z]{1,10}", other in "[a-z]{1,10}", secret in "[a-z]{1,10}",
        ) {
            prop_assume!(value != other);
            let with = |value: &str| [("command".to_owned(), value.to_owned())];
            prop_assert_ne!(signature(&with(&value), &secret), signature(&with(&other), &secret));
            prop_assert_ne!(signature(&with(&value), &secret), signature(&with(&value), &format!("{secret}x")));
        }
    }
}
