//! Where a database is, from its URL.

use std::fmt;
use std::path::PathBuf;

use tokio_postgres::config::{Host, SslMode};

use crate::OpenError;

/// Where a database is. Its text form has no secrets.
#[derive(Debug)]
pub(crate) enum Location {
    /// SQLite in memory, for tests.
    Memory,
    /// SQLite in a file.
    File(PathBuf),
    /// A PostgreSQL server.
    Server(Box<tokio_postgres::Config>),
}

impl Location {
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let bad = |problem: &str| OpenError::BadUrl {
            url: redacted(url),
            problem: problem.to_owned(),
        };
        if url == "sqlite::memory:" {
            return Ok(Location::Memory);
        }
        // Both spellings are common: `sqlite:PATH` and `sqlite://PATH`.
        if let Some(path) = url
            .strip_prefix("sqlite:")
            .map(|path| path.strip_prefix("//").unwrap_or(path))
        {
            if path.is_empty() {
                return Err(bad("which has no path"));
            }
            if path.contains(['?', '#']) {
                return Err(bad(
                    "whose path has a '?' or '#', and SQLite takes no options here",
                ));
            }
            return std::path::absolute(path)
                .map(Location::File)
                .map_err(|e| bad(&format!("whose path fails: {e}")));
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(bad("which has no scheme that is known"));
        }
        // The parser's own words may quote a part of the password, so they are not passed on.
        let server: tokio_postgres::Config = url.parse().map_err(|_| {
            bad("which is not a PostgreSQL URL (special characters in the password are written as %XX)")
        })?;
        if server.get_hosts().is_empty() && server.get_hostaddrs().is_empty() {
            return Err(bad("which names no host"));
        }
        if server.get_ssl_mode() == SslMode::Require {
            return Err(bad(
                "which asks for TLS by sslmode, and this version connects without it",
            ));
        }
        Ok(Location::Server(Box::new(server)))
    }
}
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Memory => f.write_str("SQLite in memory"),
            Location::File(path) => write!(f, "SQLite file {}", path.display()),
            Location::Server(server) => f.write_str(&server_name(server)),
        }
    }
}

/// A server and its database in words, without user and password.
pub(crate) fn server_name(server: &tokio_postgres::Config) -> String {
    let ports = server.get_ports();
    let port = |i: usize| ports.get(i).or(ports.first()).copied().unwrap_or(5432);
    let host = |(i, host): (usize, &Host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(i)),
        Host::Unix(path) => path.display().to_string(),
    };
    let mut hosts: Vec<String> = server.get_hosts().iter().enumerate().map(host).collect();
    if hosts.is_empty() {
        hosts = server
            .get_hostaddrs()
            .iter()
            .enumerate()
            .map(|(i, a)| format!("{a}:{}", port(i)))
            .collect();
    }
    let database = server
        .get_dbname()
        .or(server.get_user())
        .unwrap_or("of the user's name");
    format!("PostgreSQL database {database} on {}", hosts.join(", "))
}

/// What may be shown of a URL that could not be understood: its scheme, and what follows the last `@` up to the
/// options. A password may be anywhere else.
fn redacted(url: &str) -> String {
    let shown = |text: &str| text.chars().take(120).collect::<String>();
    let Some((scheme, rest)) = url.split_once("://") else {
        // Without a scheme nothing tells where a password would be; a word or a path has none.
        return if url.contains(['@', '=', ' ']) {
            "…".to_owned()
        } else {
            shown(url)
        };
    };
    if scheme == "sqlite" {
        return shown(url);
    }
    match rest.rsplit_once('@') {
        Some((_, place)) => format!(
            "{}://…@{}",
            shown(scheme),
            shown(place.split('?').next().unwrap_or_default())
        ),
        None => format!(
            "{}://{}",
            shown(scheme),
            shown(rest.split('?').next().unwrap_or_default())
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_kinds_are_told_apart() {
        assert!(matches!(Location::parse("sqlite::memory:"), Ok(Location::Memory)));
        let Ok(Location::File(path)) = Location::parse("sqlite:///var/lib/failover.db") else {
            panic!("a file")
        };
        assert_eq!(path.to_str(), Some("/var/lib/failover.db"));
        let Ok(Location::File(path)) = Location::parse("sqlite://failover.db") else {
            panic!("a file")
        };
        assert!(path.is_absolute() && path.ends_with("failover.db"));
        let server = Location::parse("postgres://me:secret@db.example:6432/failover")
            .unwrap()
            .to_string();
        assert_eq!(server, "PostgreSQL database failover on db.example:6432");
    }

    #[test]
    fn everything_else_is_refused_with_what_is_allowed_and_without_its_secrets() {
        for bad in [
            "mysql://me:secret@db/failover",
            "postgres://me:secret@db:port/failover",
            "postgres://me:p@secret?x=y@db/failover",
            "postgres://me:secret/x@db:x/failover",
            "postgres://me@db/failover?password=secret&nonsense=1",
            "postgres://me:secret@db/failover?sslmode=require",
            "host=db password=secret",
            "secret=1",
            "sqlite://",
            "sqlite://file.db?mode=ro",
            "failover.db",
            "",
        ] {
            let error = Location::parse(bad).unwrap_err();
            let texts = format!("{error} {error:?}");
            assert!(
                texts.contains("sqlite://PATH") && texts.contains("postgres://USER"),
                "{texts}"
            );
            assert!(!texts.contains("secret"), "{bad}: {texts}");
        }
    }
}
