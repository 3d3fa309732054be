//! `ossea`: the cloud itself.

use clap::{Args, Subcommand};
use failover_domain::{IdError, MacAddress, ZoneId};

/// What can be asked about the cloud. Nothing is changed by any of it.
#[derive(Debug, Subcommand)]
pub(crate) enum OsseaCommand {
    /// Whether failovers can succeed in this cloud at all, and what is missing. Exit code 5 when a critical check
    /// failed.
    Check,
    /// Version, settings and permissions of the cloud, and how old this knowledge is.
    Capabilities {
        /// Ask the cloud anew instead of showing what it told some minutes ago.
        #[arg(long)]
        refresh: bool,
    },
    /// The zones.
    Zones,
    /// The networks of a zone.
    Networks(ZoneArgs),
    /// The service offerings.
    Offerings,
    /// The templates of a zone.
    Templates(ZoneArgs),
    /// Find the VM of the OMA by the MAC addresses of its cards. Exit code 4 unless exactly one VM has them.
    FindOma {
        /// A MAC address of the OMA, as `ip link` shows it there. Repeatable, or several with commas.
        #[arg(long, required = true, value_name = "MAC", value_delimiter = ',', value_parser = mac)]
        mac: Vec<MacAddress>,
    },
}

/// Which zone.
#[derive(Debug, Args)]
pub(crate) struct ZoneArgs {
    /// Id of the zone, instead of the configured one.
    #[arg(long, value_name = "ID", value_parser = zone)]
    pub(crate) zone: Option<ZoneId>,
}

fn mac(text: &str) -> Result<MacAddress, String> {
    text.trim().parse().map_err(|e: IdError| e.to_string())
}

fn zone(text: &str) -> Result<ZoneId, String> {
    text.parse().map_err(|e: IdError| e.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(line: &[&str]) -> Result<OsseaCommand, clap::Error> {
        let cli = Cli::try_parse_from(["failoverctl", "ossea"].iter().chain(line))?;
        match cli.command {
            Some(Command::Ossea(command)) => Ok(command),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn addresses_come_one_by_one_or_with_commas() {
        let line = [
            "find-oma",
            "--mac",
            "02-03-00-FA-11-01,02:03:00:fa:11:02",
            "--mac",
            "02:03:00:fa:11:03",
        ];
        let OsseaCommand::FindOma { mac } = parse(&line).unwrap() else {
            panic!()
        };
        let shown: Vec<&str> = mac.iter().map(MacAddress::as_str).collect();
        assert_eq!(
            shown,
            ["02:03:00:fa:11:01", "02:03:00:fa:11:02", "02:03:00:fa:11:03"]
        );
    }

    #[test]
    fn wrong_values_say_what_is_allowed() {
        for (line, allowed) in [
            (&["find-oma"][..], "--mac"),
            (&["find-oma", "--mac", "eth0"], "six pairs"),
            (&["networks", "--zone", "a/b"], "letters, digits"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(allowed), "{line:?}: {error}");
        }
    }
}
