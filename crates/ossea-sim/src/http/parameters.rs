//! The parameters of a request, as they were sent and as they are understood.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::cloud::error::ApiError;

/// The parameters of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters {
    /// Names and values as sent; each name once.
    sent: BTreeMap<String, String>,
    /// The same with names in lower case, but for the sub-keys of maps.
    understood: BTreeMap<String, String>,
}

impl Parameters {
    /// Reads query and form. The query overrides the form, and the last of equal names wins.
    pub(crate) fn read(query: &str, body: &[u8]) -> Self {
        let mut sent = BTreeMap::new();
        sent.extend(pairs(&String::from_utf8_lossy(body)));
        sent.extend(pairs(query));
        let understood = sent
            .iter()
            .map(|(name, value)| (understood(name), value.clone()))
            .collect();
        Self { sent, understood }
    }

    /// Names and values as sent.
    pub(crate) fn sent(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sent
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// A parameter whose name must be spelled exactly like this.
    pub(crate) fn plain(&self, name: &str) -> Option<&str> {
        self.sent.get(name).map(String::as_str)
    }

    /// A parameter with a value, by its name in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.understood
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A parameter that must be there.
    pub(crate) fn required(&self, command: &str, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::missing(command, name))
    }

    /// An id that must be there.
    pub(crate) fn id<T: FromStr>(&self, command: &str, name: &str) -> Result<T, ApiError> {
        let text = self.required(command, name)?;
        text.parse()
            .map_err(|_| ApiError::unknown_entity(command, name, text))
    }

    /// A number that may be missing.
    pub(crate) fn number<T: FromStr>(&self, command: &str, name: &str) -> Result<Option<T>, ApiError> {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    let command = command.to_lowercase();
                    ApiError::of_command(
                        431,
                        format!("Unable to execute API command {command} due to invalid value {text} for parameter {name}"),
                    )
                })
            })
            .transpose()
    }

    /// Whether something is said to be so.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|text| text.eq_ignore_ascii_case("true"))
    }

    /// The entries of a map or list parameter, `name[i].key=value`, by index.
    pub(crate) fn entries(&self, name: &str) -> BTreeMap<u32, BTreeMap<&str, &str>> {
        let mut entries: BTreeMap<u32, BTreeMap<&str, &str>> = BTreeMap::new();
        for (full, value) in &self.understood {
            let inside = full.strip_prefix(name).and_then(|rest| rest.strip_prefix('['));
            let parts = inside.and_then(|inside| inside.split_once(']'));
            if let Some((index, key)) = parts
                && let (Ok(index), Some(key)) = (index.parse(), key.strip_prefix('.'))
            {
                entries.entry(index).or_default().insert(key, value);
            }
        }
        entries
    }

    /// The keys and values of a parameter of the form `name[i].key=K`, `name[i].value=V`.
    pub(crate) fn key_values(&self, command: &str, name: &str) -> Result<BTreeMap<String, String>, ApiError> {
        let entries = self.entries(name).into_values();
        let pairs = entries.map(|entry| match (entry.get("key"), entry.get("value")) {
            (Some(key), Some(value)) => Ok(((*key).to_owned(), (*value).to_owned())),
            (Some(_) | None, None) | (None, Some(_)) => Err(ApiError::missing(command, name)),
        });
        pairs.collect()
    }

    /// What is wrong with names or values of any command.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        for (name, value) in &self.sent {
            let brackets: Vec<&str> = name.split('[').collect();
            let index = brackets.get(1).and_then(|rest| rest.split_once(']'));
            let is_legal = match (brackets.len(), index) {
                (1, _) => true,
                (2, Some((index, _))) => index.parse::<u32>().is_ok(),
                (_, _) => false,
            };
            if !is_legal {
                let text = format!("Malformed parameter {name}, wanted is name[index].key");
                return Err(ApiError::of_command(430, text));
            }
            if value
                .chars()
                .any(|c| c.is_ascii_control() && c != '\n' && c != '\r')
            {
                let text = format!(
                    "Received value containing illegal ASCII non-printable characters for parameter {name}"
                );
                return Err(ApiError::of_command(431, text));
            }
        }
        Ok(())
    }

    /// Ids and names that fault rules can filter by.
    pub(crate) fn objects(&self) -> Vec<String> {
        let named = [
            "id",
            "jobid",
            "virtualmachineid",
            "volumeid",
            "vmsnapshotid",
            "zoneid",
            "name",
        ];
        named
            .iter()
            .filter_map(|name| self.get(name))
            .map(str::to_owned)
            .collect()
    }
}

fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    // A token without `=` is no parameter, while one with nothing behind it has an empty value.
    let tokens: Vec<&str> = text
        .trim()
        .split('&')
        .filter(|token| token.contains('='))
        .collect();
    let parsed: Vec<(String, String)> = form_urlencoded::parse(tokens.join("&").as_bytes())
        .into_owned()
        .collect();
    parsed.into_iter()
}

fn understood(name: &str) -> String {
    match name.split_once('[') {
        Some((map, rest)) => format!("{}[{rest}", map.to_lowercase()),
        None => name.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_overrides_the_form_and_the_last_name_wins() {
        let parameters = Parameters::read("a=1&a=2&b&c=", b"a=3&d=x+y%2B");
        let seen: Vec<_> = parameters.sent().collect();
        assert_eq!(seen, [("a", "2"), ("c", ""), ("d", "x y+")]);
    }

    #[test]
    fn names_are_understood_in_any_case_but_sub_keys_are_not() {
        let parameters = Parameters::read("VirtualMachineId=x&Details[0].cpuNumber=4&details[1].note=n", b"");
        assert_eq!(parameters.get("virtualmachineid"), Some("x"));
        let details = parameters.entries("details");
        assert_eq!(details[&0]["cpuNumber"], "4");
        assert_eq!(details[&1]["note"], "n");
    }

    #[test]
    fn malformed_maps_and_control_characters_are_refused() {
        let code = |query: &str| Parameters::read(query, b"").check().map_err(|error| error.code);
        assert_eq!(code("details[0].a=1"), Ok(()));
        assert_eq!(code("details[x].a=1"), Err(430));
        assert_eq!(code("details[0][1].a=1"), Err(430));
        assert_eq!(code("name=a%07b"), Err(431));
        assert_eq!(code("name=a%0Ab"), Ok(()));
    }
}
