//! What a person asks before the first failover: is this cloud usable, what is it like, which VM is the OMA?
//! The answers come from the cloud through the real client, the API and `failoverctl`.

use std::process::Stdio;

use failover_system_tests::sample::Target;
use serde_json::Value;

use crate::database::TestDatabase;
use crate::site::Site;

/// How a command of `failoverctl` ended.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

fn ossea(site: &Site, line: &[&str]) -> Said {
    let mut command = site.stack.failoverctl().unwrap();
    command.arg("ossea").args(line).stdin(Stdio::null());
    let output = command.output().unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn the_simulated_cloud_is_usable_and_shows_what_can_be_configured() {
    let site = Site::start_without_worker(&TestDatabase::Sqlite);
    let before = site.cloud.inventory().unwrap();

    let check = ossea(&site, &["check"]);
    assert_eq!(check.code, Some(0), "{}{}", check.out, check.err);
    for words in ["USABLE", "CloudStack 4.22.1.0", "pass  Clock Skew", "pass  OMA"] {
        assert!(check.out.contains(words), "{words:?} is not in {}", check.out);
    }

    let told = ossea(&site, &["capabilities", "-o", "json"]).json();
    assert_eq!(told["capabilities"]["version"], "4.22.1.0");
    assert_eq!(told["capabilities"]["release_line"], "4.22");
    assert_eq!(told["capabilities"]["clock_skew_ms"]["answer"], "told");
    assert!(told["probe"]["age_seconds"].is_u64(), "{told:#}");

    let target = Target::read().unwrap();
    for (command, list, configured) in [
        ("zones", "zones", &target.zone),
        ("offerings", "service_offerings", &target.offering),
        ("templates", "templates", &target.template),
    ] {
        let shown = ossea(&site, &[command, "-o", "json"]).json();
        let rows = shown[list].as_array().unwrap();
        let marked: Vec<&Value> = rows.iter().filter(|row| row["is_configured"] == true).collect();
        assert_eq!(marked.len(), 1, "{shown:#}");
        assert_eq!(marked[0]["id"], **configured);
    }
    assert_eq!(site.cloud.inventory().unwrap(), before, "asking changes nothing");
}

#[test]
fn the_oma_is_found_by_its_address() {
    let site = Site::start_without_worker(&TestDatabase::Sqlite);
    let target = Target::read().unwrap();
    let spelled_otherwise = target.oma_mac.to_uppercase().replace(':', "-");
    for mac in [&target.oma_mac, &spelled_otherwise] {
        let found = ossea(&site, &["find-oma", "--mac", mac]);
        assert_eq!(found.code, Some(0), "{}{}", found.out, found.err);
        assert!(found.out.contains(&target.oma), "{}", found.out);
        assert!(found.out.contains("nothing needs to be changed"), "{}", found.out);
    }
    let nobody = ossea(&site, &["find-oma", "--mac", "02:00:00:00:00:99"]);
    assert_eq!(nobody.code, Some(4));
    assert!(
        nobody.out.contains("no VM has 02:00:00:00:00:99"),
        "{}",
        nobody.out
    );
}

#[test]
fn a_cloud_that_is_down_is_a_clear_error_and_what_it_told_stays() {
    let mut site = Site::start_without_worker(&TestDatabase::Sqlite);
    assert_eq!(ossea(&site, &["capabilities"]).code, Some(0));
    site.stack.kill_cloud().unwrap();

    for line in [
        &["check"][..],
        &["zones"],
        &["find-oma", "--mac", "02:00:00:00:00:99"],
    ] {
        let said = ossea(&site, line);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{line:?}");
        for words in ["OSSEA_API_ERROR", "unreachable", "ossea.endpoint"] {
            assert!(said.err.contains(words), "{words:?} is not in {}", said.err);
        }
    }
    let told = ossea(&site, &["capabilities", "--refresh", "-o", "json"]).json();
    assert_eq!(told["capabilities"]["version"], "4.22.1.0");
    let failed = told["probe"]["failed_refresh"]["error"].as_str().unwrap();
    assert!(failed.contains("unreachable"), "{failed}");
}
