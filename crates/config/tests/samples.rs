//! The shipped sample configurations are complete and correct.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use failover_config::{
    ApiConfig, Configuration, CtlConfig, ENVIRONMENT_PREFIX, Loaded, SimConfig, Sources, WorkerConfig,
};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/samples")
}

/// A sample names secret files that exist only where it is installed: here the environment names others.
fn load<C: Configuration>(sample: &str, secrets: &[&str]) -> Loaded<C> {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let variable = |key: &&str| -> (OsString, OsString) {
        (
            format!("{ENVIRONMENT_PREFIX}{key}").into(),
            secret.clone().into_os_string(),
        )
    };
    let sources = Sources {
        file: Some(samples().join(sample)),
        environment: secrets.iter().map(variable).collect(),
    };
    Loaded::from_sources(&sources).unwrap_or_else(|mistakes| panic!("{sample}: {mistakes}"))
}

/// Every setting that has a value, given or by default, is shown in the sample.
fn shows_all_keys<C>(sample: &str, loaded: &Loaded<C>) {
    let text = std::fs::read_to_string(samples().join(sample)).unwrap();
    for line in &loaded.effective {
        let (key, from) = line.split_once(" = ").unwrap();
        let name = key.split_once('.').unwrap().1;
        let names_it = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{name} = "));
        assert!(
            text.lines().any(names_it),
            "{sample} does not show {key} ({from})"
        );
    }
}

const CLOUD_SECRETS: [&str; 2] = ["OSSEA__API_KEY_FILE", "OSSEA__SECRET_KEY_FILE"];

#[test]
fn the_sample_of_the_api_is_correct_and_complete() {
    let loaded = load::<ApiConfig>("failover-api.toml", &CLOUD_SECRETS);
    shows_all_keys("failover-api.toml", &loaded);
}

#[test]
fn the_sample_of_the_worker_is_correct_and_complete() {
    let loaded = load::<WorkerConfig>("failover-worker.toml", &CLOUD_SECRETS);
    shows_all_keys("failover-worker.toml", &loaded);
}

#[test]
fn the_section_about_the_migration_tool_works_once_it_is_no_comment() {
    let text = std::fs::read_to_string(samples().join("failover-worker.toml")).unwrap();
    let (before, rest) = text.split_once("[oma]\n").unwrap();
    let (section, after) = rest.split_once("\n\n").unwrap();
    let settings: Vec<&str> = section
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap())
        .filter(|line| line.contains(" = "))
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("worker.toml");
    let text = format!("{before}[oma]\n{}\n\n{after}", settings.join("\n"));
    std::fs::write(&path, text).unwrap();
    // An absolute path stands alone when it is joined to another one.
    let secrets = [CLOUD_SECRETS[0], CLOUD_SECRETS[1], "OMA__HOOK_SECRET_FILE"];
    let hook = load::<WorkerConfig>(path.to_str().unwrap(), &secrets)
        .config
        .oma
        .hook
        .unwrap();
    assert!(hook.quiesce.is_some() && hook.resume.is_some() && hook.ca_file.is_some());
}

#[test]
fn the_sample_of_the_simulator_is_correct_and_complete() {
    let loaded = load::<SimConfig>("ossea-sim.toml", &["SIM__API_KEY_FILE", "SIM__SECRET_KEY_FILE"]);
    shows_all_keys("ossea-sim.toml", &loaded);
}

#[test]
fn the_sample_of_the_command_line_client_is_correct_and_complete() {
    let loaded = load::<CtlConfig>("failoverctl.toml", &[]);
    shows_all_keys("failoverctl.toml", &loaded);
}

#[test]
fn every_sample_is_checked_here() {
    let mut names: Vec<String> = std::fs::read_dir(samples())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "failover-api.toml",
            "failover-worker.toml",
            "failoverctl.toml",
            "ossea-sim.toml"
        ]
    );
}
