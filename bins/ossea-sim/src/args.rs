//! The command line. What it says wins over the configuration file and the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use failover_config::{
    CommonArgs, Mistake, Outcome, SimConfig, SimProfile, SimScope, SimSettings, SimStorage,
};
use ossea_sim::{ApiLimit, Population, PostEnforcement, Role};

use crate::contents;
use crate::switches::Switches;

/// A simulated Apache CloudStack.
///
/// Serves the CloudStack API at /client/api and, on a port of its own, switches for tests under /admin.
/// When it listens it prints one line of JSON with the URLs of both. docs/ossea-sim.md has examples.
///
/// Settings come from the command line, from FAILOVER__SIM__KEY in the environment, or from section [sim] of
/// the configuration file, in this order. Secrets come from the environment or from files only
/// (FAILOVER__SIM__API_KEY, FAILOVER__SIM__SECRET_KEY, or sim.api_key_file and sim.secret_key_file); without them the
/// pair for development is accepted: ossea-sim-development-api-key, ossea-sim-development-secret-key.
#[derive(Debug, Parser)]
#[command(name = "ossea-sim", version)]
pub(crate) struct Args {
    #[command(flatten)]
    common: CommonArgs,
    /// Where the CloudStack API is served; port 0 takes a free one [default: 127.0.0.1:8085].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where the switches for tests are served; not at all when left out.
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// What is in the cloud at first (TOML); the built-in sample when left out.
    #[arg(long, value_name = "FILE")]
    contents: Option<PathBuf>,
    /// Which CloudStack releases are simulated [default: 4.22].
    #[arg(long, value_parser = ["4.18", "4.21", "4.22"])]
    profile: Option<String>,
    /// The kind of all storage pools [default: as the contents say].
    #[arg(long, value_parser = ["nfs", "rbd", "managed"])]
    storage: Option<String>,
    /// Who reaches all storage pools [default: as the contents say].
    #[arg(long, value_parser = ["zone", "cluster"])]
    scope: Option<String>,
    /// Where chance begins [default: 1].
    #[arg(long)]
    seed: Option<u64>,
    /// The factor for all durations: 1 is real time, 0 is at once [default: 1].
    #[arg(long, value_name = "FACTOR", value_parser = latency_scale)]
    latency_scale: Option<f64>,
    #[command(flatten)]
    only_here: OnlyHere,
}

/// What is given on the command line only.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct OnlyHere {
    /// What the caller may do; limits and masked errors exist for plain users only.
    #[arg(long, value_parser = role, default_value = "root-admin", value_name = "root-admin|user")]
    pub(crate) role: Role,
    /// Limit the calls of plain users, as api.throttling.max in api.throttling.interval does.
    #[arg(long, value_name = "CALLS/SECONDS", value_parser = api_limit)]
    pub(crate) throttle: Option<ApiLimit>,
    /// Refuse changes by GET and far expiries, as enforce.post.requests.and.timestamps does from 4.21 on.
    #[arg(long)]
    enforce_post: bool,
    #[command(flatten)]
    pub(crate) switches: Switches,
    /// Let requests bring their faults along in the header X-Ossea-Sim-Fault.
    #[arg(long)]
    pub(crate) faults_by_request: bool,
    /// Add VMs with volumes, such as vms=10000,volumes-per-vm=3; the seed decides about the rest.
    #[arg(long, value_name = "VMS,VOLUMES")]
    pub(crate) populate: Option<Population>,
    /// Go on with a cloud that was saved, whatever contents, storage, profile, seed and scale the configuration has.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "contents", "profile", "storage", "scope", "seed", "latency_scale", "role", "throttle", "enforce_post",
            "populate",
        ],
        conflicts_with_all = Switches::FLAGS
    )]
    pub(crate) load_state: Option<PathBuf>,
    /// Save the cloud to this file, at the start to show that it can be written, and when the simulator is stopped.
    #[arg(long, value_name = "FILE")]
    pub(crate) save_state: Option<PathBuf>,
}

impl OnlyHere {
    pub(crate) fn post_enforcement(&self) -> PostEnforcement {
        match self.enforce_post {
            true => PostEnforcement::On,
            false => PostEnforcement::Off,
        }
    }
}

impl Args {
    /// Reads the configuration with the command line on top.
    pub(crate) fn load(&self) -> Outcome<SimConfig> {
        let outcome = self.common.load(|config: &SimConfig| self.mistakes(&config.sim));
        match outcome {
            Outcome::Run(mut loaded) => {
                loaded.config.sim = self.on_top_of(&loaded.config.sim);
                Outcome::Run(loaded)
            }
            Outcome::Exit(code) => Outcome::Exit(code),
        }
    }

    /// What is given on the command line only.
    pub(crate) fn only_here(&self) -> &OnlyHere {
        &self.only_here
    }

    fn mistakes(&self, settings: &SimSettings) -> Vec<Mistake> {
        let contents = contents::read(self.on_top_of(settings).contents.as_deref());
        let mistake = contents.err().map(|error| Mistake {
            path: "sim.contents".to_owned(),
            message: format!("cannot be used: {error:#}"),
            origin: None,
        });
        mistake.into_iter().collect()
    }

    fn on_top_of(&self, settings: &SimSettings) -> SimSettings {
        let profile = self.profile.as_deref().and_then(|text| {
            [SimProfile::V4_18, SimProfile::V4_21, SimProfile::V4_22]
                .into_iter()
                .find(|p| p.as_str() == text)
        });
        let storage = self
            .storage
            .as_deref()
            .and_then(|text| SimStorage::ALL.into_iter().find(|s| s.as_str() == text));
        let scope = self
            .scope
            .as_deref()
            .and_then(|text| SimScope::ALL.into_iter().find(|s| s.as_str() == text));
        SimSettings {
            listen: self.listen.unwrap_or(settings.listen),
            admin_listen: self.admin_listen.or(settings.admin_listen),
            contents: self.contents.clone().or_else(|| settings.contents.clone()),
            profile: profile.unwrap_or(settings.profile),
            storage: storage.or(settings.storage),
            scope: scope.or(settings.scope),
            seed: self.seed.unwrap_or(settings.seed),
            latency_scale: self.latency_scale.unwrap_or(settings.latency_scale),
            credentials: settings.credentials.clone(),
        }
    }
}

fn latency_scale(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|scale| (0.0..=100.0).contains(scale))
        .ok_or_else(|| "wanted is a number from 0 to 100".to_owned())
}

fn role(text: &str) -> Result<Role, String> {
    match text {
        "root-admin" => Ok(Role::RootAdmin),
        "user" => Ok(Role::User),
        _ => Err("wanted is root-admin or user".to_owned()),
    }
}

fn api_limit(text: &str) -> Result<ApiLimit, String> {
    let parsed = text.split_once('/').and_then(|(max, interval_seconds)| {
        Some(ApiLimit {
            max: max.parse().ok()?,
            interval_seconds: interval_seconds.parse().ok()?,
        })
    });
    parsed
        .filter(|limit| limit.max > 0 && limit.interval_seconds > 0)
        .ok_or_else(|| "wanted are two numbers from 1 on, such as 25/1".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_limit_is_calls_in_seconds() {
        let limit = ApiLimit {
            max: 25,
            interval_seconds: 2,
        };
        assert_eq!(api_limit("25/2"), Ok(limit));
        for bad in ["25", "25/", "/1", "0/1", "25/0", "-1/1", "a/b"] {
            assert!(api_limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_loaded_cloud_takes_no_other_contents() {
        let parsed = |more: &[&str]| {
            let all = ["ossea-sim", "--load-state", "cloud.json"].iter().chain(more);
            Args::try_parse_from(all).is_ok()
        };
        assert!(parsed(&["--save-state", "cloud.json", "--faults-by-request"]));
        for other in [
            &["--seed", "2"][..],
            &["--profile", "4.18"],
            &["--populate", "vms=1"],
            &["--latency-scale", "0"],
            &["--role", "user"],
            &["--storage", "rbd"],
            &["--scope", "cluster"],
            &["--contents", "cloud.toml"],
            &["--throttle", "25/1"],
            &["--enforce-post"],
            &["--wording", "vm"],
            &["--allow-user-expunge-recover-vm", "true"],
            &["--allow-user-force-stop-vm", "false"],
            &["--kvm-snapshot-enabled", "false"],
            &["--kvm-vmstoragesnapshot-enabled", "false"],
        ] {
            assert!(!parsed(other), "{other:?}");
        }
    }

    #[test]
    fn a_scale_is_a_number_from_0_to_100() {
        assert_eq!(latency_scale("0.01"), Ok(0.01));
        for bad in ["-1", "101", "NaN", "fast"] {
            assert!(latency_scale(bad).is_err(), "{bad}");
        }
    }
}
