//! [`ReadinessLooks`] on a database.

use std::collections::BTreeMap;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use failover_domain::{FailoverType, VmId};
use failover_engine::looks::{ReadinessLook, ReadinessLooks};
use failover_engine::ports::StoreError;

use super::database::{Database, OrStoreError};
use super::dialect::Conn;
use super::schema::readiness_looks;
use crate::row::RowId;
use crate::tx::Abort;
use crate::types::{JsonText, Ts};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = readiness_looks)]
struct LookRow {
    vm_id: String,
    at: Ts,
    is_ready: bool,
    score: f64,
    failed_rules: JsonText,
}

impl LookRow {
    fn into_look(self, failover: FailoverType) -> Result<ReadinessLook, StoreError> {
        let row = RowId {
            table: "readiness_looks",
            id: &self.vm_id,
        };
        Ok(ReadinessLook {
            vm_id: row.parse("vm_id", &self.vm_id)?,
            failover,
            at: self.at.instant(),
            is_ready: self.is_ready,
            score: self.score,
            failed_rules: row.json("failed_rules", &self.failed_rules)?,
        })
    }
}

#[async_trait]
impl ReadinessLooks for Database {
    async fn last_looks(
        &self,
        failover: FailoverType,
        vms: &[VmId],
    ) -> Result<BTreeMap<VmId, ReadinessLook>, StoreError> {
        use readiness_looks as t;
        let wanted: Vec<&str> = vms.iter().map(VmId::as_str).collect();
        let mut c = self.reader().await?;
        let rows: Vec<LookRow> = t::table
            .filter(t::failover_type.eq(failover.job_type().as_str()))
            .filter(t::vm_id.eq_any(wanted))
            .select(LookRow::as_select())
            .load(&mut c)
            .await
            .or_store_error("readiness_looks")?;
        let look = |row: LookRow| {
            let look = row.into_look(failover)?;
            Ok((look.vm_id.clone(), look))
        };
        rows.into_iter().map(look).collect()
    }

    async fn put_looks(&self, looks: &[ReadinessLook]) -> Result<(), StoreError> {
        // In one order for everybody, so that two writers never wait for each other in a circle.
        let mut looks: Vec<&ReadinessLook> = looks.iter().collect();
        looks.sort_by(|a, b| a.vm_id.cmp(&b.vm_id));
        self.write("readiness_looks", async |c: &mut Conn| {
            for look in looks {
                put_look(c, look).await?;
            }
            Ok::<_, Abort<StoreError>>(())
        })
        .await
    }
}

async fn put_look(c: &mut Conn, look: &ReadinessLook) -> QueryResult<()> {
    use diesel::query_dsl::methods::FilterDsl;
    use readiness_looks as t;
    let columns = (
        t::at.eq(Ts::from(look.at)),
        t::is_ready.eq(look.is_ready),
        t::score.eq(look.score),
        t::failed_rules.eq(JsonText::of(&look.failed_rules)),
    );
    diesel::insert_into(t::table)
        .values((
            t::vm_id.eq(look.vm_id.as_str()),
            t::failover_type.eq(look.failover.job_type().as_str()),
            columns.clone(),
        ))
        .on_conflict((t::vm_id, t::failover_type))
        .do_update()
        .set(columns)
        .filter(t::at.le(excluded(t::at)))
        .execute(c)
        .await
        .map(drop)
}
