//! Who may depend on whom. Dependencies point at the domain; only the binaries see everything.
//!
//! Dev-dependencies are free: a test may bring the simulator or the store to a crate that must not know them.

use std::collections::BTreeSet;

use crate::workspace::{DependencyKind, Package, Workspace};

/// Our packages and what each may use of the others.
const ALLOWED: &[(&str, &[&str])] = &[
    ("failover-domain", &[]),
    ("failover-access", &["failover-domain"]),
    ("ossea", &["failover-domain"]),
    ("failover-validation", &["failover-domain", "ossea"]),
    (
        "failover-engine",
        &[
            "failover-access",
            "failover-domain",
            "failover-validation",
            "ossea",
        ],
    ),
    ("guest-probe", &["failover-domain", "failover-engine"]),
    ("writer-hook", &["failover-domain", "failover-engine"]),
    (
        "failover-store",
        &["failover-access", "failover-domain", "failover-engine"],
    ),
    (
        "failover-api",
        &[
            "failover-access",
            "failover-domain",
            "failover-engine",
            "failover-validation",
            "log-ring",
            "ossea",
        ],
    ),
    ("failover-config", &["log-ring"]),
    ("log-ring", &[]),
    // A model of the protocol, written from the code and independent of it.
    ("failover-model", &[]),
    ("http-edge", &[]),
    ("ossea-sim", &["failover-domain", "http-edge", "ossea"]),
    // Wiring that API and worker share, and nothing else.
    ("failover-assembly", WIRING),
    (
        "failover-api-bin",
        &[
            "failover-access",
            "failover-api",
            "failover-assembly",
            "failover-config",
            "failover-engine",
            "http-edge",
            "log-ring",
        ],
    ),
    (
        "failover-worker-bin",
        &[
            "failover-assembly",
            "failover-config",
            "failover-engine",
            "guest-probe",
        ],
    ),
    ("ossea-sim-bin", &["failover-config", "http-edge", "ossea-sim"]),
    // The command line is a client of the API and nothing else: it shares the words, not the engine.
    (
        "failoverctl",
        &[
            "failover-access",
            "failover-api",
            "failover-config",
            "failover-domain",
        ],
    ),
    (
        "failover-bench",
        &["failover-domain", "http-edge", "ossea", "ossea-sim"],
    ),
    ("failover-system-tests", &[]),
    // The benches sign their calls.
    ("xtask", &["failover-system-tests", "ossea"]),
];

/// What the wiring of the server binaries sees: every crate below the HTTP edge.
const WIRING: &[&str] = &[
    "failover-config",
    "failover-domain",
    "failover-engine",
    "failover-store",
    "failover-validation",
    "ossea",
    "writer-hook",
];

/// Crates of others that only some of our packages may use.
const RESERVED: &[(&str, &[&str])] = &[
    (
        "anyhow",
        &[
            "failover-api-bin",
            "failover-assembly",
            "failover-bench",
            "failover-worker-bin",
            "ossea-sim-bin",
            "failoverctl",
            "failover-system-tests",
            "xtask",
        ],
    ),
    ("axum", &["failover-api", "http-edge", "ossea-sim"]),
    ("diesel", &["failover-store"]),
    ("diesel-async", &["failover-store"]),
    ("diesel_migrations", &["failover-store"]),
    ("libsqlite3-sys", &["failover-store"]),
    ("reqwest", &["ossea", "failoverctl", "writer-hook"]),
    ("stateright", &["failover-model"]),
    ("tokio-postgres", &["failover-store"]),
    ("utoipa-axum", &["failover-api"]),
    ("utoipa-swagger-ui", &["failover-api"]),
];

/// What the domain may use at all: values, no IO, no async, no database. Schemas (utoipa) are values too, behind a feature.
const OF_THE_DOMAIN: &[&str] = &["chrono", "serde", "serde_json", "thiserror", "utoipa", "uuid"];

/// Every forbidden edge, and every package that the table does not know.
pub(super) fn violations(workspace: &Workspace) -> Vec<String> {
    let ours: BTreeSet<&str> = workspace.packages.iter().map(|p| p.name.as_str()).collect();
    let mut violations: Vec<String> = ALLOWED
        .iter()
        .filter(|(name, _)| !ours.contains(name))
        .map(|(name, _)| format!("xtask's table of directions names {name}, which is not in the workspace"))
        .collect();
    violations.extend(
        workspace
            .packages
            .iter()
            .flat_map(|package| of_package(package, &ours)),
    );
    violations
}

fn of_package(package: &Package, ours: &BTreeSet<&str>) -> Vec<String> {
    let name = package.name.as_str();
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
        return vec![format!(
            "{name} is not in xtask's table of directions: say there what it may depend on"
        )];
    };
    let used = package
        .dependencies
        .iter()
        .filter(|d| d.kind != DependencyKind::Dev)
        .map(|d| d.name.as_str());
    used.filter_map(|other| {
        let reserved = RESERVED.iter().find(|(crate_name, _)| *crate_name == other);
        if ours.contains(other) {
            (!allowed.contains(&other)).then(|| format!("{name} must not depend on {other}"))
        } else if let Some((_, users)) = reserved {
            (!users.contains(&name)).then(|| {
                format!(
                    "{name} must not depend on {other}, which belongs to {}",
                    users.join(", ")
                )
            })
        } else if name == "failover-domain" {
            (!OF_THE_DOMAIN.contains(&other))
                .then(|| format!("{name} must not depend on {other}: the domain is plain values"))
        } else {
            None
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, others: &[(&str, DependencyKind)]) -> Package {
        let dependency = |(name, kind): &(&str, DependencyKind)| Dependency {
            name: (*name).to_owned(),
            kind: *kind,
        };
        Package {
            name: name.to_owned(),
            license: None,
            manifest_path: "Cargo.toml".into(),
            dependencies: others.iter().map(dependency).collect(),
        }
    }

    fn found(name: &str, others: &[(&str, DependencyKind)]) -> usize {
        let ours = ALLOWED.iter().map(|(name, _)| *name).collect();
        of_package(&package(name, others), &ours).len()
    }

    #[test]
    fn an_upward_dependency_is_found() {
        use DependencyKind::{Build, Normal};
        assert_eq!(
            found(
                "failover-engine",
                &[("failover-domain", Normal), ("serde", Normal)]
            ),
            0
        );
        assert_eq!(found("failover-engine", &[("failover-store", Normal)]), 1);
        assert_eq!(found("failover-engine", &[("failover-store", Build)]), 1);
        assert_eq!(found("failover-store", &[("failover-api", Normal)]), 1);
        assert_eq!(found("failover-domain", &[("ossea", Normal)]), 1);
    }

    #[test]
    fn tests_may_see_more() {
        assert_eq!(found("failover-engine", &[("ossea-sim", DependencyKind::Dev)]), 0);
    }

    #[test]
    fn foreign_crates_stay_where_they_belong() {
        use DependencyKind::Normal;
        assert_eq!(
            found(
                "failover-engine",
                &[("diesel", Normal), ("axum", Normal), ("reqwest", Normal)]
            ),
            3
        );
        assert_eq!(
            found("failover-domain", &[("tokio", Normal), ("serde", Normal)]),
            1
        );
        assert_eq!(found("failover-store", &[("diesel", Normal)]), 0);
    }

    #[test]
    fn an_unknown_package_is_found() {
        assert_eq!(found("newcomer", &[]), 1);
    }

    #[test]
    fn the_table_has_no_cycle() {
        for (name, _) in ALLOWED {
            let mut seen = BTreeSet::new();
            let mut open: Vec<&str> = vec![name];
            while let Some(next) = open.pop() {
                let (_, uses) = ALLOWED
                    .iter()
                    .find(|(known, _)| *known == next)
                    .expect("the table is closed");
                for used in *uses {
                    assert_ne!(used, name, "{name} reaches itself through {next}");
                    if seen.insert(*used) {
                        open.push(used);
                    }
                }
            }
        }
    }
}
