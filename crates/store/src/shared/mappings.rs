//! [`Mappings`] on a database.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use failover_access::Actor;
use failover_domain::{NetworkId, NetworkMapping, Purpose, VmId};
use failover_engine::ports::{Mappings, StoreError, delete_mapping_entry, put_mapping_entry};

use super::audit::append;
use super::database::{Database, OrStoreError};
use super::dialect::Conn;
use super::schema::network_mappings;
use crate::row::RowId;
use crate::tx::Abort;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = network_mappings)]
struct MappingRow {
    id: i64,
    source_network_name: String,
    destination_network_id: String,
    destination_network_name: String,
    is_test_network: bool,
}
impl MappingRow {
    fn into_mapping(self) -> Result<NetworkMapping, StoreError> {
        let id = self.id.to_string();
        let row = RowId {
            table: "network_mappings",
            id: &id,
        };
        Ok(NetworkMapping {
            network_id: row.parse("destination_network_id", &self.destination_network_id)?,
            source_network: self.source_network_name,
            purpose: if self.is_test_network {
                Purpose::Test
            } else {
                Purpose::Production
            },
            network_name: self.destination_network_name,
        })
    }
}

/// Mappings by source network and purpose.
fn in_order(rows: Vec<MappingRow>) -> Result<Vec<NetworkMapping>, StoreError> {
    let mut mappings: Vec<NetworkMapping> = rows
        .into_iter()
        .map(MappingRow::into_mapping)
        .collect::<Result<_, _>>()?;
    mappings.sort_by(|a, b| (&a.source_network, a.purpose).cmp(&(&b.source_network, b.purpose)));
    Ok(mappings)
}

#[async_trait]
impl Mappings for Database {
    async fn mappings(&self, vm: &VmId) -> Result<Vec<NetworkMapping>, StoreError> {
        let mut c = self.reader().await?;
        let rows: Vec<MappingRow> = network_mappings::table
            .filter(network_mappings::vm_id.eq(vm.as_str()))
            .select(MappingRow::as_select())
            .load(&mut c)
            .await
            .or_store_error("network_mappings")?;
        in_order(rows)
    }

    async fn mappings_of_many(
        &self,
        vms: &[VmId],
    ) -> Result<BTreeMap<VmId, Vec<NetworkMapping>>, StoreError> {
        use network_mappings as t;
        let wanted: Vec<&str> = vms.iter().map(VmId::as_str).collect();
        let mut c = self.reader().await?;
        let rows: Vec<(String, MappingRow)> = t::table
            .filter(t::vm_id.eq_any(wanted))
            .select((t::vm_id, MappingRow::as_select()))
            .load(&mut c)
            .await
            .or_store_error("network_mappings")?;
        let mut of_vms: BTreeMap<String, Vec<MappingRow>> = BTreeMap::new();
        for (vm, row) in rows {
            of_vms.entry(vm).or_default().push(row);
        }
        let read = |(vm, rows): (String, Vec<MappingRow>)| {
            let row = RowId {
                table: "network_mappings",
                id: &vm,
            };
            Ok((row.parse("vm_id", &vm)?, in_order(rows)?))
        };
        of_vms.into_iter().map(read).collect()
    }

    async fn users(
        &self,
        purpose: Purpose,
        networks: &BTreeSet<NetworkId>,
    ) -> Result<BTreeMap<NetworkId, VmId>, StoreError> {
        use network_mappings as t;
        let wanted: Vec<&str> = networks.iter().map(NetworkId::as_str).collect();
        let mut c = self.reader().await?;
        let rows: Vec<(String, Option<String>)> = t::table
            .filter(t::is_test_network.eq(purpose == Purpose::Test))
            .filter(t::destination_network_id.eq_any(wanted))
            .group_by(t::destination_network_id)
            .select((t::destination_network_id, diesel::dsl::min(t::vm_id)))
            .load(&mut c)
            .await
            .or_store_error("network_mappings")?;
        let used = |(network, vm): (String, Option<String>)| {
            let row = RowId {
                table: "network_mappings",
                id: &network,
            };
            let vm = vm.ok_or_else(|| row.corrupt("vm_id", "a group without rows".to_owned()))?;
            Ok((
                row.parse("destination_network_id", &network)?,
                row.parse("vm_id", &vm)?,
            ))
        };
        rows.into_iter().map(used).collect()
    }

    async fn put_mappings(&self, mappings: &[(VmId, NetworkMapping)], by: &Actor) -> Result<(), StoreError> {
        use network_mappings as t;
        let now = self.now();
        // In one order for everybody: two lists at once wait for each other, and neither for one that waits for it.
        let mut in_order: Vec<&(VmId, NetworkMapping)> = mappings.iter().collect();
        in_order.sort_by_key(|(vm, mapping)| (vm, mapping.source_network.as_str(), mapping.purpose));
        self.write("network_mappings", async |c: &mut Conn| {
            for (vm, mapping) in in_order {
                let destination = (
                    t::destination_network_id.eq(mapping.network_id.as_str()),
                    t::destination_network_name.eq(&mapping.network_name),
                    t::updated_at.eq(now.clone()),
                );
                diesel::insert_into(t::table)
                    .values((
                        t::vm_id.eq(vm.as_str()),
                        t::source_network_name.eq(&mapping.source_network),
                        t::is_test_network.eq(mapping.purpose == Purpose::Test),
                        destination.clone(),
                    ))
                    .on_conflict((t::vm_id, t::source_network_name, t::is_test_network))
                    .do_update()
                    .set(destination)
                    .execute(c)
                    .await?;
            }
            // The rows of the audit come last, because nobody may wait for another lock once he has that one.
            for (vm, mapping) in mappings {
                append(c, now.clone(), &put_mapping_entry(by, vm, mapping)).await?;
            }
            Ok::<_, Abort<StoreError>>(())
        })
        .await
    }

    async fn delete_mapping(
        &self,
        vm: &VmId,
        source_network: &str,
        purpose: Purpose,
        by: &Actor,
    ) -> Result<bool, StoreError> {
        use network_mappings as t;
        let now = self.now();
        self.write("network_mappings", async |c: &mut Conn| {
            let mapping = t::table
                .filter(t::vm_id.eq(vm.as_str()))
                .filter(t::source_network_name.eq(source_network))
                .filter(t::is_test_network.eq(purpose == Purpose::Test));
            if diesel::delete(mapping).execute(c).await? == 0 {
                return Ok(false);
            }
            append(c, now, &delete_mapping_entry(by, vm, source_network, purpose)).await?;
            Ok::<_, Abort<StoreError>>(true)
        })
        .await
    }
}
