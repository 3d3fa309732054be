//! Promises about the audit: each change has its row, and the rows are one chain.

use std::time::Duration;

use chrono::TimeDelta;
use failover_access::{Actor, AuditRow, ChainCheck};
use failover_domain::{NetworkMapping, Purpose};

use super::Harness;
use super::fixture::{all, base, claimed, create, end, id, new_job, operator, plan, report, vm_id};
use crate::plan::{Settled, WarningPolicy, commit_plan};
use crate::ports::{AuditFilter, AuditOrder, NewJob};
use crate::request::JobRequest;

/// All rows in the order in which they were written.
async fn rows(harness: &dyn Harness) -> Vec<AuditRow> {
    let filter = AuditFilter {
        order: AuditOrder::OldestFirst,
        limit: 1000,
        ..AuditFilter::default()
    };
    harness.audit().audit(&filter).await.expect("a read")
}

/// All rows, which are one whole chain.
async fn chain(harness: &dyn Harness) -> Vec<AuditRow> {
    let head = harness.audit().audit_head().await.expect("a read");
    let rows = rows(harness).await;
    let mut check = ChainCheck::default();
    for row in &rows {
        check.follow(row).expect("the row fits");
    }
    check.end(&head).expect("the end fits");
    rows
}

fn mapping() -> NetworkMapping {
    NetworkMapping {
        source_network: "VM Network".to_owned(),
        purpose: Purpose::Production,
        network_id: id("net-1"),
        network_name: "production".to_owned(),
    }
}

/// With who, what, which source VM and job, and in which request.
pub async fn every_change_has_its_row(harness: &dyn Harness) {
    assert_eq!(chain(harness).await, []);
    let anna = Actor {
        name: "anna \u{0}".to_owned(),
        request_id: Some("r-".to_owned() + &"7".repeat(500)),
    };
    let (inventory, mappings, jobs) = (harness.inventory(), harness.mappings(), harness.jobs());
    for _ in 0..2 {
        let put = inventory.put_vm(&report(1, &["a", "b"]), base(), &anna).await;
        put.expect("a good report");
    }
    mappings
        .put_mapping(&vm_id(1), &mapping(), &anna)
        .await
        .expect("a write");
    let deleted = mappings
        .delete_mapping(&vm_id(1), "VM Network", Purpose::Production, &anna)
        .await;
    assert!(deleted.expect("a write"));
    let lease = claimed(jobs.as_ref()).await;
    for request in [JobRequest::Retry, JobRequest::Cancel] {
        jobs.submit_request(&lease.job_id, &anna, &request)
            .await
            .expect("a write");
    }
    let told = chain(harness).await;
    let actions: Vec<(&str, &str)> = told
        .iter()
        .map(|r| (r.action.as_str(), r.reason.as_str()))
        .collect();
    let job_reason = "of source VM vm-1 \"quoted\" ünï";
    let expected = [
        ("report_vm", "new; 2 disks"),
        ("report_vm", "in place of what was known; 2 disks"),
        ("put_mapping", "to production (net-1)"),
        ("delete_mapping", ""),
        ("start_live", job_reason),
        ("retry", ""),
        ("cancel", ""),
    ];
    assert_eq!(actions, expected);
    assert!(
        told.iter()
            .all(|row| row.vm_id.as_deref() == Some(vm_id(1).as_str()) && row.at == base())
    );
    for row in told.iter().filter(|row| row.action != "start_live") {
        assert_eq!(row.actor, "anna \u{FFFD}");
        assert_eq!(
            row.request_id.as_ref().map(String::len),
            Some(128),
            "cut to what is worth keeping"
        );
    }
    for row in &told[4..] {
        assert_eq!(row.job_id.as_deref(), Some(lease.job_id.as_str()));
    }
}

/// What was refused, and what was so already.
pub async fn what_changes_nothing_has_no_row(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let job = create(jobs.as_ref(), 1, 0).await;
    let before = chain(harness).await;
    jobs.create(new_job(1, 5)).await.expect_err("a job is active");
    let changed = harness
        .inventory()
        .put_vm(&report(1, &["x"]), base(), &operator())
        .await;
    changed.expect_err("a job is active");
    let mappings = harness.mappings();
    let deleted = mappings
        .delete_mapping(&vm_id(1), "nowhere", Purpose::Test, &operator())
        .await;
    assert!(!deleted.expect("a write"));
    jobs.submit_request(
        &id("live-failover-4205a841-0265-f4bd-39a6-000000000001-1"),
        &operator(),
        &JobRequest::Retry,
    )
    .await
    .expect("there is no such job");
    assert_eq!(chain(harness).await, before);
    for _ in 0..2 {
        jobs.submit_request(&job, &operator(), &JobRequest::Cancel)
            .await
            .expect("a write");
    }
    assert_eq!(
        chain(harness).await.len(),
        before.len() + 1,
        "the second cancel changes nothing"
    );
}

/// Nobody waits for somebody who waits for him, and no two rows follow the same one.
pub async fn changes_at_once_make_one_chain(harness: &dyn Harness) {
    let changes = (0..24_usize).map(|n| {
        let (inventory, mappings, jobs) = (harness.inventory(), harness.mappings(), harness.jobs());
        async move {
            match n % 3 {
                0 => drop(
                    inventory
                        .put_vm(&report(n, &[&format!("v-{n}")]), base(), &operator())
                        .await
                        .expect("a write"),
                ),
                1 => mappings
                    .put_mapping(&vm_id(1), &mapping(), &operator())
                    .await
                    .expect("a write"),
                _ => drop(create(jobs.as_ref(), n, 0).await),
            }
        }
    });
    all(changes).await;
    assert_eq!(chain(harness).await.len(), 24);
}

/// By actor, action, source VM and time; pages join without gaps.
pub async fn rows_are_filtered_and_paged_in_both_orders(harness: &dyn Harness) {
    let mappings = harness.mappings();
    for n in 0..6_usize {
        let by = Actor::named(if n % 2 == 0 { "anna" } else { "ben" });
        mappings
            .put_mapping(&vm_id(n / 3), &mapping(), &by)
            .await
            .expect("a write");
        harness.pass(Duration::from_secs(10)).await;
    }
    let found = async |filter: AuditFilter| -> Vec<u64> {
        let rows = harness.audit().audit(&filter).await.expect("a read");
        rows.iter().map(|row| row.seq).collect()
    };
    let any = || AuditFilter {
        limit: 100,
        ..AuditFilter::default()
    };
    let at = |seconds| Some(base() + TimeDelta::seconds(seconds));
    assert_eq!(found(any()).await, [6, 5, 4, 3, 2, 1]);
    assert_eq!(
        found(AuditFilter {
            actor: Some("anna".to_owned()),
            ..any()
        })
        .await,
        [5, 3, 1]
    );
    assert_eq!(
        found(AuditFilter {
            action: Some("cancel".to_owned()),
            ..any()
        })
        .await,
        [0; 0]
    );
    assert_eq!(
        found(AuditFilter {
            vm_id: Some(vm_id(1)),
            ..any()
        })
        .await,
        [6, 5, 4]
    );
    assert_eq!(
        found(AuditFilter {
            since: at(20),
            until: at(40),
            ..any()
        })
        .await,
        [4, 3]
    );
    assert_eq!(
        found(AuditFilter {
            after: Some(3),
            limit: 1,
            ..any()
        })
        .await,
        [2]
    );
    let oldest = AuditFilter {
        order: AuditOrder::OldestFirst,
        ..any()
    };
    assert_eq!(found(oldest.clone()).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(
        found(AuditFilter {
            after: Some(3),
            limit: 2,
            ..oldest
        })
        .await,
        [4, 5]
    );
}

/// And one that settles another says which.
pub async fn a_job_that_passes_over_warnings_says_so(harness: &dyn Harness) {
    let jobs = harness.jobs();
    let mut daring = new_job(1, 0);
    daring.plan.warnings = WarningPolicy::Skip;
    let live = jobs.create(daring).await.expect("nothing stands against it");
    let worker = super::fixture::worker(jobs.as_ref()).await;
    let lease = jobs
        .claim(&worker, 1)
        .await
        .expect("a claim succeeds")
        .remove(0)
        .lease;
    end(jobs.as_ref(), &lease).await;
    let settled = Settled {
        job: live.clone(),
        vm: id("vm-1"),
        snapshots: vec![None, None],
        before: None,
    };
    let commit = NewJob {
        plan: commit_plan(&plan(1), settled),
        ..new_job(1, 60)
    };
    jobs.create(commit).await.expect("nothing stands against it");
    let told = chain(harness).await;
    assert!(told[0].reason.contains("skip_validation"), "{}", told[0].reason);
    assert_eq!(told[1].action, "commit");
    assert!(told[1].reason.contains(live.as_str()) && !told[1].reason.contains("skip_validation"));
}
