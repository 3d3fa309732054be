//! Something that the cloud tells, or does not.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A fact that not every release and not every account is told. What is not told is never guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Fact<T> {
    /// The cloud tells it.
    Told {
        /// What it tells.
        value: T,
    },
    /// It does not.
    NotTold(NotTold),
}

/// Why a fact is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum NotTold {
    /// The release's answer has no such field.
    ByRelease,
    /// The command is not for the role of our account.
    ToOurRole,
    /// There is nothing yet that it could be measured with.
    NotMeasured,
    /// The cloud was asked and answered something else.
    Unanswered {
        /// Its answer, for people.
        text: String,
    },
}

impl<T> Fact<T> {
    /// A fact that is told.
    pub const fn told(value: T) -> Self {
        Fact::Told { value }
    }

    /// A field that some releases do not have.
    pub fn of_release(field: Option<T>) -> Self {
        field.map_or(Fact::NotTold(NotTold::ByRelease), Fact::told)
    }

    /// The value, where it is told.
    pub fn value(&self) -> Option<&T> {
        match self {
            Fact::Told { value } => Some(value),
            Fact::NotTold(_) => None,
        }
    }

    /// The same fact in another form.
    pub fn map<U>(&self, form: impl FnOnce(&T) -> U) -> Fact<U> {
        match self {
            Fact::Told { value } => Fact::told(form(value)),
            Fact::NotTold(why) => Fact::NotTold(why.clone()),
        }
    }
}

impl fmt::Display for NotTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotTold::ByRelease => f.write_str("this release does not tell"),
            NotTold::ToOurRole => f.write_str("our account's role is not told"),
            NotTold::NotMeasured => f.write_str("nothing was measured yet"),
            NotTold::Unanswered { text } => write!(f, "the cloud was asked, but {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fact_and_the_reason_for_its_absence_are_told_apart_on_the_wire() {
        let unanswered = NotTold::Unanswered { text: "no".into() };
        for (fact, written) in [
            (Fact::told(7), json!({"answer": "told", "value": 7})),
            (
                Fact::of_release(None),
                json!({"answer": "not_told", "reason": "by_release"}),
            ),
            (
                Fact::NotTold(NotTold::ToOurRole),
                json!({"answer": "not_told", "reason": "to_our_role"}),
            ),
            (
                Fact::NotTold(unanswered),
                json!({"answer": "not_told", "reason": "unanswered", "text": "no"}),
            ),
        ] {
            assert_eq!(serde_json::to_value(&fact).unwrap(), written);
            assert_eq!(serde_json::from_value::<Fact<i32>>(written).unwrap(), fact);
        }
    }
}
