//! `[database]`: where jobs, inventory and mappings are kept.

use secrecy::{ExposeSecret, SecretString};

use crate::kind::Kind;
use crate::reader::{Reader, Section};
use crate::source::Origin;

/// Whether a binary brings the schema up to date when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigratePolicy {
    /// Missing migrations are run at the start; ten processes that start together run them once.
    OnStart,
    /// The schema must fit already.
    Never,
}

const MIGRATE: [(&str, MigratePolicy); 2] = [
    ("on_start", MigratePolicy::OnStart),
    ("never", MigratePolicy::Never),
];

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// `sqlite:PATH` or `postgres://…`. May hold a password.
    pub url: SecretString,
    /// Whether migrations run at the start.
    pub migrate: MigratePolicy,
    /// How many connections are open at most.
    pub pool_size: usize,
}

impl DatabaseSettings {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let mut section = reader.section("database");
        let url = url(&mut section);
        let migrate = section.or(
            "migrate",
            &Kind::choice(&MIGRATE, shown_policy),
            MigratePolicy::OnStart,
        );
        let pool_size = section.or("pool_size", &Kind::number(1..=1000), 10);
        Some(Self {
            url: url?,
            migrate,
            pool_size,
        })
    }
}

fn shown_policy(policy: &MigratePolicy) -> String {
    let word = match policy {
        MigratePolicy::OnStart => "on_start",
        MigratePolicy::Never => "never",
    };
    format!("{word:?}")
}

/// The URL may stand in the configuration file as long as it holds no password.
fn url(section: &mut Section<'_>) -> Option<SecretString> {
    let setting = section.raw("url");
    let plain = setting.filter(|s| matches!(s.origin, Origin::File { .. }));
    let url = match plain {
        Some(setting) => {
            let file_given = section.raw("url_file").is_some();
            let text = setting.value.as_text().unwrap_or_default().trim().to_owned();
            if file_given {
                section.mistake(
                    "url",
                    "is given beside url_file; give one of them",
                    Some(setting.origin),
                );
                return None;
            }
            if holds_password(&text) {
                let message = "holds a password and must not be written in the configuration file: put the URL \
                               into a file of its own and name that in database.url_file, or use the environment";
                section.mistake("url", message, Some(setting.origin));
                return None;
            }
            section.show("url", &format!("{text:?}"), &setting.origin.to_string());
            SecretString::from(text)
        }
        None => section.required_secret("url")?,
    };
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if known.iter().any(|scheme| url.expose_secret().starts_with(scheme)) {
        return Some(url);
    }
    // The value is not shown: it may hold a password.
    let key = if section.origin("url").is_some() {
        "url"
    } else {
        "url_file"
    };
    let message = "is not a database URL, allowed is sqlite:PATH or postgres://USER@HOST/DATABASE";
    section.mistake(key, message, section.origin(key));
    None
}

fn holds_password(url: &str) -> bool {
    let authority = url
        .split_once("://")
        .map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or(""));
    let in_user_part = authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'));
    in_user_part || url.contains("password=")
}
