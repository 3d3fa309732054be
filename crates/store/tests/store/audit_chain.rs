//! What somebody has done to the audit with plain SQL is found, and where.

use failover_access::{ChainBreak, ChainCheck};
use failover_engine::contract::fixture::{base, operator, report};
use failover_engine::ports::{AuditFilter, AuditOrder, AuditTrail, Inventory};
use failover_store::Store;

use crate::lab::Database;

/// Checks the audit as `failoverctl audit verify` does.
async fn verify(store: &Store) -> Result<(), ChainBreak> {
    let head = store.audit_head().await.expect("the database answers");
    let filter = AuditFilter {
        order: AuditOrder::OldestFirst,
        after: Some(0),
        limit: 1000,
        ..AuditFilter::default()
    };
    let mut check = ChainCheck::default();
    for row in store.audit(&filter).await.expect("the database answers") {
        check.follow(&row)?;
    }
    check.end(&head)
}

/// What a statement does to an audit of five rows.
async fn after(statement: &str) -> Vec<Result<(), ChainBreak>> {
    let mut verdicts = Vec::new();
    for database in Database::each().await {
        let store = Store::open(&database.settings())
            .await
            .expect("the database opens");
        for vm in 1..=5 {
            let report = report(vm, &[&format!("volume-{vm}")]);
            store
                .put_vm(&report, base(), &operator())
                .await
                .expect("the report is taken");
        }
        assert_eq!(verify(&store).await, Ok(()));
        database.execute(statement).await;
        verdicts.push(verify(&store).await);
    }
    verdicts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_is_found() {
    for statement in [
        "UPDATE audit_log SET actor = 'somebody else' WHERE seq = 3",
        "UPDATE audit_log SET reason = reason || '.' WHERE seq = 3",
        "UPDATE audit_log SET vm_id = NULL WHERE seq = 3",
        "UPDATE audit_log SET request_id = '' WHERE seq = 3",
        "UPDATE audit_log SET at = {at:1000} WHERE seq = 3",
        "UPDATE audit_log SET hash = (SELECT hash FROM audit_log WHERE seq = 2) WHERE seq = 3",
    ] {
        for verdict in after(statement).await {
            assert_eq!(verdict, Err(ChainBreak::Changed { seq: 3 }), "{statement}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_row_is_found() {
    for verdict in after("DELETE FROM audit_log WHERE seq = 3").await {
        assert_eq!(verdict, Err(ChainBreak::Missing { seq: 3, found: 4 }));
    }
    let closed_up = "DELETE FROM audit_log WHERE seq = 3;
        UPDATE audit_log SET seq = 3 WHERE seq = 4;
        UPDATE audit_log SET seq = 4 WHERE seq = 5;";
    for verdict in after(closed_up).await {
        assert_eq!(verdict, Err(ChainBreak::Changed { seq: 3 }));
    }
    for verdict in after("DELETE FROM audit_log WHERE seq = 5").await {
        assert_eq!(verdict, Err(ChainBreak::Cut { seq: 5, last: 5 }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanged_rows_are_found() {
    let exchange = "UPDATE audit_log SET seq = 99 WHERE seq = 2;
        UPDATE audit_log SET seq = 2 WHERE seq = 3;
        UPDATE audit_log SET seq = 3 WHERE seq = 99;";
    for verdict in after(exchange).await {
        assert_eq!(verdict, Err(ChainBreak::Changed { seq: 2 }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_added_and_a_head_that_was_moved_are_found() {
    let added = "INSERT INTO audit_log (seq, at, actor, action, object, reason, hash)
        SELECT 6, at, actor, action, object, reason, hash FROM audit_log WHERE seq = 5";
    for verdict in after(added).await {
        assert_eq!(verdict, Err(ChainBreak::Changed { seq: 6 }));
    }
    let moved = "DELETE FROM audit_log WHERE seq = 5; UPDATE audit_head SET seq = 4";
    for verdict in after(moved).await {
        assert_eq!(verdict, Err(ChainBreak::Head { seq: 4 }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_head_nothing_is_changed() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        database.execute("DELETE FROM audit_head").await;
        let refused = store.put_vm(&report(1, &["volume-1"]), base(), &operator()).await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("audit_head"), "{error}");
        assert_eq!(store.vms(None, 10).await.unwrap(), []);
    }
}
