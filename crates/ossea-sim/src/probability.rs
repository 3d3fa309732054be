//! How probable it is that a fault strikes.

use serde::{Deserialize, Serialize};

use crate::cloud::chance::Chance;

/// A probability, from 0 to 1 in steps of a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(u32);

const MILLION: u32 = 1_000_000;

/// A number that is no [`Probability`].
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is no probability, wanted is a number from 0 to 1")]
pub struct NotAProbability(f64);

impl Probability {
    /// So many of a hundred; more than 100 are 100.
    pub fn percent(percent: u32) -> Self {
        Self(percent.min(100) * (MILLION / 100))
    }

    pub(crate) fn happens(self, chance: &mut Chance) -> bool {
        chance.below(MILLION.into()) < self.0.into()
    }
}

impl TryFrom<f64> for Probability {
    type Error = NotAProbability;
    fn try_from(number: f64) -> Result<Self, NotAProbability> {
        if (0.0..=1.0).contains(&number) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the product is between 0 and a million"
            )]
            Ok(Self((number * f64::from(MILLION)).round() as u32))
        } else {
            Err(NotAProbability(number))
        }
    }
}
impl From<Probability> for f64 {
    fn from(probability: Probability) -> f64 {
        f64::from(probability.0) / f64::from(MILLION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::chance::Purpose;

    #[test]
    fn a_probability_is_kept_to_a_millionth_and_its_bounds_are_certain() {
        for number in [0.0, 0.000_001, 0.25, 1.0] {
            let read = Probability::try_from(number).unwrap();
            assert!((f64::from(read) - number).abs() < 1e-9, "{number}");
        }
        for bad in [-0.1, 1.000_1, f64::NAN] {
            assert!(Probability::try_from(bad).is_err(), "{bad}");
        }
        let mut chance = Chance::new(1, Purpose::Faults);
        assert!((0..1000).all(|_| Probability::percent(100).happens(&mut chance)));
        assert!(!(0..1000).any(|_| Probability::percent(0).happens(&mut chance)));
    }
}
