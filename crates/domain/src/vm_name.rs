//! Names of destination VMs.
//!
//! CloudStack's host name has 1 to 63 characters of `[A-Za-z0-9-]`, does not begin with a digit and neither
//! begins nor ends with a hyphen (`cloudstack-api.md` section 4.1). VMware's names follow no such rule.

/// The longest host name that CloudStack accepts.
pub const MAX_LENGTH: usize = 63;

/// What the name of every test VM ends in.
pub const TEST_SUFFIX: &str = "-test";

/// How many names [`test_names`] gives.
const TEST_NAMES: u8 = 9;

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

/// The names that a test VM of `source` may get, in the order in which they are tried: `web-test`, `web-2-test`, …,
/// `web-9-test`.
///
/// All are legal, differ, and end in [`TEST_SUFFIX`], so that a person sees what the VM is. Nine are enough: a source VM
/// has one active job, so the others are left over from earlier tests or belong to strangers.
pub fn test_names(source: &str) -> impl Iterator<Item = String> {
    (1..=TEST_NAMES).map(move |n| match n {
        1 => destination_name(source, TEST_SUFFIX),
        n => destination_name(source, &format!("-{n}{TEST_SUFFIX}")),
    })
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
    use std::collections::BTreeSet;

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

    #[test]
    fn test_vms_are_counted_between_name_and_suffix() {
        let names: Vec<String> = test_names("web 01").collect();
        assert_eq!(names.len(), 9);
        assert_eq!(
            [&names[0], &names[1], &names[8]],
            ["web-01-test", "web-01-2-test", "web-01-9-test"]
        );
    }

    proptest! {
        #[test]
        fn every_test_name_is_legal_differs_and_says_that_it_is_a_test(source in any::<String>()) {
            let names: BTreeSet<String> = test_names(&source).collect();
            prop_assert_eq!(names.len(), 9);
            for name in names {
                prop_assert!(is_legal(&name) && name.ends_with("-test"), "{name}");
            }
        }

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
