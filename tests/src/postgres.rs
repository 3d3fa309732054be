//! A private PostgreSQL server that lives as long as its guard: own data directory, own password, a free port of
//! the loopback interface, and no durability, because nothing in it outlives the tests.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use crate::port::HeldPort;
use crate::process::{Group, Process};
use crate::secret;
use crate::wait::until;

/// The database's superuser inside the private server.
const ROLE: &str = "failover";
/// How long the server may take to answer.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    // The order matters: the server ends before its directory goes.
    server: Process,
    _place: Place,
    version: String,
    url: String,
    port: HeldPort,
}

impl Postgres {
    /// Starts a server.
    ///
    /// # Errors
    /// When it does not get up; with the last lines of its log.
    pub fn start(programs: Programs) -> anyhow::Result<Self> {
        let version = programs.version()?;
        let place = Place::new(programs)?;
        let password = secret::fresh()?;
        place.create_cluster(&password)?;
        let port = HeldPort::any()?;
        let server = place.serve(port.number())?;
        let url = format!(
            "postgres://{ROLE}:{password}@127.0.0.1:{}/postgres",
            port.number()
        );
        Ok(Self {
            server,
            _place: place,
            version,
            url,
            port,
        })
    }

    /// Where its databases are, for a role that may create more of them.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Version, port and process, for people.
    pub fn description(&self) -> String {
        format!(
            "{} on 127.0.0.1:{}, process {}",
            self.version,
            self.port.number(),
            self.server.id()
        )
    }
}

/// Where PostgreSQL's programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// What is missing, and where it was looked for, when [`Programs::find`] finds nothing.
    pub const NEEDED: &str =
        "PostgreSQL's `initdb` and `postgres`, which are neither on PATH nor in /usr/lib/postgresql/*/bin";

    /// The programs on PATH, else the newest that Debian has installed.
    pub fn find() -> Option<Self> {
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
#[derive(Debug)]
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
#[derive(Debug)]
struct Place {
    programs: Programs,
    user: Option<User>,
    directory: TempDir,
}

impl Place {
    fn new(programs: Programs) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("failover-postgres-").tempdir();
        Ok(Self {
            programs,
            user: User::unprivileged()?,
            directory: directory.context("cannot make a temporary directory")?,
        })
    }

    fn create_cluster(&self, password: &str) -> anyhow::Result<()> {
        let directory = self.directory.path();
        let password_file = directory.join("password");
        fs::write(&password_file, password).context("cannot write the password file")?;
        if let Some(user) = &self.user {
            for path in [directory, &password_file] {
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

    /// A server that is ready, on `port`.
    fn serve(&self, port: u16) -> anyhow::Result<Process> {
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
        let ready = until(START_LIMIT, "PostgreSQL is ready", || {
            if let Some(status) = server.ended()? {
                bail!("PostgreSQL ended with {status} before it was ready");
            }
            Ok(self.is_ready().then_some(()))
        });
        ready.with_context(|| self.end_of_log())?;
        Ok(server)
    }

    /// The server writes its state into line 8 of its lock file.
    fn is_ready(&self) -> bool {
        let lock = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        lock.lines().nth(7).is_some_and(|state| state.trim() == "ready")
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.directory.join(program);
        let mut command = match &self.user {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", &user.uid.to_string(), "--regid", &user.gid.to_string()]);
                command.arg("--clear-groups").arg("--").arg(program);
                command
            }
            None => Command::new(program),
        };
        // Our own directory may be closed to the other user.
        command.current_dir(self.directory.path());
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let mut last: Vec<&str> = log.lines().rev().take(10).collect();
        last.reverse();
        last.join("\n")
    }
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
