//! The command line. What it says wins over the configuration file and the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use failover_config::{CommonArgs, Mistake, Outcome, SimConfig, SimProfile, SimSettings};

use crate::contents;

/// A simulated Apache CloudStack.
///
/// Serves the CloudStack API at /client/api and, on a port of its own, switches for tests under /admin.
/// When it listens it prints one line of JSON with the URLs of both.
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
    /// Where chance begins [default: 1].
    #[arg(long)]
    seed: Option<u64>,
    /// The factor for all durations: 1 is real time, 0 is at once [default: 1].
    #[arg(long, value_name = "FACTOR", value_parser = latency_scale)]
    latency_scale: Option<f64>,
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
        SimSettings {
            listen: self.listen.unwrap_or(settings.listen),
            admin_listen: self.admin_listen.or(settings.admin_listen),
            contents: self.contents.clone().or_else(|| settings.contents.clone()),
            profile: profile.unwrap_or(settings.profile),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_scale_is_a_number_from_0_to_100() {
        assert_eq!(latency_scale("0.01"), Ok(0.01));
        for bad in ["-1", "101", "NaN", "fast"] {
            assert!(latency_scale(bad).is_err(), "{bad}");
        }
    }
}
