//! What a configuration check reports: everything that is wrong, with path, value, what is allowed and origin.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::ffi::OsString;
use std::path::PathBuf;

use failover_config::{
    ApiConfig, Configuration, CtlConfig, Loaded, LogFormat, Mistakes, SimConfig, Sources, WorkerConfig,
};
use secrecy::ExposeSecret;

/// A configuration file in a directory of its own.
struct Site {
    directory: tempfile::TempDir,
    environment: Vec<(OsString, OsString)>,
}

const WORKING: &str = r#"
[database]
url = "sqlite:failover.db"
[ossea]
endpoint = "https://cloud.example.org/client/api"
[target]
oma_vm_id = "oma"
zone_id = "zone"
service_offering_id = "offering"
template_id = "template"
"#;

impl Site {
    fn new(file: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("failover.toml"), file).unwrap();
        Self {
            directory,
            environment: Vec::new(),
        }
    }

    fn working() -> Self {
        Self::working_with("")
    }

    /// What works, and some more sections.
    fn working_with(more: &str) -> Self {
        Self::new(&format!("{WORKING}{more}"))
            .with("FAILOVER__OSSEA__API_KEY", "key")
            .with("FAILOVER__OSSEA__SECRET_KEY", "secret")
    }

    fn with(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.into(), value.into()));
        self
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("failover.toml")
    }

    /// Puts a secret file beside the configuration and returns its path.
    fn secret_file(&self, content: &str, mode: u32) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.directory.path().join("secret");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    fn load<C: Configuration>(&self) -> Result<Loaded<C>, Mistakes> {
        let sources = Sources {
            file: Some(self.file()),
            environment: self.environment.clone(),
        };
        Loaded::from_sources(&sources)
    }

    fn mistakes<C: Configuration + std::fmt::Debug>(&self) -> Vec<String> {
        self.load::<C>()
            .unwrap_err()
            .0
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

fn has(mistakes: &[String], parts: &[&str]) -> bool {
    mistakes
        .iter()
        .any(|mistake| parts.iter().all(|part| mistake.contains(part)))
}

#[test]
fn a_small_configuration_is_enough() {
    let loaded = Site::working().load::<ApiConfig>().unwrap();
    assert_eq!(loaded.config.database.url.expose_secret(), "sqlite:failover.db");
    assert_eq!(loaded.config.server.listen.to_string(), "127.0.0.1:8080");
    let failover = loaded.config.failover;
    assert_eq!(failover.boot_within.as_secs(), 300);
    assert_eq!(failover.retention_warn_after.as_secs(), 7 * 24 * 3600);
    assert_eq!(loaded.warnings, []);
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let file = r#"
        [database]
        url = "mysql://db/failover"
        pool_size = 0
        poolsize = 3
        [ossea]
        endpoint = "cloud.example.org"
        secret_key = "hunter2"
        request_timeout = 60
        requests_per_second = 0
        breaker_failure_percent = 101
        breaker_rest = "0s"
        [target]
        zone_id = "a zone"
        test_network_ids = ["lab", "a network", 7]
        [server]
        listen = "8080"
        [loging]
        format = "text"
    "#;
    let mistakes = Site::new(file)
        .with("FAILOVER__LOG__FORMAT", "xml")
        .with("FAILOVER__SERVER__COLOUR", "red")
        .mistakes::<ApiConfig>();
    for parts in [
        ["database.url", "sqlite:PATH", "line 3"].as_slice(),
        &["database.pool_size", "is 0", "from 1 to 1000", "line 4"],
        &["database.poolsize", "not a known key", "pool_size", "line 5"],
        &["ossea.endpoint", "\"cloud.example.org\"", "https://", "line 7"],
        &[
            "ossea.secret_key",
            "must not be written",
            "secret_key_file",
            "line 8",
        ],
        &["ossea.request_timeout", "is 60", "\"10s\"", "line 9"],
        &["ossea.requests_per_second", "is 0", "from 1 to 10000", "line 10"],
        &[
            "ossea.breaker_failure_percent",
            "is 101",
            "from 1 to 100",
            "line 11",
        ],
        &["ossea.breaker_rest", "\"0s\"", "from 1s to 10m", "line 12"],
        &["ossea.api_key", "is missing", "FAILOVER__OSSEA__API_KEY"],
        &["target.zone_id", "\"a zone\"", "UUID"],
        &["target.oma_vm_id", "is missing", "FAILOVER__TARGET__OMA_VM_ID"],
        &["target.service_offering_id", "is missing"],
        &["target.template_id", "is missing"],
        &[
            "target.test_network_ids",
            "is [\"lab\", \"a network\", 7]",
            "a list of ids",
            "line 15",
        ],
        &["server.listen", "\"8080\"", "127.0.0.1:8080"],
        &["loging", "not a known section", "log", "line 18"],
        &[
            "log.format",
            "\"xml\"",
            "\"json\"",
            "environment variable FAILOVER__LOG__FORMAT",
        ],
        &[
            "server.colour",
            "not a known key",
            "environment variable FAILOVER__SERVER__COLOUR",
        ],
    ] {
        assert!(has(&mistakes, parts), "{parts:?} is not among {mistakes:#?}");
    }
    assert_eq!(mistakes.len(), 19, "{mistakes:#?}");
    assert!(
        !mistakes.iter().any(|m| m.contains("hunter2")),
        "a secret is repeated: {mistakes:#?}"
    );
}

#[test]
fn a_file_that_is_not_toml_is_reported_with_its_line() {
    let mistakes = Site::new("[database]\nurl = \n[log]\nformat = \"text\"\nformat = \"json\"\n")
        .mistakes::<CtlConfig>();
    assert!(has(&mistakes, &["is not TOML", "line 2"]), "{mistakes:#?}");
    assert!(
        has(&mistakes, &["is not TOML", "duplicate", "line 5"]),
        "{mistakes:#?}"
    );
}

#[test]
fn a_missing_file_is_a_mistake() {
    let sources = Sources {
        file: Some("/does/not/exist.toml".into()),
        environment: Vec::new(),
    };
    let mistakes = Loaded::<CtlConfig>::from_sources(&sources).unwrap_err();
    assert!(
        mistakes
            .to_string()
            .contains("/does/not/exist.toml cannot be read"),
        "{mistakes}"
    );
}

#[test]
fn the_environment_overrides_the_file() {
    let site = Site::working()
        .with("FAILOVER__DATABASE__URL", "postgres://failover:pa55@db/failover")
        .with("FAILOVER__DATABASE__POOL_SIZE", "42")
        .with("FAILOVER__LOG__FORMAT", "json")
        .with("PATH", "/bin")
        .with("FAILOVER_CONFIG", "somewhere");
    let config = site.load::<ApiConfig>().unwrap().config;
    assert_eq!(
        config.database.url.expose_secret(),
        "postgres://failover:pa55@db/failover"
    );
    assert_eq!(
        (config.database.pool_size, config.log.format),
        (42, LogFormat::Json)
    );
}

#[test]
fn a_list_is_given_in_the_file_or_with_commas_in_the_environment() {
    let ids = |site: Site| {
        site.load::<WorkerConfig>()
            .unwrap()
            .config
            .target
            .test_network_ids
    };
    let from_environment = |value: &str| Site::working().with("FAILOVER__TARGET__TEST_NETWORK_IDS", value);
    let none: [&str; 0] = [];
    assert_eq!(ids(Site::working()), none);
    assert_eq!(ids(from_environment("lab, quarantine")), ["lab", "quarantine"]);
    assert_eq!(ids(from_environment("")), none);

    let with_file = |line: &str| {
        let mut site = Site::working();
        let directory = Site::new(&format!("{WORKING}{line}\n")).directory;
        site.directory = directory;
        site
    };
    assert_eq!(ids(with_file("test_network_ids = [\"lab\"]")), ["lab"]);
    for wrong in ["\"lab\"", "[[\"lab\"]]", "[\"\"]"] {
        let mistakes = with_file(&format!("test_network_ids = {wrong}")).mistakes::<ApiConfig>();
        assert!(
            has(&mistakes, &["target.test_network_ids", wrong, "ID,ID"]),
            "{mistakes:#?}"
        );
    }
    assert!(has(
        &from_environment("lab,,quarantine").mistakes::<ApiConfig>(),
        &["target.test_network_ids", "lab,,quarantine"]
    ));
}

#[test]
fn a_secret_of_digits_stays_a_text() {
    let site = Site::working().with("FAILOVER__SERVER__TOKEN", "00420");
    let token = site.load::<ApiConfig>().unwrap().config.server.token.unwrap();
    assert_eq!(token.expose_secret(), "00420");
}

#[test]
fn sections_of_other_binaries_are_passed_over_but_their_typos_are_not_ours() {
    let site = Site::new("[worker]\nmax_jobs = 3\n[client]\nurl = \"http://127.0.0.1:1\"\n")
        .with("FAILOVER__SIM__SEED", "1");
    assert_eq!(
        site.load::<CtlConfig>().unwrap().config.client.url,
        "http://127.0.0.1:1"
    );
}

#[test]
fn keys_outside_a_section_are_mistakes() {
    let mistakes = Site::new("url = \"sqlite:x\"\n")
        .with("FAILOVER__WORKR__MAX_JOBS", "3")
        .mistakes::<CtlConfig>();
    assert!(has(&mistakes, &["url", "outside a section"]), "{mistakes:#?}");
    assert!(
        has(
            &mistakes,
            &["workr.max_jobs", "no known section", "FAILOVER__WORKR__MAX_JOBS"]
        ),
        "{mistakes:#?}"
    );
}

#[test]
fn a_password_does_not_belong_into_the_file() {
    for url in [
        "postgres://failover:hunter2@db/failover",
        "postgres://db/failover?user=x&password=hunter2",
    ] {
        let mistakes = Site::new(&WORKING.replace("sqlite:failover.db", url)).mistakes::<ApiConfig>();
        assert!(
            has(&mistakes, &["database.url", "holds a password", "url_file"]),
            "{mistakes:#?}"
        );
        assert!(!mistakes.iter().any(|m| m.contains("hunter2")), "{mistakes:#?}");
    }
}

#[test]
fn a_secret_file_is_read_without_its_line_end() {
    let mut site = Site::working();
    let path = site.secret_file("t0ken\n", 0o600);
    site = site
        .with("FAILOVER__SERVER__TOKEN_FILE", &path)
        .with("FAILOVER__SERVER__LISTEN", "0.0.0.0:8080");
    let loaded = site.load::<ApiConfig>().unwrap();
    assert_eq!(
        loaded.config.server.token.as_ref().unwrap().expose_secret(),
        "t0ken"
    );
    assert_eq!(loaded.warnings, []);
}

#[test]
fn a_secret_file_that_others_may_read_is_a_warning() {
    let mut site = Site::working();
    let path = site.secret_file("t0ken", 0o644);
    site = site.with("FAILOVER__SERVER__TOKEN_FILE", &path);
    let warnings = site.load::<ApiConfig>().unwrap().warnings;
    assert!(warnings[0].to_string().contains("mode 644"), "{warnings:?}");
}

#[test]
fn a_secret_file_that_is_missing_or_empty_is_a_mistake() {
    let site = Site::working().with("FAILOVER__SERVER__TOKEN_FILE", "/does/not/exist");
    assert!(has(
        &site.mistakes::<ApiConfig>(),
        &["server.token_file", "cannot be read"]
    ));
    let mut site = Site::working();
    let path = site.secret_file(" \n", 0o600);
    site = site.with("FAILOVER__SERVER__TOKEN_FILE", &path);
    assert!(has(
        &site.mistakes::<ApiConfig>(),
        &["server.token_file", "is empty"]
    ));
}

#[test]
fn a_secret_given_twice_is_a_mistake() {
    let site = Site::working()
        .with("FAILOVER__SERVER__TOKEN", "a")
        .with("FAILOVER__SERVER__TOKEN_FILE", "/b");
    assert!(has(
        &site.mistakes::<ApiConfig>(),
        &["server.token", "give one of them"]
    ));
}

#[test]
fn callers_without_a_token_are_served_on_this_machine_only_and_only_when_that_is_said() {
    let config = Site::working().load::<ApiConfig>().unwrap().config;
    assert!(!config.server.allow_anonymous);
    let anonymous = || Site::working().with("FAILOVER__SERVER__ALLOW_ANONYMOUS", "true");
    assert!(
        anonymous()
            .load::<ApiConfig>()
            .unwrap()
            .config
            .server
            .allow_anonymous
    );
    let site = anonymous().with("FAILOVER__SERVER__LISTEN", "0.0.0.0:8080");
    assert!(has(
        &site.mistakes::<ApiConfig>(),
        &[
            "server.allow_anonymous",
            "0.0.0.0:8080",
            "127.0.0.1:8080",
            "server.token_file"
        ]
    ));
    let site = anonymous().with("FAILOVER__SERVER__TOKEN", "hunter2");
    let mistakes = site.mistakes::<ApiConfig>();
    assert!(has(
        &mistakes,
        &["server.allow_anonymous", "a token is set", "give one of them"]
    ));
    let site = Site::working().with("FAILOVER__SERVER__ALLOW_ANONYMOUS", "perhaps");
    assert!(has(
        &site.mistakes::<ApiConfig>(),
        &["server.allow_anonymous", "perhaps", "true or false"]
    ));
    assert!(
        Site::working()
            .with("FAILOVER__SERVER__LISTEN", "[::1]:0")
            .load::<ApiConfig>()
            .is_ok()
    );
}

#[test]
fn an_origin_has_a_scheme_and_a_host_and_no_path() {
    let with = |value: &str| Site::working().with("FAILOVER__SERVER__ALLOWED_ORIGINS", value);
    let loaded = with("https://Console.example.org,http://[::1]:3000").load::<ApiConfig>();
    assert_eq!(
        loaded.unwrap().config.server.allowed_origins,
        ["https://console.example.org", "http://[::1]:3000"],
        "as browsers write them"
    );
    for wrong in [
        "*",
        "console.example.org",
        "https://",
        "https://a/b",
        "https://a b",
    ] {
        let mistakes = with(wrong).mistakes::<ApiConfig>();
        assert!(
            has(&mistakes, &["server.allowed_origins", wrong, "without a path"]),
            "{mistakes:#?}"
        );
    }
}

#[test]
fn tls_needs_a_certificate_and_its_key() {
    let (cert, key) = (
        "FAILOVER__SERVER__TLS__CERT_FILE",
        "FAILOVER__SERVER__TLS__KEY_FILE",
    );
    let both = Site::working().with(cert, "/c.pem").with(key, "/k.pem");
    let tls = both.load::<ApiConfig>().unwrap().config.server.tls.unwrap();
    assert_eq!((tls.cert_file, tls.key_file), ("/c.pem".into(), "/k.pem".into()));
    assert_eq!(
        Site::working().load::<ApiConfig>().unwrap().config.server.tls,
        None
    );
    for (given, missing) in [
        (cert, "server.tls.key_file is missing"),
        (key, "server.tls.cert_file is missing"),
    ] {
        let mistakes = Site::working().with(given, "/x.pem").mistakes::<ApiConfig>();
        assert!(has(&mistakes, &[missing, "allowed are both"]), "{mistakes:#?}");
    }
}

#[test]
fn limits_that_contradict_each_other_are_a_mistake() {
    let site = Site::working()
        .with("FAILOVER__WORKER__RETRY_MIN", "1m")
        .with("FAILOVER__WORKER__RETRY_MAX", "10s");
    assert!(has(
        &site.mistakes::<WorkerConfig>(),
        &["worker.retry_min", "is 1m", "worker.retry_max", "10s"]
    ));
}

#[test]
fn without_an_address_nobody_is_asked() {
    for site in [
        Site::working(),
        Site::working().with("FAILOVER__OMA__RESUME_TIMEOUT", "5s"),
        Site::working().with("FAILOVER__OMA__HOOK_SECRET", "hunter2"),
    ] {
        let loaded = site.load::<WorkerConfig>().unwrap();
        assert!(loaded.config.oma.hook.is_none());
        assert_eq!(loaded.warnings, []);
    }
}

#[test]
fn the_migration_tool_is_asked_where_an_address_says() {
    let file = "[oma]\nquiesce_url = \"https://oma/quiesce\"\nresume_timeout = \"5s\"\n";
    let mut site = Site::working_with(file);
    let secret = site.secret_file("hunter2\n", 0o600);
    site = site.with("FAILOVER__OMA__HOOK_SECRET_FILE", &secret);
    let loaded = site.load::<WorkerConfig>().unwrap();
    assert!(!format!("{loaded:?}").contains("hunter2"), "{loaded:?}");
    let hook = loaded.config.oma.hook.unwrap();
    let quiesce = hook.quiesce.unwrap();
    assert_eq!(
        (quiesce.url.as_str(), quiesce.timeout.as_secs()),
        ("https://oma/quiesce", 60)
    );
    assert_eq!((hook.resume, hook.secret.expose_secret()), (None, "hunter2"));
}

#[test]
fn a_tool_may_be_told_of_the_return_without_being_asked_before() {
    let site = Site::working()
        .with("FAILOVER__OMA__RESUME_URL", "http://127.0.0.1:9000/")
        .with("FAILOVER__OMA__HOOK_SECRET", "hunter2");
    let hook = site.load::<WorkerConfig>().unwrap().config.oma.hook.unwrap();
    assert_eq!(hook.quiesce, None);
    assert_eq!(hook.resume.unwrap().timeout.as_secs(), 30);
}

#[test]
fn an_address_without_a_secret_is_a_mistake() {
    for key in ["QUIESCE_URL", "RESUME_URL"] {
        let site = Site::working().with(&format!("FAILOVER__OMA__{key}"), "https://oma/hook");
        let mistakes = site.mistakes::<WorkerConfig>();
        let parts = [
            "oma.hook_secret",
            "is missing",
            "oma.hook_secret_file",
            "FAILOVER__OMA__HOOK_SECRET",
        ];
        assert!(has(&mistakes, &parts), "{mistakes:#?}");
        assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    }
}

#[test]
fn all_mistakes_about_the_migration_tool_are_reported_at_once() {
    let file = r#"
        [oma]
        quiesce_url = "https://user:hunter2@oma/"
        quiesce_timeout = "0s"
        resume_url = "oma.example.org"
        resume_timeout = 30
        hook_secret = "hunter2"
        hook_ca_file = ""
        hook_secretfile = "/etc/secret"
    "#;
    let mistakes = Site::working_with(file).mistakes::<WorkerConfig>();
    for parts in [
        ["oma.quiesce_url", "without user name"].as_slice(),
        &["oma.quiesce_timeout", "\"0s\"", "from 1s to 10m"],
        &["oma.resume_url", "\"oma.example.org\"", "https://"],
        &["oma.resume_timeout", "is 30", "\"10s\""],
        &["oma.hook_secret", "must not be written", "oma.hook_secret_file"],
        &["oma.hook_ca_file", "a path of a file"],
        &["oma.hook_secretfile", "not a known key", "hook_secret_file"],
    ] {
        assert!(has(&mistakes, parts), "{parts:?} is not among {mistakes:#?}");
    }
    assert_eq!(mistakes.len(), 7, "{mistakes:#?}");
}

#[test]
fn a_wrong_log_filter_is_found_before_anything_is_logged() {
    let site = Site::working().with("FAILOVER__LOG__FILTER", "info,ossea=loud");
    assert!(has(
        &site.mistakes::<ApiConfig>(),
        &["log.filter", "info,ossea=loud"]
    ));
}

#[test]
fn neither_debug_nor_the_effective_values_show_a_secret() {
    let site = Site::working()
        .with("FAILOVER__SERVER__TOKEN", "hunter2")
        .with("FAILOVER__DATABASE__URL", "postgres://u:hunter2@db/f")
        .with("FAILOVER__OSSEA__SECRET_KEY", "hunter2");
    let loaded = site.load::<ApiConfig>().unwrap();
    assert!(!format!("{loaded:?}").contains("hunter2"), "{loaded:?}");
    let effective = loaded.effective.join("\n");
    assert!(
        effective.contains("server.token = (hidden)  # environment variable FAILOVER__SERVER__TOKEN"),
        "{effective}"
    );
    assert!(
        effective.contains("database.pool_size = 10  # default"),
        "{effective}"
    );
}

#[test]
fn the_simulator_reads_versions_and_fractions() {
    let site = Site::new("[sim]\nprofile = \"4.18\"\nlatency_scale = 0.25\n")
        .with("FAILOVER__SIM__API_KEY", "key")
        .with("FAILOVER__SIM__SECRET_KEY", "secret")
        .with("FAILOVER__SIM__SEED", "7");
    let sim = site.load::<SimConfig>().unwrap().config.sim;
    assert_eq!(
        (sim.profile.as_str(), sim.latency_scale, sim.seed),
        ("4.18", 0.25, 7)
    );
}

#[test]
fn the_simulators_storage_is_named_or_left_to_its_contents() {
    let load = |text: &str| Site::new(text).load::<SimConfig>();
    let sim = load("[sim]\nstorage = \"rbd\"\nscope = \"cluster\"\n")
        .unwrap()
        .config
        .sim;
    let words = (sim.storage.map(|s| s.as_str()), sim.scope.map(|s| s.as_str()));
    assert_eq!(words, (Some("rbd"), Some("cluster")));
    let sim = load("[sim]\n").unwrap().config.sim;
    assert_eq!((sim.storage, sim.scope), (None, None));
    assert!(load("[sim]\nstorage = \"tape\"\n").is_err());
}
