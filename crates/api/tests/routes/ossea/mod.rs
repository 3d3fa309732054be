//! `/api/v1/ossea`.

mod capabilities;
mod check;
mod lists;
mod vms;

use axum::http::StatusCode;
use failover_api::dto::ErrorCode;
use ossea_sim::{FaultRule, RuleId, WayFault};

use crate::fixture::TestApi;

/// Counts the calls of a command from now on.
struct Counter(RuleId);

impl Counter {
    fn of(api: &TestApi, command: &str) -> Self {
        let no_fault = WayFault::SlowAnswer { seconds: 0 };
        Self(api.cloud.add_fault(FaultRule::on(command, no_fault).forever()))
    }

    fn calls(&self, api: &TestApi) -> u64 {
        api.cloud.fault(self.0).expect("the rule is there").fired.into()
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_cloud_is_told_as_such_in_time() {
    let api = TestApi::empty();
    api.break_cloud(&WayFault::SlowAnswer { seconds: 3600 });
    let asked = "/api/v1/ossea";
    for path in [
        "capabilities",
        "zones",
        "networks",
        "service-offerings",
        "templates",
        "vms?mac=02:03:00:fa:11:01",
    ] {
        let answer = api.get(&format!("{asked}/{path}")).await;
        let problem = answer.problem(StatusCode::BAD_GATEWAY, ErrorCode::OsseaApiError);
        assert!(problem.detail.contains("no answer within"), "{}", problem.detail);
    }
    let answer = api.post(&format!("{asked}/check"), serde_json::json!({})).await;
    answer.problem(StatusCode::BAD_GATEWAY, ErrorCode::OsseaApiError);
}
