//! The simulated cloud through its admin port: what is in it, what was asked of it, and what goes wrong in it.

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::http::Client;
use crate::sample::SampleVm;

/// The admin port of a simulator.
#[derive(Debug, Clone)]
pub struct Cloud {
    admin: Client,
}

impl Cloud {
    /// The simulator whose admin port is at `url`.
    pub fn new(url: &str) -> Self {
        Self {
            admin: Client::new(url),
        }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        self.admin.base()
    }

    /// Everything a failover can change.
    ///
    /// # Errors
    /// When the simulator does not answer. Like all the other methods.
    pub fn inventory(&self) -> anyhow::Result<Inventory> {
        Ok(Inventory(self.admin.get("/admin/state")?.expect_success()?))
    }

    /// The accepted requests so far that named this command.
    ///
    /// # Errors
    /// See [`Cloud::inventory`].
    pub fn accepted(&self, command: &str) -> anyhow::Result<Vec<Value>> {
        let record = self.admin.get("/admin/calls")?.expect_success()?;
        let entries = record
            .as_array()
            .context("the simulator's record is not a list")?;
        let accepted = |entry: &&Value| entry["command"] == command && entry["refused"].is_null();
        Ok(entries.iter().filter(accepted).cloned().collect())
    }

    /// From now on something goes wrong.
    ///
    /// # Errors
    /// See [`Cloud::inventory`].
    pub fn add_fault(&self, rule: &Value) -> anyhow::Result<()> {
        self.admin.post("/admin/faults", rule)?.expect_success().map(drop)
    }

    /// Nothing goes wrong any more, but what has been caught by running jobs of the cloud.
    ///
    /// # Errors
    /// See [`Cloud::inventory`].
    pub fn clear_faults(&self) -> anyhow::Result<()> {
        self.admin.delete("/admin/faults")?.expect_success().map(drop)
    }

    /// How many calls the rules have met, in the order in which they were added.
    ///
    /// # Errors
    /// See [`Cloud::inventory`].
    pub fn met(&self) -> anyhow::Result<Vec<u64>> {
        self.counts("matched")
    }

    /// The management server is restarted: what its jobs were at is done or not.
    ///
    /// # Errors
    /// See [`Cloud::inventory`].
    pub fn restart(&self, work: &str) -> anyhow::Result<()> {
        let restart = serde_json::json!({"work": work});
        self.admin
            .post("/admin/restart", &restart)?
            .expect_success()
            .map(drop)
    }

    /// How often the rules have struck, in the order in which they were added.
    ///
    /// # Errors
    /// See [`Cloud::inventory`].
    pub fn struck(&self) -> anyhow::Result<Vec<u64>> {
        self.counts("fired")
    }

    fn counts(&self, of: &str) -> anyhow::Result<Vec<u64>> {
        let states = self.admin.get("/admin/faults")?.expect_success()?;
        let states = states
            .as_array()
            .context("the simulator's faults are not a list")?;
        Ok(states.iter().filter_map(|state| state[of].as_u64()).collect())
    }
}

/// A picture of the whole cloud. Two equal ones mean: same attachments, same contents, nothing left.
#[derive(Debug, Clone, PartialEq)]
pub struct Inventory(Value);

impl Inventory {
    /// The lines of the picture: VMs with their disks and cards, volumes that hang nowhere, snapshots.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for vm in self.list("vms") {
            lines.push(format!("VM {} [{}]", text(&vm["name"]), text(&vm["state"])));
            for disk in vm["disks"].as_array().into_iter().flatten() {
                let device = disk["device"].to_string();
                lines.push(format!("  disk {device:>2}  {}", volume(disk)));
            }
            for nic in vm["nics"].as_array().into_iter().flatten() {
                let address = nic["address"]
                    .as_str()
                    .map(|a| format!(", {a}"))
                    .unwrap_or_default();
                lines.push(format!("  card     {}{address}", text(&nic["network_name"])));
            }
        }
        lines.extend(
            self.list("detached")
                .map(|detached| format!("on no VM: {}", volume(detached))),
        );
        let mut snapshots: Vec<&str> = self
            .list("snapshots")
            .map(|snapshot| text(&snapshot["name"]))
            .collect();
        snapshots.sort_unstable();
        lines.extend(snapshots.iter().map(|name| format!("snapshot {name}")));
        lines
    }

    /// The VM of this id.
    pub fn vm(&self, id: &str) -> Option<&Value> {
        self.list("vms").find(|vm| vm["id"] == id)
    }

    /// The id of the VM of this name, if it is there and a disk of that name is not on it.
    pub fn vm_without_disk(&self, name: &str, disk: &str) -> Option<String> {
        let vm = self.list("vms").find(|vm| vm["name"] == name)?;
        let has_disk = vm["disks"].as_array()?.iter().any(|shown| shown["name"] == disk);
        if has_disk {
            None
        } else {
            vm["id"].as_str().map(str::to_owned)
        }
    }

    /// How many VMs there are.
    pub fn vm_count(&self) -> usize {
        self.list("vms").count()
    }

    /// The number of snapshots of a volume.
    pub fn snapshots_of(&self, volume: &str) -> usize {
        self.list("snapshots")
            .filter(|snapshot| snapshot["volume"] == volume)
            .count()
    }

    /// Checks that the VM `id` is the whole failover of `source`, and that nothing else is left of it.
    ///
    /// # Errors
    /// Everything that is not as it should be.
    pub fn expect_moved(&self, id: &str, source: &SampleVm) -> anyhow::Result<()> {
        let mut wrong = Vec::new();
        match self.vm(id) {
            Some(vm) => wrong.extend(differences(vm, source)),
            None => wrong.push(format!("there is no VM {id}")),
        }
        for volume in self.list("detached") {
            wrong.push(format!("volume {} is on no VM", text(&volume["name"])));
        }
        for replica in &source.replicas {
            let rollback_points = self.snapshots_of(&replica.id);
            if rollback_points != 1 {
                wrong.push(format!(
                    "replica {} has {rollback_points} rollback points instead of 1",
                    replica.name
                ));
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            bail!("the cloud is not as it should be:\n- {}", wrong.join("\n- "))
        }
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.0[key].as_array().into_iter().flatten()
    }
}

/// The devices of a KVM guest's disks in order: 0 is the root, 3 belongs to the CD-ROM.
fn devices() -> impl Iterator<Item = u64> {
    (0..).filter(|device| *device != 3)
}

fn differences(vm: &Value, source: &SampleVm) -> Vec<String> {
    let mut wrong = Vec::new();
    if vm["state"] != "Running" {
        wrong.push(format!(
            "VM {} is {} instead of Running",
            text(&vm["name"]),
            text(&vm["state"])
        ));
    }
    let expected: Vec<(u64, &str)> = devices()
        .zip(source.replicas.iter().map(|r| r.id.as_str()))
        .collect();
    let disks = vm["disks"].as_array().into_iter().flatten();
    let shown: Vec<(u64, &str)> = disks
        .map(|disk| (disk["device"].as_u64().unwrap_or(u64::MAX), text(&disk["id"])))
        .collect();
    if shown != expected {
        wrong.push(format!("its disks are {shown:?} instead of {expected:?}"));
    }
    let cards = vm["nics"].as_array().into_iter().flatten();
    let networks: Vec<&str> = cards.map(|nic| text(&nic["network_name"])).collect();
    if networks != source.production_networks() {
        wrong.push(format!(
            "its networks are {networks:?} instead of {:?}",
            source.production_networks()
        ));
    }
    wrong
}

fn volume(volume: &Value) -> String {
    let gib = volume["size_bytes"].as_u64().unwrap_or(0) >> 30;
    format!("{} ({}, {gib} GiB)", text(&volume["name"]), text(&volume["kind"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn moved(vm: &SampleVm) -> Value {
        let disk = |(device, replica): (u64, &crate::sample::Replica)| json!({"device": device, "id": replica.id, "name": replica.name, "kind": "DATADISK", "size_bytes": 1 << 30});
        let snapshot = |replica: &crate::sample::Replica| json!({"name": "s", "volume": replica.id});
        json!({
            "vms": [{
                "id": "vm-1", "name": "moved", "state": "Running",
                "disks": devices().zip(&vm.replicas).map(disk).collect::<Vec<_>>(),
                "nics": [{"network_name": "production-app"}],
            }],
            "detached": [],
            "snapshots": vm.replicas.iter().map(snapshot).collect::<Vec<_>>(),
        })
    }

    #[test]
    fn a_whole_failover_is_recognised() {
        let vm = SampleVm::named("files-03").unwrap();
        let inventory = Inventory(moved(&vm));
        inventory.expect_moved("vm-1", &vm).unwrap();
        assert_eq!(
            inventory.vm("vm-1").unwrap()["disks"][3]["device"],
            4,
            "device 3 is left out"
        );
    }

    #[test]
    fn everything_that_is_wrong_is_told() {
        let vm = SampleVm::named("PGWINTESTBIOS").unwrap();
        let mut cloud = moved(&vm);
        cloud["vms"][0]["state"] = json!("Stopped");
        cloud["vms"][0]["disks"][0]["device"] = json!(5);
        cloud["vms"][0]["nics"][0]["network_name"] = json!("management");
        cloud["detached"] = json!([{"name": "lost"}]);
        cloud["snapshots"] = json!([]);
        let error = Inventory(cloud)
            .expect_moved("vm-1", &vm)
            .unwrap_err()
            .to_string();
        for part in ["Stopped", "(5, ", "management", "lost", "0 rollback points"] {
            assert!(error.contains(part), "{part} is not in {error}");
        }
        let nothing = Inventory(json!({}))
            .expect_moved("vm-1", &vm)
            .unwrap_err()
            .to_string();
        assert!(nothing.contains("no VM vm-1"), "{nothing}");
    }

    #[test]
    fn the_picture_has_a_line_for_everything() {
        let vm = SampleVm::named("PGWINTESTBIOS").unwrap();
        assert_eq!(Inventory(moved(&vm)).lines().len(), 1 + 3 + 1 + 3);
    }
}
