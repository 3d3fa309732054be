//! Rows by their ids, and by what others look them up by, so that a cloud of thousands of VMs need not be searched.
//!
//! Whoever writes to a row need not know of the index: a row that is lent for writing gets its new places when the
//! next one is lent. Until then every lookup asks the one lent row itself, whatever the index says about it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use failover_domain::{CloudVmId, NetworkId, SnapshotId, VolumeId};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::objects::{Snapshot, Vm, Volume};

/// Something with an id that is looked up by more than its id.
pub(crate) trait Row {
    /// Its id.
    type Id: Ord + Clone + Debug;
    /// What it is looked up by.
    type Key: Ord + Debug;

    /// The row's id, which never changes.
    fn id(&self) -> &Self::Id;

    /// Everything that the row can be found by now.
    fn keys(&self) -> Vec<Self::Key>;
}

/// The rows of one kind.
#[derive(Debug)]
pub(crate) struct Table<R: Row> {
    rows: BTreeMap<R::Id, R>,
    places: BTreeMap<R::Key, BTreeSet<R::Id>>,
    lent: Option<Lent<R>>,
}

/// The row that was lent last, with the places that it has in the index.
#[derive(Debug)]
struct Lent<R: Row> {
    id: R::Id,
    places: Vec<R::Key>,
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            places: BTreeMap::new(),
            lent: None,
        }
    }
}

impl<R: Row> Table<R> {
    pub(crate) fn get(&self, id: &R::Id) -> Option<&R> {
        self.rows.get(id)
    }

    pub(crate) fn contains_key(&self, id: &R::Id) -> bool {
        self.rows.contains_key(id)
    }

    /// All rows in the order of their ids.
    pub(crate) fn values(&self) -> impl ExactSizeIterator<Item = &R> {
        self.rows.values()
    }

    /// All ids in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &R::Id> {
        self.rows.keys()
    }

    /// Lends a row for writing.
    pub(crate) fn get_mut(&mut self, id: &R::Id) -> Option<&mut R> {
        self.settle();
        let row = self.rows.get_mut(id)?;
        self.lent = Some(Lent {
            id: id.clone(),
            places: row.keys(),
        });
        Some(row)
    }

    pub(crate) fn insert(&mut self, id: R::Id, row: R) {
        self.remove(&id);
        for key in row.keys() {
            self.places.entry(key).or_default().insert(id.clone());
        }
        self.rows.insert(id, row);
    }

    pub(crate) fn remove(&mut self, id: &R::Id) -> Option<R> {
        self.settle();
        let row = self.rows.remove(id)?;
        self.leave(id, &row.keys());
        Some(row)
    }

    /// The rows that can be found by `key`, in the order of their ids.
    pub(crate) fn with(&self, key: &R::Key) -> impl Iterator<Item = &R> + use<'_, R> {
        let settled = self.places.get(key).into_iter().flatten();
        let settled = settled
            .filter(|id| !self.is_lent(id))
            .filter_map(|id| self.rows.get(id));
        let mut found: Vec<&R> = settled.collect();
        if let Some(row) = self.lent_row().filter(|row| row.keys().contains(key)) {
            let place = found.partition_point(|other| other.id() < row.id());
            found.insert(place, row);
        }
        found.into_iter()
    }

    /// The keys within `range` by which rows can be found, in order but for those of the lent row, which are last.
    fn keys_within(&self, range: RangeInclusive<R::Key>) -> (impl Iterator<Item = &R::Key>, Vec<R::Key>) {
        let of_the_lent = self.lent_row().map(Row::keys).unwrap_or_default();
        let of_the_lent = of_the_lent
            .into_iter()
            .filter(|key| range.contains(key))
            .collect();
        let settled = self
            .places
            .range(range)
            .filter(|(_, ids)| ids.iter().any(|id| !self.is_lent(id)))
            .map(|(key, _)| key);
        (settled, of_the_lent)
    }

    fn is_lent(&self, id: &R::Id) -> bool {
        self.lent.as_ref().is_some_and(|lent| lent.id == *id)
    }

    fn lent_row(&self) -> Option<&R> {
        self.rows.get(&self.lent.as_ref()?.id)
    }

    /// Gives the lent row its new places.
    fn settle(&mut self) {
        let Some(Lent { id, places }) = self.lent.take() else {
            return;
        };
        let Some(keys) = self.rows.get(&id).map(Row::keys) else {
            return;
        };
        if keys != places {
            self.leave(&id, &places);
            for key in keys {
                self.places.entry(key).or_default().insert(id.clone());
            }
        }
    }

    fn leave(&mut self, id: &R::Id, places: &[R::Key]) {
        for key in places {
            if let Some(ids) = self.places.get_mut(key) {
                ids.remove(id);
                if ids.is_empty() {
                    self.places.remove(key);
                }
            }
        }
    }
}

/// The index is made of the rows, so only these are written.
impl<R: Row + Serialize> Serialize for Table<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.values())
    }
}

impl<'de, R: Row + Deserialize<'de>> Deserialize<'de> for Table<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Self::default();
        for row in Vec::<R>::deserialize(deserializer)? {
            let id = row.id().clone();
            if table.contains_key(&id) {
                return Err(D::Error::custom(format!("two rows have the id {id:?}")));
            }
            table.insert(id, row);
        }
        Ok(table)
    }
}

/// A volume is found by the VM on which it hangs.
impl Row for Volume {
    type Id = VolumeId;
    type Key = CloudVmId;

    fn id(&self) -> &VolumeId {
        &self.id
    }

    fn keys(&self) -> Vec<CloudVmId> {
        self.attached.iter().map(|at| at.vm.clone()).collect()
    }
}

/// A snapshot is found by its volume.
impl Row for Snapshot {
    type Id = SnapshotId;
    type Key = VolumeId;

    fn id(&self) -> &SnapshotId {
        &self.id
    }

    fn keys(&self) -> Vec<VolumeId> {
        vec![self.volume.clone()]
    }
}

/// What a VM is found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum VmKey {
    /// Its name, exactly.
    Name(String),
    /// Its name in lower case on a network, where no two VMs may share it.
    HostName(NetworkId, String),
    /// The address of one of its cards.
    Address(NetworkId, Ipv4Addr),
}

impl VmKey {
    /// A name on a network.
    pub(crate) fn host_name(network: &NetworkId, name: &str) -> Self {
        VmKey::HostName(network.clone(), name.to_ascii_lowercase())
    }
}

impl Row for Vm {
    type Id = CloudVmId;
    type Key = VmKey;

    fn id(&self) -> &CloudVmId {
        &self.id
    }

    fn keys(&self) -> Vec<VmKey> {
        let mut keys = vec![VmKey::Name(self.name.clone())];
        for nic in &self.nics {
            keys.push(VmKey::host_name(&nic.network, &self.name));
            keys.extend(
                nic.reserved
                    .map(|address| VmKey::Address(nic.network.clone(), address)),
            );
        }
        keys
    }
}

impl Table<Vm> {
    /// The first of `addresses`, which ascend, that no card on `network` has.
    pub(crate) fn free_address(
        &self,
        network: &NetworkId,
        mut addresses: impl Iterator<Item = Ipv4Addr>,
    ) -> Option<Ipv4Addr> {
        let all = VmKey::Address(network.clone(), Ipv4Addr::UNSPECIFIED)
            ..=VmKey::Address(network.clone(), Ipv4Addr::BROADCAST);
        let (settled, of_the_lent) = self.keys_within(all);
        let address_of = |key: &VmKey| match key {
            VmKey::Address(_, address) => Some(*address),
            VmKey::Name(_) | VmKey::HostName(..) => None,
        };
        let mut settled = settled.filter_map(address_of).peekable();
        let of_the_lent: BTreeSet<Ipv4Addr> = of_the_lent.iter().filter_map(address_of).collect();
        addresses.find(|address| {
            while settled.next_if(|taken| taken < address).is_some() {}
            settled.peek() != Some(address) && !of_the_lent.contains(address)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Book {
        title: String,
        shelf: Option<u32>,
    }

    impl Row for Book {
        type Id = String;
        type Key = u32;
        fn id(&self) -> &String {
            &self.title
        }
        fn keys(&self) -> Vec<u32> {
            self.shelf.into_iter().collect()
        }
    }

    fn shelves() -> Table<Book> {
        let mut table = Table::default();
        for (title, shelf) in [("b", Some(1)), ("a", Some(1)), ("c", Some(2)), ("d", None)] {
            let title = title.to_owned();
            table.insert(title.clone(), Book { title, shelf });
        }
        table
    }

    fn on(table: &Table<Book>, shelf: u32) -> Vec<&str> {
        table.with(&shelf).map(|book| book.title.as_str()).collect()
    }

    #[test]
    fn rows_are_found_by_their_keys_in_the_order_of_their_ids() {
        let table = shelves();
        assert_eq!(on(&table, 1), ["a", "b"]);
        assert_eq!(on(&table, 3), [""; 0]);
    }

    #[test]
    fn a_row_is_found_where_it_is_now_as_soon_as_it_was_written() {
        let mut table = shelves();
        table.get_mut(&"a".to_owned()).unwrap().shelf = Some(2);
        assert_eq!((on(&table, 1), on(&table, 2)), (vec!["b"], vec!["a", "c"]));
        table.get_mut(&"c".to_owned()).unwrap().shelf = None;
        assert_eq!((on(&table, 1), on(&table, 2)), (vec!["b"], vec!["a"]));
        table.remove(&"a".to_owned()).unwrap();
        table.get_mut(&"d".to_owned()).unwrap().shelf = Some(2);
        assert_eq!(on(&table, 2), ["d"]);
    }

    #[test]
    fn a_table_is_read_back_with_its_index_and_never_with_two_rows_of_one_id() {
        let mut table = shelves();
        table.get_mut(&"d".to_owned()).unwrap().shelf = Some(1);
        let text = serde_json::to_string(&table).unwrap();
        let read: Table<Book> = serde_json::from_str(&text).unwrap();
        assert_eq!(on(&read, 1), ["a", "b", "d"]);
        let twice = text.replace("\"b\"", "\"a\"");
        let error = serde_json::from_str::<Table<Book>>(&twice).unwrap_err();
        assert!(
            error.to_string().contains("two rows have the id \"a\""),
            "{error}"
        );
    }
}
