//! Who may do what: one line for each route of the API.

use axum::http::Method;
use failover_access::Role;

/// What a route reaches, for callers that are restricted to certain source VMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The source VM, or the job, that its path names.
    Path,
    /// What its body or its query names, or a list: the handler refuses what is not the caller's, and leaves it out of
    /// lists.
    Handler,
    /// No source VM at all.
    NoVm,
    /// All source VMs, or the product itself: not for restricted callers.
    Everything,
}

/// Who may use a route with a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessRule {
    /// The method.
    pub method: &'static str,
    /// The route below `/api/v1`.
    pub path: &'static str,
    /// The least role.
    pub role: Role,
    /// What it reaches.
    pub reach: Reach,
}

const fn rule(role: Role, method: &'static str, path: &'static str, reach: Reach) -> AccessRule {
    AccessRule {
        method,
        path,
        role,
        reach,
    }
}

use Reach::{Everything, Handler, NoVm, Path};
use Role::{Admin, Operator, Viewer};

/// Every route below `/api/v1`. One that is not here is for admins who are not restricted.
pub const ACCESS_RULES: &[AccessRule] = &[
    rule(Operator, "POST", "/failover/live", Handler),
    rule(Operator, "POST", "/failover/test", Handler),
    rule(Operator, "DELETE", "/failover/test/{job_id}", Path),
    rule(Viewer, "GET", "/failover/jobs", Handler),
    rule(Viewer, "GET", "/failover/jobs/{job_id}", Path),
    rule(Viewer, "GET", "/failover/jobs/{job_id}/events", Path),
    rule(Operator, "POST", "/failover/jobs/{job_id}/cancel", Path),
    rule(Operator, "POST", "/failover/jobs/{job_id}/retry", Path),
    rule(Operator, "POST", "/failover/jobs/{job_id}/extend", Path),
    rule(Operator, "POST", "/failover/jobs/{job_id}/decide", Path),
    rule(Operator, "POST", "/failover/jobs/{job_id}/commit", Path),
    rule(Operator, "POST", "/failover/jobs/{job_id}/rollback", Path),
    rule(Viewer, "GET", "/failover/{job_id}/status", Path),
    rule(Viewer, "GET", "/failover/readiness", Handler),
    rule(Viewer, "GET", "/failover/{vm_id}/readiness", Path),
    rule(Viewer, "GET", "/attention", Handler),
    rule(Viewer, "GET", "/vms", Handler),
    rule(Viewer, "GET", "/vms/{vm_id}", Path),
    rule(Operator, "PUT", "/vms/{vm_id}/replica", Path),
    rule(Viewer, "GET", "/vms/{vm_id}/failover-readiness", Path),
    rule(Viewer, "GET", "/vms/{vm_id}/sync-status", Path),
    rule(Viewer, "GET", "/vms/{vm_id}/network-mapping-status", Path),
    rule(Viewer, "GET", "/vms/{vm_id}/volume-status", Path),
    rule(Viewer, "GET", "/vms/{vm_id}/active-jobs", Path),
    rule(Viewer, "GET", "/vms/{vm_id}/configuration-check", Path),
    rule(Viewer, "GET", "/vms/{vm_id}/quarantine", Path),
    rule(Operator, "DELETE", "/vms/{vm_id}/quarantine/{volume_id}", Path),
    rule(Operator, "POST", "/inventory/import", Handler),
    rule(Viewer, "GET", "/inventory/export", Handler),
    rule(Viewer, "GET", "/network-mappings", Handler),
    rule(Operator, "POST", "/network-mappings", Handler),
    rule(Operator, "POST", "/network-mappings/bulk", Handler),
    rule(Viewer, "GET", "/network-mappings/{vm_id}", Path),
    rule(Viewer, "GET", "/network-mappings/{vm_id}/suggestions", Path),
    rule(
        Operator,
        "POST",
        "/network-mappings/{vm_id}/copy-from/{other_vm_id}",
        Path,
    ),
    rule(Viewer, "GET", "/network-mappings/{vm_id}/{source_network}", Path),
    rule(
        Operator,
        "PUT",
        "/network-mappings/{vm_id}/{source_network}",
        Path,
    ),
    rule(
        Operator,
        "DELETE",
        "/network-mappings/{vm_id}/{source_network}",
        Path,
    ),
    rule(Viewer, "GET", "/ossea/capabilities", NoVm),
    // A question that is put with POST because it makes the cloud work; it changes nothing.
    rule(Viewer, "POST", "/ossea/check", NoVm),
    rule(Viewer, "GET", "/ossea/zones", NoVm),
    rule(Viewer, "GET", "/ossea/networks", NoVm),
    rule(Viewer, "GET", "/ossea/service-offerings", NoVm),
    rule(Viewer, "GET", "/ossea/templates", NoVm),
    rule(Viewer, "GET", "/ossea/vms", NoVm),
    rule(Viewer, "GET", "/debug/health", NoVm),
    rule(Viewer, "GET", "/debug/failover-jobs", Handler),
    rule(Viewer, "GET", "/debug/endpoints", NoVm),
    // Log lines are about every VM, and say more than answers do.
    rule(Admin, "GET", "/debug/logs", Everything),
    rule(Admin, "GET", "/audit", Everything),
    rule(Admin, "GET", "/tokens", Everything),
    rule(Admin, "POST", "/tokens", Everything),
    rule(Admin, "DELETE", "/tokens/{token_id}", Everything),
];

/// The rule of a route as the router has matched it.
pub(super) fn rule_of(method: &Method, path: &str) -> Option<&'static AccessRule> {
    let path = path.strip_prefix("/api/v1")?;
    // Whoever may read a route may ask for its head only.
    let method = if method == Method::HEAD {
        Method::GET.as_str()
    } else {
        method.as_str()
    };
    ACCESS_RULES
        .iter()
        .find(|rule| rule.method == method && rule.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_names_a_vm_or_a_job_is_held_against_the_caller() {
        for rule in ACCESS_RULES {
            let names_one = rule.path.contains("{vm_id}") || rule.path.contains("{job_id}");
            assert_eq!(names_one, rule.reach == Path, "{} {}", rule.method, rule.path);
        }
    }

    #[test]
    fn viewers_change_nothing() {
        for rule in ACCESS_RULES {
            let is_question = rule.method == "GET" || rule.path == "/ossea/check";
            assert!(
                is_question || rule.role >= Operator,
                "{} {}",
                rule.method,
                rule.path
            );
        }
    }

    #[test]
    fn each_route_has_one_rule() {
        for (place, rule) in ACCESS_RULES.iter().enumerate() {
            let same = |other: &&AccessRule| (other.method, other.path) == (rule.method, rule.path);
            assert_eq!(ACCESS_RULES[..place].iter().find(same), None);
        }
    }

    #[test]
    fn the_head_of_a_route_needs_what_reading_it_needs() {
        let rule = rule_of(&Method::HEAD, "/api/v1/vms/{vm_id}").unwrap();
        assert_eq!((rule.method, rule.role), ("GET", Viewer));
        assert_eq!(rule_of(&Method::PUT, "/api/v1/vms/{vm_id}"), None);
        assert_eq!(rule_of(&Method::GET, "/vms/{vm_id}"), None);
    }
}
