//! The version of the cloud, and which of the release lines whose rules are known it belongs to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The numbers of a version, such as 4.22.1.0. Numbers that were not written are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionNumbers([u32; 4]);

impl VersionNumbers {
    /// The first release of a line: `major.minor.0.0`.
    pub const fn first_of(major: u32, minor: u32) -> Self {
        Self([major, minor, 0, 0])
    }
}

/// The version as the cloud writes it. Whatever it is, it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct CloudVersion {
    text: String,
    numbers: Option<VersionNumbers>,
}

impl CloudVersion {
    /// The text of the cloud.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its numbers, for comparing; `None` where the text does not begin with any.
    pub fn numbers(&self) -> Option<VersionNumbers> {
        self.numbers
    }

    /// The release line.
    pub fn line(&self) -> ReleaseLine {
        const FIRST: VersionNumbers = VersionNumbers::first_of(4, 18);
        const V4_21: VersionNumbers = VersionNumbers::first_of(4, 21);
        const V4_22: VersionNumbers = VersionNumbers::first_of(4, 22);
        const NEXT: VersionNumbers = VersionNumbers::first_of(4, 23);
        match self.numbers {
            None => ReleaseLine::Unreadable,
            Some(numbers) if numbers < FIRST => ReleaseLine::Older,
            Some(numbers) if numbers < V4_21 => ReleaseLine::V4_18To4_20,
            Some(numbers) if numbers < V4_22 => ReleaseLine::V4_21,
            Some(numbers) if numbers < NEXT => ReleaseLine::V4_22,
            Some(_) => ReleaseLine::Newer,
        }
    }
}

impl From<String> for CloudVersion {
    fn from(text: String) -> Self {
        let numbers = numbers(&text);
        Self { text, numbers }
    }
}

impl From<CloudVersion> for String {
    fn from(version: CloudVersion) -> Self {
        version.text
    }
}

impl fmt::Display for CloudVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Two to four numbers with dots; vendors and snapshots add a word behind a hyphen or a plus.
fn numbers(text: &str) -> Option<VersionNumbers> {
    let plain = text.trim().split(['-', '+']).next()?;
    let parts: Vec<u32> = plain
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    if !(2..=4).contains(&parts.len()) {
        return None;
    }
    let mut numbers = [0; 4];
    numbers[..parts.len()].copy_from_slice(&parts);
    Some(VersionNumbers(numbers))
}

/// Releases whose rules are the same for us. Which ones were read is said in `cloudstack-api.md` section 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ReleaseLine {
    /// Before 4.18. Its rules are not known.
    #[serde(rename = "older")]
    Older,
    /// 4.18, 4.19 and 4.20.
    #[serde(rename = "4.18-4.20")]
    V4_18To4_20,
    /// 4.21: file-based VM snapshots.
    #[serde(rename = "4.21")]
    V4_21,
    /// 4.22: snapshots of volumes of running VMs by default.
    #[serde(rename = "4.22")]
    V4_22,
    /// After 4.22. Taken for 4.22 where something has to be assumed, and always told as assumed.
    #[serde(rename = "newer")]
    Newer,
    /// The version is no version.
    #[serde(rename = "unreadable")]
    Unreadable,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> CloudVersion {
        CloudVersion::from(text.to_owned())
    }

    #[test]
    fn versions_compare_by_their_numbers() {
        let in_order = [
            "4.9", "4.18.2.5", "4.20.0", "4.20.3.0", "4.22.0.0", "4.22.1.0", "5.0",
        ];
        assert!(in_order.map(|text| version(text).numbers().unwrap()).is_sorted());
        assert_eq!(version("4.22").numbers(), version("4.22.0.0-SNAPSHOT").numbers());
    }

    #[test]
    fn every_version_belongs_to_a_line_and_keeps_its_text() {
        for (text, line) in [
            ("4.17.2.0", ReleaseLine::Older),
            ("4.18.0.0", ReleaseLine::V4_18To4_20),
            ("4.20.3.0", ReleaseLine::V4_18To4_20),
            ("4.21.0.0", ReleaseLine::V4_21),
            ("4.22.1.0-vendor7", ReleaseLine::V4_22),
            ("4.23.0.0-SNAPSHOT", ReleaseLine::Newer),
            ("2027.1", ReleaseLine::Newer),
            ("four", ReleaseLine::Unreadable),
            ("4", ReleaseLine::Unreadable),
            ("4.x", ReleaseLine::Unreadable),
            ("4.22.1.0.7", ReleaseLine::Unreadable),
            ("", ReleaseLine::Unreadable),
        ] {
            let version = version(text);
            assert_eq!((version.line(), version.as_str()), (line, text));
        }
    }
}
