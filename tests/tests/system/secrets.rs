//! No secret gets anywhere: not into logs, outputs, answers or the database, even when everything is logged.

use std::fs;
use std::process::{Command, Stdio};

use failover_system_tests::fault::Fault;
use failover_system_tests::http::Client;
use failover_system_tests::server::Binaries;
use failover_system_tests::stack::{Database, FORWARD_ATTEMPTS};
use serde_json::json;

use crate::database::{TestDatabase, dump, on_both_databases};
use crate::site::Site;

on_both_databases!(no_secret_is_written_anywhere);

/// The files that hold the secrets on purpose.
const SECRET_FILES: [&str; 4] = ["api-key", "secret-key", "token", "database-url"];

fn no_secret_is_written_anywhere(database: &TestDatabase) {
    let site = Site::start_talkative(database);
    let tokens = used_tokens(&site);
    // A job that fails and returns says most.
    let name = site.api.destination_name(&site.vm).unwrap();
    let fault = Fault::new("start-vm", &site.vm, &name, FORWARD_ATTEMPTS);
    fault.before_start(&site.cloud).unwrap();
    let job = site.api.start_live(&site.vm, &json!({})).unwrap();
    site.ended_as(&job, "failed");

    let mut texts = outputs(&site);
    texts.extend(answers(&site, &job));
    texts.extend(files(&site));
    let mut secrets = vec![
        ("the API key", site.stack.secrets().api_key.clone()),
        ("the secret key", site.stack.secrets().secret_key.clone()),
        ("the token", site.stack.secrets().token.clone()),
    ];
    secrets.extend(tokens);
    if let Database::Url(url) = database.settings() {
        texts.push(("the database".to_owned(), dump(&url)));
        secrets.push(("the database's password", password(&url).to_owned()));
    }
    assert!(
        texts.iter().any(|(_, text)| text.contains(&job)),
        "the texts are about this job"
    );
    for (place, text) in &texts {
        for (what, secret) in &secrets {
            assert!(!text.contains(secret.as_str()), "{what} is in {place}");
        }
    }
}

/// The secrets of tokens that were used in every way: as they should be, after they were revoked, and cut short. Of each
/// the whole, and the part that is not public.
fn used_tokens(site: &Site) -> Vec<(&'static str, String)> {
    let make = |name: &str| -> (String, String) {
        let made = site
            .api
            .client()
            .post("/api/v1/tokens", &json!({"name": name, "role": "operator"}));
        let made = made.unwrap().expect_success().unwrap();
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    };
    let status = |token: &str| {
        let client = Client::new(site.api.client().base()).with_token(token);
        client.get("/api/v1/vms").unwrap().status
    };
    let ((_, used), (id, revoked), (_, cut)) = (make("used"), make("revoked"), make("cut"));
    let path = format!("/api/v1/tokens/{id}");
    site.api.client().delete(&path).unwrap().expect_success().unwrap();
    let cut = cut[..cut.len() - 1].to_owned();
    assert_eq!((status(&used), status(&revoked), status(&cut)), (200, 401, 401));
    [used, revoked, cut]
        .into_iter()
        .flat_map(|token| {
            let secret = token.rsplit('_').next().unwrap()[..64].to_owned();
            [("an API token", token), ("the secret of an API token", secret)]
        })
        .collect()
}

/// What the programs print when asked about their configuration and the job.
fn outputs(site: &Site) -> Vec<(String, String)> {
    let binaries = Binaries::beside_test().unwrap();
    let config = |name: &str, file: &str| {
        let mut command = binaries.command(name).unwrap();
        command
            .arg("--config")
            .arg(site.stack.directory().join(file))
            .arg("--print-config");
        (format!("the configuration that {name} prints"), said(command))
    };
    let ctl = |arguments: &[&str]| {
        let mut command = site.stack.failoverctl().unwrap();
        command.args(arguments);
        (
            format!("the output of failoverctl {}", arguments.join(" ")),
            said(command),
        )
    };
    vec![
        config("failover-api", "failover.toml"),
        config("failover-worker", "failover.toml"),
        config("failoverctl", "failover.toml"),
        config("ossea-sim", "ossea-sim.toml"),
        ctl(&["jobs", "list"]),
        ctl(&["token", "list"]),
        ctl(&["audit", "export"]),
        ctl(&["audit", "verify"]),
        ctl(&["readiness", &site.vm.name]),
        ctl(&["networks", "--output", "json"]),
        ctl(&["ossea", "check", "--output", "json"]),
        ctl(&["ossea", "capabilities", "--output", "json"]),
    ]
}

fn said(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!said.is_empty(), "it says something");
    said
}

/// What the API answers about the job.
fn answers(site: &Site, job: &str) -> Vec<(String, String)> {
    let paths = [
        format!("/api/v1/failover/jobs/{job}"),
        format!("/api/v1/failover/jobs/{job}/events"),
        format!("/api/v1/failover/{job}/status"),
        "/api/v1/tokens".to_owned(),
        "/api/v1/audit?limit=500".to_owned(),
        "/readyz".to_owned(),
    ];
    let metrics = ("/metrics".to_owned(), site.api.client().text("/metrics").unwrap());
    paths
        .into_iter()
        .map(|path| {
            let answer = site.api.client().get(&path).unwrap();
            (format!("the answer to {path}"), answer.body.to_string())
        })
        .chain([metrics])
        .collect()
}

/// Logs, outputs, configuration and an SQLite file: everything in the directory of the stack.
fn files(site: &Site) -> Vec<(String, String)> {
    let entries = fs::read_dir(site.stack.directory()).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| !SECRET_FILES.iter().any(|name| path.ends_with(name)))
        .map(|path| {
            (
                path.display().to_string(),
                String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned(),
            )
        })
        .collect()
}

fn password(url: &str) -> &str {
    let user = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'))
        .map(|(user, _)| user);
    user.and_then(|user| user.split_once(':'))
        .map(|(_, password)| password)
        .expect("the test server has a password")
}
