//! The door for made-up answers: from the bytes of an HTTP answer to values, through every reader.
//!
//! It exists for fuzzing only. Ordinary tests send the seed corpus and random bytes through it.

use std::collections::BTreeSet;

use failover_domain::RequestKey;
use serde_json::json;

use super::call::{Answer, Call, Effect, Reply};
use super::row::{Row, Unreadable};
use super::{commands, interpret, jobs, parse};
use crate::command::Command;
use crate::error::{ErrorClass, OsseaError};
use crate::proof::ScratchRoot;

/// Whether a reader makes a value of a row.
type Reads = fn(Row<'_>) -> bool;

/// The lists that are read, with the names of their arrays and the readers of their rows.
const LISTS: [(&str, &str, Reads); 10] = [
    ("listVirtualMachines", "virtualmachine", |row| {
        is_read(parse::vm(row))
    }),
    ("listVolumes", "volume", |row| is_read(parse::volume(row))),
    ("listSnapshots", "snapshot", |row| is_read(parse::snapshot(row))),
    ("listVMSnapshot", "vmSnapshot", |row| {
        is_read(parse::vm_snapshot(row))
    }),
    ("listStoragePools", "storagepool", |row| {
        is_read(parse::storage_pool(row))
    }),
    ("listResourceLimits", "resourcelimit", |row| {
        is_read(parse::resource_limit(row))
    }),
    ("listNetworks", "network", |row| is_read(parse::network(row))),
    ("listZones", "zone", |row| is_read(parse::zone(row))),
    ("listServiceOfferings", "serviceoffering", |row| {
        is_read(parse::service_offering(row))
    }),
    ("listTemplates", "template", |row| is_read(parse::template(row))),
];

fn is_read<T>(read: Result<T, Unreadable>) -> bool {
    read.inspect_err(|why| drop(why.to_string())).is_ok()
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// An answer, in which so many values were found.
    Read(usize),
    /// No answer, or a refusal.
    Failed(OsseaError),
}

/// Reads an HTTP answer, given as a first line `COMMAND STATUS` and the body behind it. A first line of another form
/// stands for `listVolumes 200`.
///
/// # Panics
/// When a rule of the client is broken: a change whose answer cannot be read has an unknown outcome, and a read never
/// has one.
pub fn read_answer(input: &[u8]) -> Outcome {
    let (head, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (&input[..0], input),
    };
    let head = String::from_utf8_lossy(head);
    let (command, status) = head.split_once(' ').unwrap_or(("listVolumes", "200"));
    let reply = Reply {
        status: status.trim().parse().unwrap_or(200),
        date: None,
        retry_after: None,
        body: body.to_vec(),
    };
    match of_a_change(command) {
        Some((name, change)) => changed(name, &change, &reply),
        None => looked_up(command, &reply),
    }
}

/// One command of each manner: with a job, with a job and an object, and without a job.
fn of_a_change(command: &str) -> Option<(&'static str, Command)> {
    let id = "6f1f3c1e-2b9a-4c54-9d51-0f3f3b0f7a11";
    Some(match command {
        "startVirtualMachine" => {
            let vm = id.parse().expect("it is an id");
            ("startVirtualMachine", Command::StartVirtualMachine { vm })
        }
        "createSnapshot" => {
            let (volume, name) = (id.parse().expect("it is an id"), "point".to_owned());
            ("createSnapshot", Command::CreateSnapshot { volume, name })
        }
        "deleteVolume" => (
            "deleteVolume",
            Command::DeleteVolume {
                volume: scratch_root(id),
            },
        ),
        _ => return None,
    })
}

fn scratch_root(id: &str) -> ScratchRoot {
    let detached = json!({
        "id": id, "type": "DATADISK", "state": "Allocated", "size": 1, "zoneid": "z", "templateid": "t"
    });
    let fields = detached.as_object().expect("it is an object");
    let volume = parse::volume(Row::new("volume", fields)).expect("nothing is missing");
    ScratchRoot::prove(&volume, &BTreeSet::new()).expect("it is no replica")
}

fn changed(name: &'static str, command: &Command, reply: &Reply) -> Outcome {
    let key: RequestKey = "0b0e7a52-6f0e-4b8e-9a55-3a1c7f2d9e10"
        .parse()
        .expect("it is a key");
    let answer = interpret::answer(&Call::change(name, key, command.repetition(), Vec::new()), reply);
    match answer.and_then(|answer| commands::accepted(command, &answer)) {
        Ok(_) => Outcome::Read(1),
        Err(error) => {
            assert!(
                !matches!(error, OsseaError::Malformed(_) | OsseaError::Unreachable(_)),
                "a change that may have happened is to be looked after: {error:?}"
            );
            Outcome::Failed(error)
        }
    }
}

fn looked_up(command: &str, reply: &Reply) -> Outcome {
    let others = ["queryAsyncJobResult", "listCapabilities"];
    let known = LISTS.map(|(list, ..)| list).into_iter().chain(others);
    let command = known
        .into_iter()
        .find(|name| *name == command)
        .unwrap_or("listVolumes");
    let call = Call::read(command, Vec::new());
    debug_assert_eq!(call.effect, Effect::Read);
    match interpret::answer(&call, reply) {
        Ok(Answer(content)) => Outcome::Read(values(Row::new(command, &content))),
        Err(error) => {
            assert_ne!(
                error.class(),
                ErrorClass::Unknown,
                "nothing can have changed: {error:?}"
            );
            Outcome::Failed(error)
        }
    }
}

/// Counts the values that the readers find, each in its own rows and in those of the others.
fn values(answer: Row<'_>) -> usize {
    let capability = answer.object("capabilities", "capability");
    let mut found = usize::from(is_read(jobs::report(answer)))
        + usize::from(capability.is_some_and(|row| is_read(parse::capabilities(row))));
    for (_, array, _) in LISTS {
        let Ok(rows) = answer.rows(array, array) else {
            continue;
        };
        for row in rows {
            found += LISTS.iter().filter(|(_, _, read)| read(row)).count();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn corpus() -> Vec<(String, Vec<u8>)> {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/client_response");
        let entries = std::fs::read_dir(directory).unwrap();
        entries
            .map(|entry| {
                let path = entry.unwrap().path();
                (path.display().to_string(), std::fs::read(&path).unwrap())
            })
            .collect()
    }

    #[test]
    fn every_answer_of_the_corpus_is_read_or_fails_as_its_name_says() {
        let corpus = corpus();
        assert!(corpus.len() >= 20, "{}", corpus.len());
        for (path, input) in corpus {
            let outcome = read_answer(&input);
            let is_bad = path.contains("-bad");
            match outcome {
                Outcome::Read(values) => assert!(
                    !is_bad && (values > 0 || path.contains("-empty")),
                    "{path}: {values}"
                ),
                Outcome::Failed(error) => assert!(is_bad, "{path}: {error}"),
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(input in proptest::collection::vec(any::<u8>(), 0..400)) {
            read_answer(&input);
        }

        #[test]
        fn no_damage_to_a_real_answer_is_too_much(
            number in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            damage in proptest::collection::vec(any::<u8>(), 0..6),
            cut in any::<bool>(),
        ) {
            let corpus = corpus();
            let mut input = corpus[number.index(corpus.len())].1.clone();
            let at = at.index(input.len().max(1)).min(input.len());
            if cut {
                input.truncate(at);
            }
            input.splice(at..at, damage);
            read_answer(&input);
        }
    }
}
