//! `GET /metrics`.

use axum::http::StatusCode;
use failover_domain::{AttentionCode, Decision};

use crate::fixture::{TestApi, attention};

#[tokio::test(start_paused = true)]
async fn open_attentions_and_active_jobs_are_counted() {
    let open = vec![
        attention(AttentionCode::RevertFailed, "volume a", &Decision::ALL),
        attention(AttentionCode::RevertFailed, "volume b", &Decision::ALL),
        attention(AttentionCode::StopFailed, "VM x", &[Decision::Retry]),
    ];
    let (api, _) = TestApi::returning(open).await;
    let answer = api.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    for line in [
        "failover_attentions{code=\"REVERT_FAILED\",severity=\"error\"} 2",
        "failover_attentions{code=\"STOP_FAILED\",severity=\"error\"} 1",
        "failover_jobs_active{job_type=\"live\",status=\"pending\"} 1",
        "# TYPE failover_attentions gauge",
    ] {
        assert!(answer.text.contains(line), "{line} is not in\n{}", answer.text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_site_at_rest_has_nothing_to_count() {
    let (api, _) = TestApi::failing_over().await;
    let answer = api.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!answer.text.contains("failover_attentions{"), "{}", answer.text);
}
