//! The door for made-up requests: from query and form to parameters, to a command or list, and through the cloud.
//!
//! It exists for fuzzing only. Ordinary tests send the seed corpus and random bytes through it.

use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::answer::Form;
use super::parameters::Parameters;
use super::{accepted, answer, commands, lists, signature};
use crate::cloud::error::ApiError;
use crate::cloud::{Cloud, Delivery, Reply};
use crate::contents::SimContents;
use crate::http::Credentials;
use crate::settings::{Profile, Role, SimSettings};

/// Between two requests of an input.
const SEPARATOR: &[u8] = b"\n---\n";

/// Answers requests, one after the other by the same cloud, and tells the last answer. Each is given as a first line
/// with the query and the form behind it, with a line of three hyphens between two of them. Before the first one a line
/// such as `4.18 user` may say whose cloud it is. Signatures are checked, but a wrong one is forgiven: hardly any made-up
/// request would get past it.
///
/// # Panics
/// When the cloud answers what CloudStack cannot: an error whose code is no HTTP status of an error, or no text.
pub fn answer_requests(input: &[u8]) -> Result<Value, ApiError> {
    static SAMPLE: OnceLock<SimContents> = OnceLock::new();
    let (settings, requests) = settings_of(input);
    let now = DateTime::UNIX_EPOCH;
    let mut cloud = Cloud::new(SAMPLE.get_or_init(SimContents::sample), settings, now);
    let mut rest = requests;
    while let Some(at) = rest
        .windows(SEPARATOR.len())
        .position(|window| window == SEPARATOR)
    {
        // Only the last answer is told.
        let _ = answer_request(&mut cloud, &rest[..at], now);
        rest = &rest[at + SEPARATOR.len()..];
    }
    answer_request(&mut cloud, rest, now)
}

/// The kind of cloud that an input asks for, and what is behind it.
fn settings_of(input: &[u8]) -> (SimSettings, &[u8]) {
    for profile in [Profile::V4_18, Profile::V4_21, Profile::V4_22] {
        for (role, word) in [(Role::RootAdmin, "root-admin"), (Role::User, "user")] {
            if let Some(requests) = input.strip_prefix(format!("{profile} {word}\n").as_bytes()) {
                let settings = SimSettings {
                    role,
                    ..SimSettings::of(profile)
                };
                return (settings.scaled(0.0), requests);
            }
        }
    }
    (SimSettings::default().scaled(0.0), input)
}

fn answer_request(cloud: &mut Cloud, input: &[u8], now: DateTime<Utc>) -> Result<Value, ApiError> {
    let (query, form) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &input[..0]),
    };
    let parameters = Parameters::read(&String::from_utf8_lossy(query), form);
    let settings = *cloud.settings();
    let _ = signature::verify(&parameters, &Credentials::development(), &settings, now);
    let command = parameters.plain("command");
    let envelope = answer::envelope(command, &parameters);
    let answered = dispatch(cloud, command.unwrap_or(""), &parameters, now);
    let (form, version) = (Form::wanted(&parameters), settings.profile.version());
    match &answered {
        Ok(content) => drop(answer::success(&envelope, content.clone(), form, version)),
        Err(error) => {
            assert!(
                (400..600).contains(&error.code) && !error.text.is_empty(),
                "{error:?}"
            );
            drop(answer::error(&envelope, error, form, version));
        }
    }
    answered
}

fn dispatch(
    cloud: &mut Cloud,
    command: &str,
    parameters: &Parameters,
    now: DateTime<Utc>,
) -> Result<Value, ApiError> {
    parameters.check()?;
    if let Some(list) = lists::find(command) {
        let look = |cloud: &Cloud| (list.answer)(cloud, parameters);
        return answer_of(cloud.read(now, command, &parameters.objects(), look));
    }
    let submitted = commands::read(command, parameters, cloud)?;
    let taken = answer_of(cloud.submit(now, parameters.get("customjobid"), submitted))?;
    Ok(accepted(cloud, taken))
}

fn answer_of<T>(reply: Reply<T>) -> Result<T, ApiError> {
    match reply.delivery {
        Delivery::Answer(answer) | Delivery::Damaged(answer, _) => answer,
        Delivery::Garbage(_) | Delivery::Nothing => panic!("nothing goes wrong where no rule says so"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn corpus() -> Vec<(String, Vec<u8>)> {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/simulator_request");
        let entries = std::fs::read_dir(directory).unwrap();
        entries
            .map(|entry| {
                let path = entry.unwrap().path();
                (path.display().to_string(), std::fs::read(&path).unwrap())
            })
            .collect()
    }

    #[test]
    fn every_request_of_the_corpus_is_answered_or_refused_as_its_name_says() {
        let corpus = corpus();
        assert!(corpus.len() >= 20, "{}", corpus.len());
        for (path, input) in corpus {
            let answered = answer_requests(&input);
            assert_eq!(answered.is_err(), path.contains("-bad"), "{path}: {answered:?}");
        }
    }

    #[test]
    fn every_command_is_in_the_corpus_and_answered_there() {
        let mut answered = BTreeSet::new();
        for (path, input) in corpus() {
            if path.contains("-bad") {
                continue;
            }
            let input = String::from_utf8(input).unwrap();
            let ends = input.match_indices("\n---\n").map(|(at, _)| at);
            let mut begin = 0;
            for end in ends.chain([input.len()]) {
                let answer = answer_requests(&input.as_bytes()[..end]);
                assert!(answer.is_ok(), "{path} until {end}: {answer:?}");
                let mut pairs = input[begin..end].split(['&', '\n']);
                answered.extend(
                    pairs
                        .find_map(|pair| pair.strip_prefix("command="))
                        .map(str::to_owned),
                );
                begin = end;
            }
        }
        for command in commands::names().chain(lists::names()) {
            assert!(answered.contains(command), "nothing in the corpus has {command}");
        }
    }

    #[test]
    fn requests_of_one_input_meet_the_same_cloud_of_the_kind_that_it_names() {
        let stop = "command=stopVirtualMachine&id=96a97275-4e8a-57b5-8b40-27fc35dccb1e";
        let list = "command=listVirtualMachines&id=96a97275-4e8a-57b5-8b40-27fc35dccb1e";
        let state = |input: String| {
            let answered = answer_requests(input.as_bytes()).unwrap();
            answered["virtualmachine"][0]["state"].clone()
        };
        assert_eq!(state(list.to_owned()), "Running");
        assert_eq!(state(format!("{stop}\n---\n{list}")), "Stopped");
        let version = answer_requests(b"4.18 user\ncommand=listCapabilities").unwrap();
        assert_eq!(version["capability"]["kvmsnapshotenabled"], false);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(input in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = answer_requests(&input);
        }

        #[test]
        fn no_parameters_are_too_much(
            command in prop::sample::select(&[
                "deployVirtualMachine", "attachVolume", "detachVolume", "createSnapshot", "listVolumes",
                "listVirtualMachines", "listTemplates", "listAsyncJobs", "queryAsyncJobResult", "destroyVirtualMachine",
            ][..]),
            parameters in proptest::collection::vec(
                (
                    prop::sample::select(&[
                        "id", "ids", "name", "page", "pagesize", "virtualmachineid", "deviceid", "zoneid", "networkids",
                        "details[0].memory", "iptonetworklist[0].ip", "templatefilter", "startdate", "customjobid",
                        "serviceofferingid", "templateid", "keyword", "rootdisksize", "boottype", "tags[0].key", "expires",
                    ][..]),
                    prop_oneof![".{0,12}", "[0-9]{1,20}", "[0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12}"],
                ),
                0..8,
            ),
        ) {
            let form = form_urlencoded::Serializer::new(format!("command={command}"))
                .extend_pairs(parameters)
                .finish();
            let _ = answer_requests(form.as_bytes());
        }
    }
}
