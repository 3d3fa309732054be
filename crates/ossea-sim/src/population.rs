//! Contents by the thousand, for measuring and for lists of many pages.

use std::str::FromStr;

/// How much there is beside the contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Population {
    /// The number of VMs; every second one runs.
    pub vms: u32,
    /// The number of volumes of each, the root included.
    pub volumes_per_vm: u32,
}

/// More addresses than a network of the simulator has.
const MOST_VMS: u32 = 60_000;

/// Device 0 and the devices of data disks.
const MOST_VOLUMES: u32 = 33;

/// A text that is no [`Population`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no population: {why}; wanted is vms=NUMBER,volumes-per-vm=NUMBER with 1 to 60000 VMs and 1 to 33 volumes"
)]
pub struct NotAPopulation {
    text: String,
    why: String,
}

impl FromStr for Population {
    type Err = NotAPopulation;

    fn from_str(text: &str) -> Result<Self, NotAPopulation> {
        let refused = |why: String| NotAPopulation {
            text: text.to_owned(),
            why,
        };
        let (mut vms, mut volumes_per_vm) = (None, None);
        for part in text.split(',') {
            let (name, number) = part
                .split_once('=')
                .ok_or_else(|| refused(format!("{part:?} has no =")))?;
            let (wanted, most) = match name {
                "vms" => (&mut vms, MOST_VMS),
                "volumes-per-vm" => (&mut volumes_per_vm, MOST_VOLUMES),
                _ => return Err(refused(format!("{name:?} is unknown"))),
            };
            let number = number
                .parse::<u32>()
                .ok()
                .filter(|number| (1..=most).contains(number));
            *wanted = Some(number.ok_or_else(|| refused(format!("{name} is from 1 to {most}")))?);
        }
        Ok(Self {
            vms: vms.ok_or_else(|| refused("vms is missing".to_owned()))?,
            volumes_per_vm: volumes_per_vm.unwrap_or(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_population_is_read_and_everything_else_says_what_is_wrong() {
        let expected = Population {
            vms: 10_000,
            volumes_per_vm: 3,
        };
        assert_eq!("vms=10000,volumes-per-vm=3".parse(), Ok(expected));
        assert_eq!("vms=7".parse().map(|p: Population| p.volumes_per_vm), Ok(1));
        for (bad, why) in [
            ("", "has no ="),
            ("vms", "has no ="),
            ("volumes-per-vm=3", "vms is missing"),
            ("vms=0", "from 1 to 60000"),
            ("vms=1,volumes-per-vm=34", "from 1 to 33"),
            ("vms=1,cats=2", "\"cats\" is unknown"),
        ] {
            let error = bad.parse::<Population>().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
