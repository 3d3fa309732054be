//! Promises about the looks at the readiness of source VMs.

use chrono::TimeDelta;
use failover_domain::{FailoverType, VmId};

use super::Harness;
use super::fixture::{all, base, vm_id};
use crate::looks::ReadinessLook;

fn look(vm: usize, failover: FailoverType, second: i64, failed: &[&str]) -> ReadinessLook {
    ReadinessLook {
        vm_id: vm_id(vm),
        failover,
        at: base() + TimeDelta::seconds(second),
        is_ready: failed.is_empty(),
        score: if failed.is_empty() { 100.0 } else { 81.25 },
        failed_rules: failed.iter().map(ToString::to_string).collect(),
    }
}

async fn last(harness: &dyn Harness, failover: FailoverType, vms: &[usize]) -> Vec<ReadinessLook> {
    let vms: Vec<VmId> = vms.iter().copied().map(vm_id).collect();
    let looks = harness.looks().last_looks(failover, &vms).await;
    looks.expect("a read").into_values().collect()
}

/// Live and test never replace each other.
pub async fn a_look_reads_back_for_its_type_only(harness: &dyn Harness) {
    let live = look(1, FailoverType::Live, 0, &["volume_state", "sync_status"]);
    let test = look(1, FailoverType::Test, 1, &[]);
    let other = look(2, FailoverType::Live, 2, &["active_jobs"]);
    let kept = [live.clone(), test.clone(), other.clone()];
    harness.looks().put_looks(&kept).await.expect("a write");
    assert_eq!(
        last(harness, FailoverType::Live, &[3, 2, 1]).await,
        [live, other.clone()]
    );
    assert_eq!(last(harness, FailoverType::Live, &[2, 3]).await, [other]);
    assert_eq!(last(harness, FailoverType::Test, &[1, 2]).await, [test]);
    assert_eq!(last(harness, FailoverType::Test, &[]).await, []);
    harness.looks().put_looks(&[]).await.expect("nothing to write");
}

/// Two readers may store in the other order than that in which they looked.
pub async fn a_newer_look_takes_the_place_of_an_older_one_and_never_the_reverse(harness: &dyn Harness) {
    let put = async |look: &ReadinessLook| {
        let looks = std::slice::from_ref(look);
        harness.looks().put_looks(looks).await.expect("a write");
        last(harness, FailoverType::Live, &[1]).await
    };
    let first = look(1, FailoverType::Live, 10, &["volume_state"]);
    let second = look(1, FailoverType::Live, 20, &[]);
    let late = look(1, FailoverType::Live, 15, &["sync_status"]);
    assert_eq!(put(&first).await, [first]);
    assert_eq!(put(&second).await, std::slice::from_ref(&second));
    assert_eq!(put(&late).await, [second]);
}

/// Whoever looks at many VMs writes beside others who do the same.
pub async fn looks_at_once_leave_the_newest(harness: &dyn Harness) {
    let at = |second| -> Vec<ReadinessLook> {
        let failed: &[&str] = if second % 2 == 0 { &["volume_state"] } else { &[] };
        let looks = (1..=20).map(|vm| look(vm, FailoverType::Test, second, failed));
        // Half of them the other way round: whatever the order, nobody waits for anybody in a circle.
        if second % 2 == 0 {
            looks.collect()
        } else {
            looks.rev().collect()
        }
    };
    let puts = (1..=8).map(|second| {
        let looks = harness.looks();
        async move { looks.put_looks(&at(second)).await }
    });
    for outcome in all(puts).await {
        outcome.expect("a write");
    }
    let vms: Vec<usize> = (1..=20).collect();
    assert_eq!(last(harness, FailoverType::Test, &vms).await, at(8));
}
