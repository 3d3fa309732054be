//! A private PostgreSQL server that lives as long as its guard: own data directory, own password, a free port of
//! the loopback interface, and no durability, because nothing in it outlives the tests.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use failover_system_tests::process::{Group, Process};
use failover_system_tests::secret;
use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use crate::debian;
use crate::interrupt::Interrupt;

/// The database's superuser inside the private server.
const ROLE: &str = "failover";
/// How long the server may take to answer.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How often the server is looked at while it starts.
const LOOK: Duration = Duration::from_millis(100);
/// How many ports are tried: somebody else may take a free one before the server does.
const PORTS: usize = 5;

/// A running server.
pub(crate) struct Postgres {
    // The order matters: the server ends before its directory goes.
    server: Process,
    _directory: TempDir,
    version: String,
    url: String,
    port: u16,
}

impl Postgres {
    /// Finds or installs PostgreSQL and starts a server.
    pub(crate) fn start(interrupt: &Interrupt) -> anyhow::Result<Self> {
        let programs = Programs::find_or_install(interrupt)?;
        let user = User::unprivileged()?;
        let directory = tempfile::Builder::new()
            .prefix("failover-postgres-")
            .tempdir()
            .context("cannot make a temporary directory")?;
        let place = Place {
            programs: &programs,
            user: user.as_ref(),
            directory: directory.path(),
        };
        let password = secret::fresh()?;
        place.create_cluster(&password)?;
        for _ in 0..PORTS {
            let port = free_port()?;
            if let Some(server) = place.serve(port, interrupt)? {
                let url = format!("postgres://{ROLE}:{password}@127.0.0.1:{port}/postgres");
                let version = programs.version()?;
                return Ok(Self {
                    server,
                    _directory: directory,
                    version,
                    url,
                    port,
                });
            }
        }
        bail!("PostgreSQL does not start: {}", place.end_of_log())
    }

    /// Where its databases are, for a role that may create more of them.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Version, port and process, for people.
    pub(crate) fn description(&self) -> String {
        format!(
            "{} on 127.0.0.1:{}, process {}",
            self.version,
            self.port,
            self.server.id()
        )
    }
}

/// Where PostgreSQL's programs are.
struct Programs {
    directory: PathBuf,
}

impl Programs {
    fn find_or_install(interrupt: &Interrupt) -> anyhow::Result<Self> {
        if let Some(found) = Self::find() {
            return Ok(found);
        }
        let what = "PostgreSQL's `initdb` and `postgres`, which are neither on PATH nor in /usr/lib/postgresql/*/bin";
        debian::install(&["postgresql"], what, interrupt)?;
        Self::find()
            .context("the package `postgresql` is installed, but its programs are nowhere to be found")
    }

    fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&path).filter_map(|directory| {
            // Links on the path lead to the directory where all the programs are.
            directory
                .join("initdb")
                .canonicalize()
                .ok()?
                .parent()
                .map(Path::to_owned)
        });
        let mut installed: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .collect();
        installed.sort_by_key(|directory| std::cmp::Reverse(major_version(directory)));
        on_path
            .chain(installed)
            .find(|directory| {
                ["initdb", "postgres"]
                    .iter()
                    .all(|name| directory.join(name).is_file())
            })
            .map(|directory| Self { directory })
    }

    fn version(&self) -> anyhow::Result<String> {
        let output = Command::new(self.directory.join("postgres"))
            .arg("--version")
            .output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// The number in `/usr/lib/postgresql/15/bin`.
fn major_version(directory: &Path) -> u32 {
    let number = directory
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str()?.parse().ok());
    number.unwrap_or(0)
}

/// Whom the server runs as when we are root, which it refuses.
struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// `None` when we are unprivileged ourselves.
    fn unprivileged() -> anyhow::Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let user = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Self::named(name, &accounts));
        let user =
            user.context("there is neither a user `postgres` nor a user `nobody` to run PostgreSQL as")?;
        Ok(Some(user))
    }

    fn named(name: &str, accounts: &str) -> Option<Self> {
        let line = accounts
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some(Self {
            uid: fields.next()?.ok()?,
            gid: fields.next()?.ok()?,
        })
    }
}

/// One data directory, and who works in it.
struct Place<'a> {
    programs: &'a Programs,
    user: Option<&'a User>,
    directory: &'a Path,
}

impl Place<'_> {
    fn create_cluster(&self, password: &str) -> anyhow::Result<()> {
        let password_file = self.directory.join("password");
        fs::write(&password_file, password).context("cannot write the password file")?;
        if let Some(user) = self.user {
            for path in [self.directory, &password_file] {
                chown(path, Some(user.uid), Some(user.gid))
                    .with_context(|| format!("cannot give {} to PostgreSQL's user", path.display()))?;
            }
        }
        let output = self
            .command("initdb")
            .args([
                "--username",
                ROLE,
                "--auth",
                "scram-sha-256",
                "--encoding",
                "UTF8",
                "--locale",
                "C",
            ])
            .args(["--no-sync", "--pwfile"])
            .arg(&password_file)
            .arg("--pgdata")
            .arg(self.data())
            .output()
            .context("cannot start initdb")?;
        ensure!(
            output.status.success(),
            "initdb failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// A server on `port`; `None` when it ended at once, most likely because the port was taken.
    fn serve(&self, port: u16, interrupt: &Interrupt) -> anyhow::Result<Option<Process>> {
        let log = File::create(self.log()).context("cannot create the server's log")?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "fsync=off",
            "full_page_writes=off",
        ] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
        let mut server = Process::start("PostgreSQL", &mut command, Group::Own)?.stopped_with(Signal::INT);
        let looks = START_LIMIT.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            if server.ended()?.is_some() {
                return Ok(None);
            }
            if self.is_ready() {
                return Ok(Some(server));
            }
            interrupt.wait(LOOK)?;
        }
        bail!(
            "PostgreSQL did not get ready in {} s: {}",
            START_LIMIT.as_secs(),
            self.end_of_log()
        )
    }

    /// The server writes its state into line 8 of its lock file.
    fn is_ready(&self) -> bool {
        let lock = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        lock.lines().nth(7).is_some_and(|state| state.trim() == "ready")
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.directory.join(program);
        let mut command = match self.user {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", &user.uid.to_string(), "--regid", &user.gid.to_string()]);
                command.arg("--clear-groups").arg("--").arg(program);
                command
            }
            None => Command::new(program),
        };
        // Our own directory may be closed to the other user.
        command.current_dir(self.directory);
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let mut last: Vec<&str> = log.lines().rev().take(10).collect();
        last.reverse();
        last.join("\n")
    }
}

/// A port that nobody listens on at this moment.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("the loopback interface has no free port")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_installation_wins() {
        assert_eq!(major_version(Path::new("/usr/lib/postgresql/15/bin")), 15);
        assert_eq!(major_version(Path::new("/opt/somewhere/bin")), 0);
    }

    #[test]
    fn users_are_found_by_their_whole_name() {
        let accounts = "postgres2:x:7:8::/:/bin/sh\npostgres:x:104:112::/var/lib/postgresql:/bin/bash\n";
        let user = User::named("postgres", accounts).unwrap();
        assert_eq!((user.uid, user.gid), (104, 112));
        assert!(User::named("nobody", accounts).is_none());
    }
}
