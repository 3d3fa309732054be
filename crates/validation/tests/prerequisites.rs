//! Each test takes a site where everything is right, breaks one thing and expects one finding.

#![expect(clippy::unwrap_used, reason = "test fixtures may panic")]

mod silent;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::DateTime;
use failover_domain::CheckType;
use failover_validation::prerequisites::{Prerequisite, PrerequisiteReport, PrerequisiteStatus};
use failover_validation::{Target, check_prerequisites};
use ossea::probe::{ApiLimit, Standing};
use ossea::{
    CloudNic, CloudProbe, CloudVm, Fact, LimitedResource, MockOsseaClient, Network, NotTold, OsseaError,
    PoolKind, PoolScope, ResourceLimit, ServiceOffering, StoragePool, Template, VmState, Zone,
};
use serde_json::json;
use silent::SilentCloud;
use tokio::time::Instant;

const GIB: u64 = 1 << 30;

/// What the cloud shows.
struct Site {
    target: Target,
    probe: CloudProbe,
    zones: Vec<Zone>,
    offerings: Vec<ServiceOffering>,
    templates: Vec<Template>,
    vms: Vec<CloudVm>,
    networks: Result<Vec<Network>, OsseaError>,
}

fn zone(id: &str, enabled: bool) -> Zone {
    Zone {
        id: id.parse().unwrap(),
        name: format!("{id}-name"),
        enabled,
    }
}

fn fixed_offering(id: &str, cpus: u32) -> ServiceOffering {
    ServiceOffering {
        id: id.parse().unwrap(),
        name: format!("{id}-name"),
        customized: false,
        cpus: Some(cpus),
        cpu_speed_mhz: Some(2000),
        memory_mib: Some(1024 * cpus),
        cpu_bounds: None,
        memory_bounds_mib: None,
    }
}

fn custom_offering(id: &str, cpu_bounds: Option<(u32, u32)>) -> ServiceOffering {
    ServiceOffering {
        customized: true,
        cpus: None,
        cpu_speed_mhz: None,
        memory_mib: None,
        cpu_bounds,
        ..fixed_offering(id, 1)
    }
}

fn template(id: &str, size_gib: u64) -> Template {
    Template {
        id: id.parse().unwrap(),
        name: format!("{id}-name"),
        ready: true,
        hypervisor: "KVM".into(),
        password_enabled: false,
        size_bytes: size_gib * GIB,
    }
}

fn network(kind: &str, can_deploy: bool) -> Network {
    Network {
        id: "net".parse().unwrap(),
        name: "net-name".into(),
        kind: kind.into(),
        zone: "zone".parse().unwrap(),
        state: "Implemented".into(),
        can_deploy,
    }
}

fn pool(name: &str, managed: Option<bool>) -> StoragePool {
    StoragePool {
        id: name.parse().unwrap(),
        name: name.into(),
        zone: "zone".parse().unwrap(),
        kind: PoolKind::NetworkFilesystem,
        scope: PoolScope::Zone,
        cluster: None,
        managed,
    }
}

fn oma() -> CloudVm {
    CloudVm {
        id: "oma".parse().unwrap(),
        name: "oma-name".into(),
        display_name: "oma-name".into(),
        state: VmState::Running,
        zone: "zone".parse().unwrap(),
        created: None,
        host: None,
        cpus: None,
        memory_mib: None,
        nics: vec![CloudNic {
            id: None,
            network: "net".parse().unwrap(),
            network_name: "net-name".into(),
            mac: "02:00:00:00:00:01".into(),
            address: None,
            is_default: true,
            device: Some(0),
        }],
        details: BTreeMap::new(),
        pending_job: None,
    }
}

fn probe() -> CloudProbe {
    CloudProbe {
        taken_at: DateTime::UNIX_EPOCH,
        zone: "zone".parse().unwrap(),
        version: "4.22.1.0".to_owned().into(),
        snapshots_running_vms: true,
        may_expunge_vm: true,
        may_expunge_volume: Fact::told(true),
        may_force_stop: Fact::told(true),
        shows_destroyed_vms: Fact::told(true),
        api_limit: None,
        clock_skew_ms: Fact::told(-900),
        standing: Fact::told(Standing::RootAdmin),
        storage_pools: Fact::told(vec![pool("nfs-1", Some(false))]),
        resource_limits: Fact::told(vec![ResourceLimit {
            resource: LimitedResource::Vms,
            max: Some(20),
        }]),
    }
}

impl Site {
    fn clean() -> Self {
        Self {
            target: Target {
                oma_vm: "oma".parse().unwrap(),
                zone: "zone".parse().unwrap(),
                offering: "offering".parse().unwrap(),
                template: "template".parse().unwrap(),
                cpu_speed_mhz: 2000,
                test_networks: BTreeSet::new(),
            },
            probe: probe(),
            zones: vec![zone("zone", true)],
            offerings: vec![custom_offering("offering", Some((1, 16)))],
            templates: vec![template("template", 1)],
            vms: vec![oma()],
            networks: Ok(vec![network("Isolated", true)]),
        }
    }

    fn cloud(&self) -> MockOsseaClient {
        let mut cloud = MockOsseaClient::new();
        let zones = self.zones.clone();
        cloud
            .expect_zone()
            .returning(move |id| Ok(zones.iter().find(|zone| zone.id == *id).cloned()));
        let zones = self.zones.clone();
        cloud.expect_zones().returning(move || Ok(zones.clone()));
        let offerings = self.offerings.clone();
        cloud
            .expect_service_offering()
            .returning(move |id| Ok(offerings.iter().find(|o| o.id == *id).cloned()));
        let offerings = self.offerings.clone();
        cloud
            .expect_service_offerings()
            .returning(move || Ok(offerings.clone()));
        let templates = self.templates.clone();
        cloud
            .expect_template()
            .returning(move |id, _| Ok(templates.iter().find(|t| t.id == *id).cloned()));
        let templates = self.templates.clone();
        cloud.expect_templates().returning(move |_| Ok(templates.clone()));
        let vms = self.vms.clone();
        cloud
            .expect_vm()
            .returning(move |id| Ok(vms.iter().find(|vm| vm.id == *id).cloned()));
        let networks = self.networks.clone();
        cloud.expect_networks().returning(move |_| networks.clone());
        cloud
    }

    async fn report(&self) -> PrerequisiteReport {
        check_prerequisites(&self.target, &self.cloud(), Ok(&self.probe)).await
    }

    /// The one check that is not passed.
    async fn finding(&self) -> Prerequisite {
        let report = self.report().await;
        let mut others = report
            .checks
            .iter()
            .filter(|check| check.status != PrerequisiteStatus::Passed);
        let finding = others.next().expect("something is wrong").clone();
        assert_eq!(others.next(), None, "one thing is wrong");
        assert!(finding.remedy.is_some(), "{finding:?}");
        let is_critical =
            finding.severity == CheckType::Critical && finding.status == PrerequisiteStatus::Failed;
        assert_eq!(report.is_usable, !is_critical, "{finding:?}");
        finding
    }

    async fn failed(&self, name: &str, words: &str) -> Prerequisite {
        let finding = self.finding().await;
        assert_eq!(
            (finding.name.as_str(), finding.status),
            (name, PrerequisiteStatus::Failed)
        );
        assert!(finding.message.contains(words), "{}", finding.message);
        finding
    }

    async fn not_told(&self, name: &str, words: &str) {
        let finding = self.finding().await;
        assert_eq!(
            (finding.name.as_str(), finding.status),
            (name, PrerequisiteStatus::NotTold)
        );
        assert!(finding.message.contains(words), "{}", finding.message);
    }
}

fn suggested(check: &Prerequisite) -> Vec<&str> {
    check.suggestions.iter().map(|s| s.id.as_str()).collect()
}

#[tokio::test]
async fn a_clean_site_passes_every_check() {
    let report = Site::clean().report().await;
    assert!(report.is_usable);
    let names: Vec<&str> = report.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "cloud_reachable",
            "clock_skew",
            "version",
            "expunge_vms",
            "delete_volumes",
            "force_stop",
            "resource_limits",
            "api_limit",
            "managed_storage",
            "zone",
            "service_offering",
            "template",
            "oma",
            "networks"
        ]
    );
    for check in &report.checks {
        assert_eq!(check.status, PrerequisiteStatus::Passed, "{check:?}");
        assert_eq!((&check.remedy, check.suggestions.len()), (&None, 0), "{check:?}");
    }
}

#[tokio::test]
async fn refused_credentials_are_the_only_finding() {
    let site = Site::clean();
    let error = OsseaError::Unauthorized("wrong key".into());
    let report = check_prerequisites(&site.target, &MockOsseaClient::new(), Err(&error)).await;
    assert!(!report.is_usable);
    let [check] = &report.checks[..] else {
        panic!("{report:?}")
    };
    assert_eq!(
        (check.name.as_str(), check.status),
        ("cloud_reachable", PrerequisiteStatus::Failed)
    );
}

#[tokio::test]
async fn a_missing_zone_suggests_the_ones_that_take_vms() {
    let mut site = Site::clean();
    site.zones = vec![zone("east", true), zone("west", false)];
    let report = site.report().await;
    let of = |name: &str| report.checks.iter().find(|check| check.name == name).unwrap();
    assert_eq!(of("zone").status, PrerequisiteStatus::Failed);
    assert_eq!(suggested(of("zone")), ["east"]);
    for name in ["template", "networks"] {
        assert_eq!(of(name).status, PrerequisiteStatus::NotTold);
    }
}

#[tokio::test]
async fn of_the_zones_that_take_vms_that_of_the_oma_is_suggested_first() {
    let mut site = Site::clean();
    site.zones = vec![zone("east", true), zone("north", true), zone("west", true)];
    site.vms[0].zone = "north".parse().unwrap();
    let report = site.report().await;
    let check = report.checks.iter().find(|check| check.name == "zone").unwrap();
    assert_eq!(suggested(check), ["north", "east", "west"]);
    assert!(check.suggestions[0].why.contains("the OMA is there"));
}

#[tokio::test]
async fn a_disabled_zone_fails() {
    let mut site = Site::clean();
    site.zones = vec![zone("zone", false)];
    site.failed("zone", "disabled").await;
}

#[tokio::test]
async fn a_missing_offering_suggests_free_sizes_first() {
    let mut site = Site::clean();
    site.offerings = vec![
        fixed_offering("small", 1),
        fixed_offering("large", 8),
        custom_offering("narrow", Some((1, 2))),
        custom_offering("free", None),
    ];
    let check = site.failed("service_offering", "does not exist").await;
    assert_eq!(suggested(&check), ["free", "narrow", "large", "small"]);
    assert!(check.suggestions[1].why.contains("1 to 2 CPUs"));
}

#[tokio::test]
async fn a_missing_template_suggests_the_smallest_that_fit() {
    let mut site = Site::clean();
    site.templates = vec![
        template("big", 20),
        template("small", 2),
        Template {
            password_enabled: true,
            ..template("with-password", 1)
        },
        Template {
            ready: false,
            ..template("copying", 1)
        },
        Template {
            hypervisor: "VMware".into(),
            ..template("foreign", 1)
        },
    ];
    let check = site.failed("template", "does not exist").await;
    assert_eq!(suggested(&check), ["small", "big"]);
}

#[tokio::test]
async fn a_template_that_does_not_fit_fails_and_others_are_suggested() {
    for (words, unfit) in [
        (
            "not ready",
            Template {
                ready: false,
                ..template("template", 1)
            },
        ),
        (
            "VMware",
            Template {
                hypervisor: "VMware".into(),
                ..template("template", 1)
            },
        ),
    ] {
        let mut site = Site::clean();
        site.templates = vec![unfit, template("other", 1)];
        let check = site.failed("template", words).await;
        assert_eq!(suggested(&check), ["other"]);
    }
}

#[tokio::test]
async fn a_password_enabled_template_fails_only_where_there_are_l2_networks() {
    let mut site = Site::clean();
    site.templates[0].password_enabled = true;
    assert!(site.report().await.is_usable);
    site.networks = Ok(vec![network("L2", true)]);
    site.failed("template", "password server").await;
}

#[tokio::test]
async fn a_missing_oma_tells_how_to_find_it() {
    let mut site = Site::clean();
    site.vms.clear();
    let check = site.failed("oma", "does not exist").await;
    assert!(check.remedy.unwrap().contains("find-oma --mac"));
}

#[tokio::test]
async fn an_oma_that_is_off_or_elsewhere_fails() {
    let mut site = Site::clean();
    site.vms[0].state = VmState::Stopped;
    site.failed("oma", "Stopped").await;
    let mut site = Site::clean();
    site.vms[0].zone = "far".parse().unwrap();
    site.failed("oma", "far").await;
}

#[tokio::test]
async fn a_zone_without_usable_networks_fails() {
    let mut site = Site::clean();
    site.networks = Ok(vec![network("Isolated", false)]);
    site.failed("networks", "none of the 1").await;
}

#[tokio::test]
async fn networks_that_do_not_arrive_fail_and_are_not_taken_for_none() {
    let mut site = Site::clean();
    site.networks = Err(OsseaError::Unreachable("cut".into()));
    site.failed("networks", "cut").await;
}

#[tokio::test]
async fn releases_outside_of_what_is_known_are_told_apart() {
    let mut site = Site::clean();
    site.probe.version = "4.17.0.0".to_owned().into();
    site.failed("version", "older").await;
    site.probe.version = "4.23.0.0".to_owned().into();
    site.not_told("version", "newer").await;
    site.probe.version = "blue".to_owned().into();
    site.not_told("version", "no version").await;
}

#[tokio::test]
async fn clocks_that_differ_are_told_with_their_direction() {
    let mut site = Site::clean();
    site.probe.clock_skew_ms = Fact::told(75_000);
    site.failed("clock_skew", "75 s ahead of ours").await;
    site.probe.clock_skew_ms = Fact::told(-75_000);
    site.failed("clock_skew", "75 s behind ours").await;
    site.probe.clock_skew_ms = Fact::NotTold(NotTold::NotMeasured);
    site.not_told("clock_skew", "measured").await;
}

#[tokio::test]
async fn permissions_are_given_refused_or_not_told() {
    let mut site = Site::clean();
    site.probe.may_expunge_vm = false;
    site.failed("expunge_vms", "may not expunge").await;
    for (name, field) in [
        ("delete_volumes", (|probe| &mut probe.may_expunge_volume) as Field),
        ("force_stop", |probe| &mut probe.may_force_stop),
    ] {
        let mut site = Site::clean();
        *field(&mut site.probe) = Fact::told(false);
        site.failed(name, "may not").await;
        *field(&mut site.probe) = Fact::of_release(None);
        site.not_told(name, "this release does not tell").await;
    }
}

/// A permission in a probe.
type Field = fn(&mut CloudProbe) -> &mut Fact<bool>;

#[tokio::test]
async fn managed_storage_is_named_and_never_assumed_away() {
    let mut site = Site::clean();
    let pools = |list: Vec<StoragePool>| Fact::told(list);
    site.probe.storage_pools = pools(vec![pool("nfs-1", Some(false)), pool("san-1", Some(true))]);
    let check = site.failed("managed_storage", "san-1").await;
    assert_eq!(
        check.details,
        json!({"usable": ["nfs-1"], "managed": ["san-1"], "not_told": []})
    );
    site.probe.storage_pools = pools(vec![pool("san-1", Some(true)), pool("san-2", Some(true))]);
    let check = site.failed("managed_storage", "no VM can be failed over").await;
    assert_eq!(check.severity, CheckType::Critical);
    site.probe.storage_pools = pools(vec![pool("nfs-1", None)]);
    site.not_told("managed_storage", "nfs-1").await;
    site.probe.storage_pools = pools(Vec::new());
    site.failed("managed_storage", "no primary storage").await;
    site.probe.storage_pools = Fact::NotTold(NotTold::ToOurRole);
    site.not_told("managed_storage", "role").await;
}

#[tokio::test]
async fn a_limit_of_zero_fails() {
    let mut site = Site::clean();
    site.probe.resource_limits = Fact::told(vec![
        ResourceLimit {
            resource: LimitedResource::Snapshots,
            max: Some(0),
        },
        ResourceLimit {
            resource: LimitedResource::Other(17),
            max: Some(0),
        },
        ResourceLimit {
            resource: LimitedResource::Volumes,
            max: None,
        },
    ]);
    let check = site.failed("resource_limits", "none of: snapshots").await;
    assert_eq!(check.details["limits"], json!({"snapshots": 0, "volumes": null}));
    site.probe.resource_limits = Fact::NotTold(NotTold::ToOurRole);
    site.not_told("resource_limits", "role").await;
}

#[tokio::test]
async fn a_low_api_limit_matters_to_those_who_are_counted() {
    let mut site = Site::clean();
    site.probe.api_limit = Some(ApiLimit {
        requests: 8,
        interval_seconds: 2,
    });
    assert!(
        site.report()
            .await
            .checks
            .iter()
            .all(|c| c.status == PrerequisiteStatus::Passed)
    );
    site.probe.standing = Fact::told(Standing::Limited);
    site.failed("api_limit", "8 requests in 2 s").await;
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_falls_silent_fails_what_it_was_asked_for_in_bounded_time() {
    let site = Site::clean();
    let began = Instant::now();
    let report = check_prerequisites(&site.target, &SilentCloud, Ok(&site.probe)).await;
    assert!(
        began.elapsed() <= Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    assert!(!report.is_usable);
    for name in ["zone", "service_offering", "oma"] {
        let check = report.checks.iter().find(|check| check.name == name).unwrap();
        assert_eq!(check.status, PrerequisiteStatus::Failed);
        assert!(check.message.contains("no answer within"), "{}", check.message);
    }
}
