//! Chance: numbers that a seed decides, from a place that can be saved and found again.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};

/// What chance decides. Each purpose has a stream of its own, so that one more draw for one of them changes nothing
/// for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Ids and MAC addresses.
    Ids,
    /// Whether a fault rule with a probability strikes.
    Faults,
    /// What a generated population looks like.
    Population,
}

/// A stream of numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Place", into = "Place")]
pub(crate) struct Chance {
    seed: u64,
    numbers: ChaCha12Rng,
}

/// Where a stream stands.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    seed: u64,
    stream: u64,
    /// How many words of 32 bits were drawn. Nobody draws 2^64 of them.
    drawn: u64,
}

impl Chance {
    /// The stream for a purpose, at its beginning.
    pub(crate) fn new(seed: u64, purpose: Purpose) -> Self {
        let stream = match purpose {
            Purpose::Ids => 0,
            Purpose::Faults => 1,
            Purpose::Population => 2,
        };
        Self::at(seed, stream)
    }

    fn at(seed: u64, stream: u64) -> Self {
        let mut numbers = ChaCha12Rng::seed_from_u64(seed);
        numbers.set_stream(stream);
        Self { seed, numbers }
    }

    /// A number from 0 to `end` - 1; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The bias is far below what a simulation can notice.
        self.next_u64().checked_rem(end).unwrap_or(0)
    }
}

impl From<Place> for Chance {
    fn from(place: Place) -> Self {
        let mut chance = Self::at(place.seed, place.stream);
        chance.numbers.set_word_pos(u128::from(place.drawn));
        chance
    }
}

impl From<Chance> for Place {
    fn from(chance: Chance) -> Self {
        Self {
            seed: chance.seed,
            stream: chance.numbers.get_stream(),
            drawn: u64::try_from(chance.numbers.get_word_pos()).unwrap_or(u64::MAX),
        }
    }
}

impl RngCore for Chance {
    fn next_u32(&mut self) -> u32 {
        self.numbers.next_u32()
    }
    fn next_u64(&mut self) -> u64 {
        self.numbers.next_u64()
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.numbers.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_goes_on_from_where_it_was_saved() {
        let mut chance = Chance::new(7, Purpose::Ids);
        let mut id = [0; 16];
        let mut mac = [0; 4];
        for _ in 0..37 {
            chance.fill_bytes(&mut id);
            chance.fill_bytes(&mut mac);
        }
        let text = serde_json::to_string(&chance).unwrap();
        let mut read: Chance = serde_json::from_str(&text).unwrap();
        assert_eq!(chance.next_u64(), read.next_u64());
    }

    #[test]
    fn purposes_and_seeds_have_their_own_numbers() {
        let first = |seed, purpose| Chance::new(seed, purpose).next_u64();
        let ids = first(1, Purpose::Ids);
        assert_eq!(ids, first(1, Purpose::Ids));
        assert_ne!(ids, first(1, Purpose::Faults));
        assert_ne!(ids, first(2, Purpose::Ids));
    }
}
