//! The table of the looks at readiness.

use failover_domain::FailoverType;
use failover_engine::contract::fixture::vm_id;
use failover_engine::looks::ReadinessLooks;
use failover_engine::ports::StoreError;
use failover_store::Store;

use crate::lab::Database;
use crate::migrating::schema_of;

/// The migration before the one that makes the table, and that one.
const BEFORE: &str = "20261125000006";
const THIS: &str = "20261125000007";

fn insert(failover_type: &str, failed_rules: &str) -> String {
    format!(
        "INSERT INTO readiness_looks (vm_id, failover_type, at, is_ready, score, failed_rules)
             VALUES ('{}', '{failover_type}', {{at:1000}}, TRUE, 93.75, '{failed_rules}')",
        vm_id(1)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_comes_and_goes_alone() {
    for database in Database::each().await {
        database.migrate(BEFORE).await.unwrap();
        let schema = schema_of(&database).await;
        for _ in 0..2 {
            database.migrate(THIS).await.unwrap();
            database.execute(&insert("live", "[]")).await;
            database.revert_to(BEFORE).await.unwrap();
            assert_eq!(schema_of(&database).await, schema, "nothing is left behind");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_cannot_be_read_is_an_error_that_names_its_column() {
    for database in Database::each().await {
        let store = Store::open(&database.settings()).await.unwrap();
        let other = database.try_execute(&insert("rollback", "[]")).await;
        assert!(other.is_err(), "only failovers have readiness");
        database
            .execute(&insert("live", r#"{"volume_state": true}"#))
            .await;
        let read = store.last_looks(FailoverType::Live, &[vm_id(1)]).await;
        let Err(StoreError::Corrupt {
            table, column, id, ..
        }) = read
        else {
            panic!("{read:?}")
        };
        assert_eq!((table, column), ("readiness_looks", "failed_rules"));
        assert_eq!(id, vm_id(1).to_string());
    }
}
