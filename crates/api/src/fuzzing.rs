//! A door for what callers may write: durations, inventory files, mappings.
//!
//! It exists for fuzzing only. Ordinary tests send the seed corpus and random bytes through it. Whatever comes in is taken or
//! refused with words; what is taken must mean the same when it is written out and read again.

use std::time::Duration;

use chrono::DateTime;
use failover_domain::Provenance;
use failover_domain::inventory::InventoryFile;

use crate::dto::{MappingRequest, MappingUpdate};
use crate::extract::time;

/// What became of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Taken,
    /// It was refused, in words.
    Refused,
}

/// Reads a duration as bodies have it.
pub fn read_duration(input: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(input) else {
        return Outcome::Refused;
    };
    let bounds = Duration::from_secs(10)..=Duration::from_secs(90 * 24 * 3600);
    match time("field", text, bounds.clone(), "") {
        Ok(read) => {
            assert!(bounds.contains(&read), "{text:?} is {read:?}");
            let written = humantime::format_duration(read).to_string();
            let again = time("field", &written, bounds, "").ok();
            assert_eq!(again, Some(read), "{text:?} is written as {written:?}");
            Outcome::Taken
        }
        Err(error) => refused(&error.problem.detail),
    }
}

/// Reads an inventory file and checks every VM of it.
pub fn read_inventory(input: &[u8]) -> Outcome {
    let file: InventoryFile = match serde_json::from_slice(input) {
        Ok(file) => file,
        Err(error) => return refused(&error.to_string()),
    };
    let written = serde_json::to_vec(&file).expect("a file that was read can be written");
    let again: InventoryFile = serde_json::from_slice(&written).expect("what is written can be read");
    assert_eq!(again, file);
    let mut outcome = Outcome::Taken;
    for report in file.vms {
        let provenance = Provenance {
            source: "fuzzing".to_owned(),
            recorded_at: DateTime::UNIX_EPOCH,
        };
        let disks = report.disks.len();
        match report.into_source_vm(provenance) {
            Ok(vm) => {
                assert_eq!(vm.disks.len(), disks);
                assert!(vm.disks.is_sorted_by_key(|disk| disk.position));
            }
            Err(mistakes) => {
                assert!(!mistakes.is_empty());
                for mistake in mistakes {
                    outcome = refused(&mistake.to_string());
                }
            }
        }
    }
    outcome
}

/// Reads a mapping in both of its forms.
pub fn read_mapping(input: &[u8]) -> Outcome {
    let request = serde_json::from_slice::<MappingRequest>(input);
    let update = serde_json::from_slice::<MappingUpdate>(input);
    match (request, update) {
        (Ok(request), Err(_)) => {
            let written = serde_json::to_vec(&request).expect("a mapping that was read can be written");
            assert_eq!(
                serde_json::from_slice::<MappingRequest>(&written).ok(),
                Some(request)
            );
            Outcome::Taken
        }
        (Err(_), Ok(update)) => {
            let written = serde_json::to_vec(&update).expect("a mapping that was read can be written");
            assert_eq!(
                serde_json::from_slice::<MappingUpdate>(&written).ok(),
                Some(update)
            );
            Outcome::Taken
        }
        (Ok(_), Ok(_)) => panic!("one body has the fields of both forms, and neither takes unknown ones"),
        (Err(error), Err(_)) => refused(&error.to_string()),
    }
}

fn refused(words: &str) -> Outcome {
    assert!(!words.is_empty());
    Outcome::Refused
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    type Door = fn(&[u8]) -> Outcome;

    const DOORS: [(&str, Door); 3] = [
        ("duration", read_duration),
        ("inventory", read_inventory),
        ("mapping", read_mapping),
    ];

    fn corpus(door: &str) -> Vec<(String, Vec<u8>)> {
        let directory = format!("{}/../../fuzz/corpus/{door}", env!("CARGO_MANIFEST_DIR"));
        let entries = fs::read_dir(directory).unwrap();
        let read = |entry: std::io::Result<fs::DirEntry>| {
            let path = entry.unwrap().path();
            (path.display().to_string(), fs::read(&path).unwrap())
        };
        entries.map(read).collect()
    }

    #[test]
    fn every_seed_is_taken_or_refused_as_its_name_says() {
        for (name, door) in DOORS {
            let seeds = corpus(name);
            assert!(seeds.len() >= 5, "{name}: {}", seeds.len());
            for (path, input) in seeds {
                let expected = if path.contains("-bad") {
                    Outcome::Refused
                } else {
                    Outcome::Taken
                };
                assert_eq!(door(&input), expected, "{path}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            for (_, door) in DOORS {
                door(&input);
            }
        }

        #[test]
        fn no_damage_to_a_seed_is_too_much(
            number in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            damage in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            for (name, door) in DOORS {
                let seeds = corpus(name);
                let mut input = seeds[number.index(seeds.len())].1.clone();
                let at = at.index(input.len().max(1)).min(input.len());
                input.splice(at..at, damage.iter().copied());
                door(&input);
            }
        }

        #[test]
        fn durations_in_any_unit_are_read_back(number in 0_u64..100_000, unit in "(ms|s|m|h|days|weeks| s| min)") {
            read_duration(format!("{number}{unit}").as_bytes());
        }
    }
}
