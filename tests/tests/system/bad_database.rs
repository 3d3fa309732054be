//! A database that cannot be used: a clear error and exit code at the start, no panic, no password.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use failover_system_tests::server::Binaries;
use failover_system_tests::stack::{Database, Stack};

use crate::database::{TestDatabase, execute};
use crate::site::settings;

/// The servers that need the database.
const SERVERS: [&str; 2] = ["failover-api", "failover-worker"];
/// A migration of a release that does not exist yet.
const FROM_THE_FUTURE: &str = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231235959')";

/// Starts a server on the configuration of a stack that has ended, and waits for its end.
fn run(server: &str, directory: &tempfile::TempDir, database_url: Option<&str>) -> Output {
    let mut command: Command = Binaries::beside_test().unwrap().command(server).unwrap();
    command
        .arg("--config")
        .arg(directory.path().join("failover.toml"))
        .stdin(Stdio::null());
    if let Some(url) = database_url {
        command.env("FAILOVER__DATABASE__URL", url);
    }
    command.output().unwrap()
}

/// Insists on a failure that a person can understand.
fn is_a_clear_failure(server: &str, output: &Output, words: &[&str]) {
    let code = output.status.code().expect("the server ended by itself");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_ne!(code, 0, "{server}: {said}");
    assert_ne!(code, 101, "a panic: {server}: {said}");
    assert!(!said.contains("panicked"), "{server}: {said}");
    for word in words {
        assert!(said.contains(word), "{server} does not say {word:?}: {said}");
    }
}

/// A directory with the files of a stack that was up once and has ended.
fn site_that_was_up(database: &TestDatabase) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    drop(Stack::start(settings(database, &directory, "info")).unwrap());
    directory
}

#[test]
fn an_unreachable_database_is_a_clear_error() {
    let directory = site_that_was_up(&TestDatabase::Sqlite);
    // A port that was free a moment ago: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("postgres://operator:dont-tell@127.0.0.1:{port}/failover");
    for server in SERVERS {
        let output = run(server, &directory, Some(&url));
        is_a_clear_failure(server, &output, &["database"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("dont-tell"), "{server} tells the password: {said}");
    }
}

#[test]
fn an_sqlite_file_in_no_directory_is_a_clear_error() {
    let directory = site_that_was_up(&TestDatabase::Sqlite);
    for server in SERVERS {
        let output = run(
            server,
            &directory,
            Some("sqlite:/nowhere/to/be/found/failover.sqlite"),
        );
        is_a_clear_failure(server, &output, &["database", "/nowhere/to/be/found"]);
    }
}

#[test]
fn a_newer_schema_is_a_clear_error_on_sqlite() {
    let directory = site_that_was_up(&TestDatabase::Sqlite);
    let file = directory.path().join("failover.sqlite");
    let mut connection = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    connection.batch_execute(FROM_THE_FUTURE).unwrap();
    for server in SERVERS {
        is_a_clear_failure(server, &run(server, &directory, None), &["schema"]);
    }
}

#[test]
fn a_newer_schema_is_a_clear_error_on_postgres() {
    let Some(database) = TestDatabase::on_postgres() else {
        return;
    };
    let directory = site_that_was_up(&database);
    let Database::Url(url) = database.settings() else {
        panic!("PostgreSQL has a URL")
    };
    execute(&url, FROM_THE_FUTURE);
    for server in SERVERS {
        is_a_clear_failure(server, &run(server, &directory, None), &["schema"]);
    }
}
