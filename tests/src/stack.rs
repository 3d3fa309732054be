//! The whole stack on this machine: simulated cloud, API and worker as separate processes.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::api::Api;
use crate::cloud::Cloud;
use crate::process::Group;
use crate::sample::Target;
use crate::secret;
use crate::server::{Binaries, Server};

/// How often a refused step of the way there is tried in a stack: fewer times than in production, because a
/// simulated cloud that refuses does so on purpose.
pub const FORWARD_ATTEMPTS: u32 = 2;

/// Where jobs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A fresh SQLite file in the stack's directory.
    Sqlite,
    /// A URL, such as that of a PostgreSQL database.
    Url(String),
}

/// How fast the simulated cloud is, and everybody with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// For a person who watches: the cloud is faster than a real one by this factor.
    Watched {
        /// 1 is real time.
        faster: f64,
    },
    /// For tests: most work takes a fraction of a second.
    Hurried,
    /// The worker has the settings that it has when nobody changes them; the cloud is ten times faster than a real one.
    AsShipped,
}

impl Pace {
    /// The factor for the durations of the simulated cloud.
    fn latency_scale(self) -> f64 {
        match self {
            Pace::Watched { faster } => 1.0 / faster,
            Pace::Hurried => 0.01,
            Pace::AsShipped => 0.1,
        }
    }

    /// How long requests are valid, as a line of TOML: so long does a worker wait for one that was lost.
    fn validity(self) -> &'static str {
        match self {
            Pace::Watched { .. } | Pace::AsShipped => "",
            Pace::Hurried => "signature_ttl = \"3s\"\n",
        }
    }

    /// The worker's settings that go with it, as lines of TOML.
    fn worker_settings(self) -> &'static str {
        match self {
            Pace::AsShipped => "",
            Pace::Watched { .. } => {
                "poll_interval = \"200ms\"\ncloud_poll_min = \"200ms\"\ncloud_poll_max = \"1s\"\n\
                 retry_min = \"1s\"\nretry_max = \"5s\"\nboot_steady = \"2s\"\n"
            }
            Pace::Hurried => {
                "poll_interval = \"50ms\"\ncloud_poll_min = \"50ms\"\ncloud_poll_max = \"200ms\"\n\
                 retry_min = \"100ms\"\nretry_max = \"1s\"\nlease = \"2s\"\nboot_steady = \"200ms\"\nlost_after = \"5s\"\n\
                 health_interval = \"1s\"\n"
            }
        }
    }
}

/// What a stack is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The programs.
    pub binaries: Binaries,
    /// Where configuration, secrets, outputs and the SQLite file go. It exists.
    pub directory: PathBuf,
    /// Where jobs are kept.
    pub database: Database,
    /// How fast the cloud is.
    pub pace: Pace,
    /// Who hears Ctrl-C.
    pub group: Group,
    /// Which lines API and worker log, such as `info`.
    pub log_filter: &'static str,
}

/// The secrets of one stack.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// The cloud's API key.
    pub api_key: String,
    /// The cloud's secret key.
    pub secret_key: String,
    /// The API's bearer token.
    pub token: String,
}

/// A running stack. Dropping it stops all of it, the worker first.
#[derive(Debug)]
pub struct Stack {
    // The order matters: fields are dropped from the first to the last.
    worker: Option<Server>,
    api: Option<Server>,
    sim: Server,
    settings: Settings,
    secrets: Secrets,
}

impl Stack {
    /// Starts simulator, API and worker, in this order, and waits until all are up.
    ///
    /// # Errors
    /// When one of them does not get up; then none is left running.
    pub fn start(settings: Settings) -> anyhow::Result<Self> {
        let mut stack = Self::start_without_worker(settings)?;
        stack.start_worker()?;
        Ok(stack)
    }

    /// Starts simulator and API: jobs stay pending until [`Stack::start_worker`].
    ///
    /// # Errors
    /// When one of them does not get up; then none is left running.
    pub fn start_without_worker(settings: Settings) -> anyhow::Result<Self> {
        Self::start_before(settings, |endpoint| Ok(endpoint.to_owned()))
    }

    /// The same, with the cloud asked at the address that `door` gives for its own, such as that of a proxy.
    ///
    /// # Errors
    /// When one of them does not get up, or there is no door; then none is left running.
    pub fn start_before(
        settings: Settings,
        door: impl FnOnce(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<Self> {
        let secrets = Secrets {
            api_key: secret::fresh()?,
            secret_key: secret::fresh()?,
            token: secret::fresh()?,
        };
        let site = Site {
            settings: &settings,
            secrets: &secrets,
        };
        site.write_secrets()?;
        site.write("ossea-sim.toml", &site.sim_config())?;
        let sim = site.start("ossea-sim", "ossea-sim.toml")?;
        let endpoint = door(sim.said("api_url")?)?;
        site.write(CONFIG, &site.config(&endpoint)?)?;
        let api = Some(site.start("failover-api", CONFIG)?);
        Ok(Self {
            worker: None,
            api,
            sim,
            settings,
            secrets,
        })
    }

    /// Starts a worker, if none runs.
    ///
    /// # Errors
    /// When it does not get up.
    pub fn start_worker(&mut self) -> anyhow::Result<()> {
        if self.worker.is_none() {
            self.worker = Some(self.site().start("failover-worker", CONFIG)?);
        }
        Ok(())
    }

    /// Starts one more worker, which is the caller's to guard. What it writes goes into files named after `name`.
    ///
    /// # Errors
    /// When it does not get up.
    pub fn further_worker(&self, name: &str) -> anyhow::Result<Server> {
        self.starter().start(name, "failover-worker")
    }

    /// What starts further servers of this stack, wherever it is taken.
    pub fn starter(&self) -> Starter {
        Starter {
            settings: self.settings.clone(),
            secrets: self.secrets.clone(),
        }
    }

    /// Starts an API, if none runs. It may listen elsewhere than the one before: [`Stack::api`] tells.
    ///
    /// # Errors
    /// When it does not get up.
    pub fn start_api(&mut self) -> anyhow::Result<()> {
        if self.api.is_none() {
            self.api = Some(self.site().start("failover-api", CONFIG)?);
        }
        Ok(())
    }

    /// Kills the worker at once, as a power cut would.
    ///
    /// # Errors
    /// When none runs.
    pub fn kill_worker(&mut self) -> anyhow::Result<()> {
        kill(&mut self.worker.take().context("no worker runs")?)
    }

    /// Kills the API at once, as a power cut would.
    ///
    /// # Errors
    /// When none runs.
    pub fn kill_api(&mut self) -> anyhow::Result<()> {
        kill(&mut self.api.take().context("no API runs")?)
    }

    /// Kills the simulated cloud at once: from now on nobody answers at its address.
    ///
    /// # Errors
    /// When it does not end, or has ended by itself before.
    pub fn kill_cloud(&mut self) -> anyhow::Result<()> {
        kill(&mut self.sim)
    }

    /// Lets all of it go on without a guard.
    pub fn leave_running(self) {
        for server in self.worker.into_iter().chain(self.api).chain([self.sim]) {
            server.leave_running();
        }
    }

    /// The servers that run, for their names and process ids.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        [&self.sim].into_iter().chain(&self.api).chain(&self.worker)
    }

    /// The first server that has ended by itself, with the last lines that it wrote.
    ///
    /// # Errors
    /// When a server cannot be asked about.
    pub fn ended(&mut self) -> anyhow::Result<Option<(String, String)>> {
        let servers = [&mut self.sim].into_iter().chain(&mut self.api);
        for server in servers.chain(&mut self.worker) {
            if server.process().ended()?.is_some() {
                return Ok(Some((server.name().to_owned(), server.end_of_output())));
            }
        }
        Ok(None)
    }

    /// The API, for a caller with the right token.
    ///
    /// # Errors
    /// When no API runs, or it did not say where it listens.
    pub fn api(&self) -> anyhow::Result<Api> {
        Ok(Api::new(self.api_url()?, &self.secrets.token))
    }

    /// Where the API listens.
    ///
    /// # Errors
    /// When no API runs, or it did not say.
    pub fn api_url(&self) -> anyhow::Result<&str> {
        self.api.as_ref().context("no API runs")?.said("listening")
    }

    /// The simulated cloud's switches.
    ///
    /// # Errors
    /// When the simulator did not say where they are.
    pub fn cloud(&self) -> anyhow::Result<Cloud> {
        Ok(Cloud::new(self.sim.said("admin_url")?))
    }

    /// Where the simulated CloudStack answers.
    ///
    /// # Errors
    /// When the simulator did not say.
    pub fn cloud_url(&self) -> anyhow::Result<&str> {
        self.sim.said("api_url")
    }

    /// A command of `failoverctl` that speaks to this API.
    ///
    /// # Errors
    /// When it was not built, or no API runs.
    pub fn failoverctl(&self) -> anyhow::Result<Command> {
        let mut command = self.settings.binaries.command("failoverctl")?;
        command
            .arg("--config")
            .arg(self.config())
            .args(["--api", self.api_url()?]);
        Ok(command)
    }

    /// The configuration file of API, worker and `failoverctl`.
    pub fn config(&self) -> PathBuf {
        self.settings.directory.join(CONFIG)
    }

    /// The secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The directory with everything.
    pub fn directory(&self) -> &Path {
        &self.settings.directory
    }

    fn site(&self) -> Site<'_> {
        Site {
            settings: &self.settings,
            secrets: &self.secrets,
        }
    }
}

/// Starts servers with the configuration of a stack that was started.
#[derive(Debug, Clone)]
pub struct Starter {
    settings: Settings,
    secrets: Secrets,
}

impl Starter {
    /// Starts an API or a worker, which is the caller's to guard, and waits until it is up. What it writes goes into files
    /// named after `name`.
    ///
    /// # Errors
    /// When it does not get up.
    pub fn start(&self, name: &str, program: &str) -> anyhow::Result<Server> {
        let site = Site {
            settings: &self.settings,
            secrets: &self.secrets,
        };
        site.start_as(name, program, CONFIG)
    }
}

/// Kills a server, and insists that it lived until then.
fn kill(server: &mut Server) -> anyhow::Result<()> {
    let status = server.process().kill()?;
    ensure!(
        !status.success(),
        "{} ended by itself before it was killed",
        server.name()
    );
    Ok(())
}

/// One file configures API, worker and `failoverctl`.
const CONFIG: &str = "failover.toml";

/// The files of a stack.
struct Site<'a> {
    settings: &'a Settings,
    secrets: &'a Secrets,
}

impl Site<'_> {
    fn start(&self, program: &str, config: &str) -> anyhow::Result<Server> {
        self.start_as(program, program, config)
    }

    fn start_as(&self, name: &str, program: &str, config: &str) -> anyhow::Result<Server> {
        let mut command = self.settings.binaries.command(program)?;
        command
            .arg("--config")
            .arg(self.path(config))
            .current_dir(&self.settings.directory);
        Server::start(name, command, &self.settings.directory, self.settings.group)
    }

    fn write_secrets(&self) -> anyhow::Result<()> {
        let Secrets {
            api_key,
            secret_key,
            token,
        } = self.secrets;
        let mut files = vec![("api-key", api_key), ("secret-key", secret_key), ("token", token)];
        if let Database::Url(url) = &self.settings.database {
            files.push(("database-url", url));
        }
        for (name, secret) in files {
            let path = self.path(name);
            // A file that is there already keeps its permissions, so it goes first.
            let _ = fs::remove_file(&path);
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let written = options
                .open(&path)
                .and_then(|mut file| file.write_all(secret.as_bytes()));
            written.with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn sim_config(&self) -> String {
        format!(
            "[sim]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nlatency_scale = {:.6}\n\
             api_key_file = {:?}\nsecret_key_file = {:?}\n",
            self.settings.pace.latency_scale(),
            self.path("api-key"),
            self.path("secret-key"),
        )
    }

    fn config(&self, endpoint: &str) -> anyhow::Result<String> {
        let Target {
            oma,
            oma_mac: _,
            zone,
            offering,
            template,
        } = Target::read()?;
        let database = match &self.settings.database {
            Database::Sqlite => format!(
                "url = {:?}",
                format!("sqlite:{}", self.path("failover.sqlite").display())
            ),
            Database::Url(_) => format!("url_file = {:?}", self.path("database-url")),
        };
        let validity = self.settings.pace.validity();
        let worker = self.settings.pace.worker_settings();
        let log = self.settings.log_filter;
        Ok(format!(
            "[database]\n{database}\n\n\
             [ossea]\nendpoint = {endpoint:?}\napi_key_file = {:?}\nsecret_key_file = {:?}\n\
             requests_per_second = 1000\nbreaker_rest = \"1s\"\n{validity}\n\
             [target]\noma_vm_id = {oma:?}\nzone_id = {zone:?}\nservice_offering_id = {offering:?}\n\
             template_id = {template:?}\n\n\
             [server]\nlisten = \"127.0.0.1:0\"\ntoken_file = {:?}\n\n\
             [client]\ntoken_file = {:?}\n\n\
             [worker]\nforward_attempts = {FORWARD_ATTEMPTS}\n{worker}\n\
             [log]\nfilter = {log:?}\n",
            self.path("api-key"),
            self.path("secret-key"),
            self.path("token"),
            self.path("token"),
        ))
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.settings.directory.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_toml_and_holds_no_secret() {
        let url = "postgres://me:hush@127.0.0.1/db".to_owned();
        let settings = Settings {
            binaries: Binaries::in_directory("/nowhere"),
            directory: "/tmp/x".into(),
            database: Database::Url(url),
            pace: Pace::Hurried,
            group: Group::Shared,
            log_filter: "info",
        };
        let secrets = Secrets {
            api_key: "hush-1".into(),
            secret_key: "hush-2".into(),
            token: "hush-3".into(),
        };
        let site = Site {
            settings: &settings,
            secrets: &secrets,
        };
        for text in [
            site.sim_config(),
            site.config("http://127.0.0.1:1/client/api").unwrap(),
        ] {
            assert!(text.parse::<toml::Table>().is_ok(), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
    }
}
