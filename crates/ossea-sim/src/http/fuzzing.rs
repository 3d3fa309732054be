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
use crate::settings::SimSettings;

/// Answers a request, given as a first line with the query and the form behind it. The signature is checked, but a
/// wrong one is forgiven: hardly any made-up request would get past it.
///
/// # Panics
/// When the cloud answers what CloudStack cannot: an error whose code is no HTTP status of an error, or no text.
pub fn answer_request(input: &[u8]) -> Result<Value, ApiError> {
    let (query, form) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &input[..0]),
    };
    let parameters = Parameters::read(&String::from_utf8_lossy(query), form);
    let settings = SimSettings::default().scaled(0.0);
    let now = DateTime::UNIX_EPOCH;
    let _ = signature::verify(&parameters, &Credentials::development(), &settings, now);
    let command = parameters.plain("command");
    let envelope = answer::envelope(command, &parameters);
    let answered = dispatch(command.unwrap_or(""), &parameters, settings, now);
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
    command: &str,
    parameters: &Parameters,
    settings: SimSettings,
    now: DateTime<Utc>,
) -> Result<Value, ApiError> {
    static SAMPLE: OnceLock<SimContents> = OnceLock::new();
    parameters.check()?;
    let mut cloud = Cloud::new(SAMPLE.get_or_init(SimContents::sample), settings, now);
    if let Some(list) = lists::find(command) {
        let look = |cloud: &Cloud| (list.answer)(cloud, parameters);
        return answer_of(cloud.read(now, command, &parameters.objects(), look));
    }
    let submitted = commands::read(command, parameters, &cloud)?;
    let taken = answer_of(cloud.submit(now, parameters.get("customjobid"), submitted))?;
    Ok(accepted(&cloud, taken))
}

fn answer_of<T>(reply: Reply<T>) -> Result<T, ApiError> {
    match reply.delivery {
        Delivery::Answer(answer) | Delivery::Damaged(answer, _) => answer,
        Delivery::Garbage(_) | Delivery::Nothing => panic!("nothing goes wrong where no rule says so"),
    }
}

#[cfg(test)]
mod tests {
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
            let answered = answer_request(&input);
            assert_eq!(answered.is_err(), path.contains("-bad"), "{path}: {answered:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(input in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = answer_request(&input);
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
            let _ = answer_request(form.as_bytes());
        }
    }
}
