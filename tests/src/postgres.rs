//! A private PostgreSQL server that lives as long as its guard: own data directory, own password, a port of the
//! loopback interface that stays its own while it is down, and no durability beyond that of the operating system,
//! because nothing in it outlives the tests. What was committed survives [`Postgres::kill`]: the operating system
//! has it.

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

/// A server and its data. Dropping it ends the server and removes the data.
#[derive(Debug)]
pub struct Postgres {
    // The order matters: the server ends before its directory goes.
    server: Option<Process>,
    place: Place,
    port: HeldPort,
    version: String,
    password: String,
}

impl Postgres {
    /// Makes an empty server and starts it. `group` says who hears Ctrl-C: as part of ours the server ends with us
    /// even where no guard is dropped.
    ///
    /// # Errors
    /// When it does not get up; with the last lines of its log.
    pub fn start(programs: Programs, group: Group) -> anyhow::Result<Self> {
        let version = programs.version()?;
        let place = Place::new(programs, group)?;
        let password = secret::fresh()?;
        place.create_cluster(&password)?;
        let mut postgres = Self {
            server: None,
            place,
            port: HeldPort::any()?,
            version,
            password,
        };
        postgres.start_again()?;
        Ok(postgres)
    }

    /// Starts it on the same port and data, if it does not run. After [`Postgres::kill`] it recovers first.
    ///
    /// # Errors
    /// When it does not get up; with the last lines of its log.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        if self.server.is_none() {
            self.server = Some(self.place.serve(self.port.number())?);
        }
        Ok(())
    }

    /// Ends it in order, without waiting for its clients. Data and port stay.
    ///
    /// # Errors
    /// When it does not run, or does not end in order.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let mut server = self.running()?;
        let status = server.stop()?;
        ensure!(status.success(), "PostgreSQL ended with {status}");
        Ok(())
    }

    /// Kills it and the processes of its connections at once, as a power cut would. Data and port stay, and so do
    /// lock file and shared memory, which the next start replaces.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut server = self.running()?;
        let status = server.kill_with_descendants()?;
        ensure!(
            !status.success(),
            "PostgreSQL ended by itself before it was killed"
        );
        Ok(())
    }

    fn running(&mut self) -> anyhow::Result<Process> {
        self.server.take().context("PostgreSQL does not run")
    }

    /// Where its databases are, for a role that may create more of them. It stays the same as long as the guard lives.
    pub fn url(&self) -> String {
        let (password, port) = (&self.password, self.port.number());
        format!("postgres://{ROLE}:{password}@127.0.0.1:{port}/postgres")
    }

    /// Version, port and process, for people.
    pub fn description(&self) -> String {
        let process = match &self.server {
            Some(server) => format!("process {}", server.id()),
            None => "down".to_owned(),
        };
        format!("{} on 127.0.0.1:{}, {process}", self.version, self.port.number())
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
    group: Group,
}

impl Place {
    fn new(programs: Programs, group: Group) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("failover-postgres-").tempdir();
        Ok(Self {
            programs,
            user: User::unprivileged()?,
            directory: directory.context("cannot make a temporary directory")?,
            group,
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
        // What it wrote before it went down stays.
        let log = File::options().append(true).create(true).open(self.log());
        let log = log.context("cannot open the server's log")?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "fsync=off",
            "full_page_writes=off",
            // In files of the data directory: what a killed server leaves goes with them.
            "dynamic_shared_memory_type=mmap",
        ] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
        let mut server = Process::start("PostgreSQL", &mut command, self.group)?.stopped_with(Signal::INT);
        let ready = until(START_LIMIT, "PostgreSQL is ready", || {
            if let Some(status) = server.ended()? {
                bail!("PostgreSQL ended with {status} before it was ready");
            }
            Ok(self.is_ready(server.id()).then_some(()))
        });
        ready.with_context(|| self.end_of_log())?;
        Ok(server)
    }

    /// The server writes its process id into line 1 of its lock file and its state into line 8. A server that was
    /// killed has left such a file.
    fn is_ready(&self, process: u32) -> bool {
        let lock = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = lock.lines().map(str::trim);
        lines.next() == Some(&process.to_string()) && lines.nth(6) == Some("ready")
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
    use tokio_postgres::{Client, NoTls};

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

    /// A server, where PostgreSQL is installed.
    fn server() -> Option<Postgres> {
        let Some(programs) = Programs::find() else {
            eprintln!("left out: it needs {}", Programs::NEEDED);
            return None;
        };
        Some(Postgres::start(programs, Group::Shared).unwrap())
    }

    async fn connect(postgres: &Postgres) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await?;
        // It ends with an error when the server is killed; the client hears of it as well.
        tokio::spawn(connection);
        Ok(client)
    }

    /// Leaves one row, and the connection.
    async fn write(postgres: &Postgres) -> Client {
        let client = connect(postgres).await.unwrap();
        let statements =
            "DROP TABLE IF EXISTS kept; CREATE TABLE kept (word TEXT); INSERT INTO kept VALUES ('here')";
        client.batch_execute(statements).await.unwrap();
        client
    }

    async fn read(postgres: &Postgres) -> String {
        let client = connect(postgres).await.unwrap();
        let row = client.query_one("SELECT word FROM kept", &[]).await.unwrap();
        row.get(0)
    }

    /// Opens a connection whose process does not notice that the server's first process has ended.
    async fn keep_busy(postgres: &Postgres) {
        let busy = connect(postgres).await.unwrap();
        let minute =
            "DO $$ BEGIN WHILE clock_timestamp() < now() + interval '1 minute' LOOP END LOOP; END $$";
        tokio::spawn(async move { busy.batch_execute(minute).await });
        let observer = connect(postgres).await.unwrap();
        let looping = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO%'";
        while observer.query(looping, &[]).await.unwrap().is_empty() {}
    }

    #[tokio::test]
    async fn a_server_that_was_stopped_goes_on_where_it_was() {
        let Some(mut postgres) = server() else { return };
        let (url, client) = (postgres.url(), write(&postgres).await);
        postgres.stop().unwrap();
        assert!(client.simple_query("SELECT 1").await.is_err());
        assert!(connect(&postgres).await.is_err(), "it is down");
        assert!(postgres.stop().is_err(), "it is down already");

        postgres.start_again().unwrap();
        assert_eq!(postgres.url(), url);
        assert_eq!(read(&postgres).await, "here");
    }

    #[tokio::test]
    async fn a_server_that_was_killed_recovers_what_was_committed() {
        let Some(mut postgres) = server() else { return };
        for _ in 0..2 {
            let client = write(&postgres).await;
            client
                .batch_execute("BEGIN; INSERT INTO kept VALUES ('lost')")
                .await
                .unwrap();
            keep_busy(&postgres).await;
            postgres.kill().unwrap();
            assert!(client.simple_query("SELECT 1").await.is_err());

            postgres.start_again().unwrap();
            assert_eq!(read(&postgres).await, "here");
        }
        let log = fs::read_to_string(postgres.place.log()).unwrap();
        assert!(log.contains("automatic recovery in progress"), "{log}");
    }
}
