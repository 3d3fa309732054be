//! Names of destination VMs.
//!
//! CloudStack's host name has 1 to 63 characters of `[A-Za-z0-9-]`, does not begin with a digit and neither
//! begins nor ends with a hyphen (`cloudstack-api.md` section 4.1). VMware's names follow no such rule.

/// The longest host name that CloudStack accepts.
pub const MAX_LENGTH: usize = 63;

/// Derives a legal host name from a VMware name, followed by `suffix` (such as `-test`, or nothing).
///
/// Letters become lower case, every other run of characters one hyphen; a name that would begin with a digit
/// gets the prefix `vm-`; a name of which nothing is left becomes `vm`. The suffix is never cut: `source` is.
///
/// # Panics
/// Never for suffixes of our own (`""`, `-test`, …): those are legal at the end of a host name and short.
pub fn destination_name(source: &str, suffix: &str) -> String {
    let mut name = String::with_capacity(source.len());
    for c in source.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, "vm-");
    }
    name.truncate(MAX_LENGTH.saturating_sub(suffix.len()));
    let trimmed = name.trim_end_matches('-');
    let stem = if trimmed.is_empty() { "vm" } else { trimmed };
    format!("{stem}{suffix}")
}

/// Whether CloudStack accepts `name` as a host name.
pub fn is_legal(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=MAX_LENGTH).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && !bytes[0].is_ascii_digit()
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_keep_what_a_person_recognises() {
        for (source, suffix, expected) in [
            ("PGWINTESTBIOS", "", "pgwintestbios"),
            ("web 01 (prod)", "", "web-01-prod"),
            ("2019-sql", "", "vm-2019-sql"),
            ("__db__", "-test", "db-test"),
            ("漢字", "", "vm"),
            ("Zoë.example.org", "", "zo-example-org"),
            ("", "-test", "vm-test"),
        ] {
            assert_eq!(destination_name(source, suffix), expected, "{source:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_legal(source in any::<String>(), suffix in prop_oneof![Just(""), Just("-test"), Just("-r2")]) {
            let name = destination_name(&source, suffix);
            prop_assert!(is_legal(&name), "{name}");
            prop_assert!(name.ends_with(suffix));
        }

        #[test]
        fn a_legal_lower_case_name_stays_as_it_is(name in "[a-z]([a-z0-9]|-[a-z0-9]){0,20}") {
            prop_assert_eq!(destination_name(&name, ""), name);
        }

        #[test]
        fn it_is_idempotent(source in any::<String>()) {
            let once = destination_name(&source, "");
            prop_assert_eq!(destination_name(&once, ""), once);
        }
    }
}
