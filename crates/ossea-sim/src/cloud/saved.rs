//! A cloud as text, to be gone on with later: everything that is in it, jobs, queues, agenda, faults and chance too.
//!
//! The text is made of the very fields of [`Cloud`], so that nothing can be forgotten: a field that cannot be written
//! and read does not compile, and a text with other fields is refused.

use serde::{Deserialize, Serialize};

use super::Cloud;

/// The form of the text. It changes with every change of what a cloud is made of that makes older texts unusable.
const FORMAT: u32 = 2;

/// Why a text is no saved cloud.
#[derive(Debug, thiserror::Error)]
pub enum NotASavedCloud {
    /// It was saved in another form.
    #[error("the saved cloud has format {found}, this release reads format {FORMAT}")]
    OtherFormat {
        /// The format of the text.
        found: u32,
    },
    /// It cannot be read.
    #[error("the saved cloud cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    cloud: &'a Cloud,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[expect(dead_code, reason = "was looked at before")]
    format: u32,
    cloud: Cloud,
}

/// Only the form, whatever else there is.
#[derive(Deserialize)]
struct Form {
    format: u32,
}

impl Cloud {
    /// The whole cloud as text.
    pub fn save(&self) -> String {
        let written = Written {
            format: FORMAT,
            cloud: self,
        };
        serde_json::to_string(&written).expect("a cloud is made of what JSON has")
    }

    /// The cloud that [`Cloud::save`] wrote. It goes on exactly where it was: what was under way ends when it would
    /// have ended, or with the next request if that instant has passed meanwhile.
    ///
    /// # Errors
    /// When the text was not written by this format.
    pub fn load(text: &str) -> Result<Self, NotASavedCloud> {
        let Form { format } = serde_json::from_str(text)?;
        if format != FORMAT {
            return Err(NotASavedCloud::OtherFormat { found: format });
        }
        let Read { cloud, .. } = serde_json::from_str(text)?;
        Ok(cloud)
    }
}

/// A map whose keys JSON cannot write, as a list of pairs.
pub(super) mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::cloud) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(in crate::cloud) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Vec::<(K, V)>::deserialize(deserializer).map(BTreeMap::from_iter)
    }
}
