//! A migration tool that drives failovers itself: with a store of its own (one file), without our binaries, database or API.
//!
//! ```sh
//! cargo run -p failover-engine --example embedded_failover
//! ```
//!
//! A VM with three disks is failed over into a simulated cloud on virtual time. In the middle of it the tool dies; it starts
//! again with nothing but its file, and the job goes on where it was.

mod file_store;

use std::collections::BTreeMap;
use std::error::Error;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use failover_access::Actor;
use failover_domain::inventory::InventoryFile;
use failover_domain::{JobId, JobStatus};
use failover_engine::plan::{BootPolicy, CommitPolicy, OnBootFailure, WarningPolicy};
use failover_engine::ports::{Inventory as _, JobRecord, JobStore as _, WorkerId};
use failover_engine::probe::GuestProbe;
use failover_engine::service::{FailoverRequest, Wanted};
use failover_engine::writer::NobodyToAsk;
use failover_engine::{EngineParts, EngineSettings, SharedClock, TokioClock, Worker};
use failover_validation::Target;
use file_store::FileStore;
use ossea_sim::{InProcessCloud, SimContents, SimSettings};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn Error>;

// Virtual time: half an hour of the cloud's work passes in a moment. A real tool takes `SystemClock` and no pause.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Failure> {
    let path = std::env::temp_dir().join(format!("embedded-failover-{}.json", std::process::id()));
    let told = fail_over_with_a_death_in_the_middle(&path).await;
    let _ = std::fs::remove_file(&path);
    for line in told? {
        println!("{line}");
    }
    Ok(())
}

/// The whole story, as lines.
async fn fail_over_with_a_death_in_the_middle(path: &Path) -> Result<Vec<String>, Failure> {
    let cloud = InProcessCloud::new(&SimContents::sample(), SimSettings::default());
    let clock: SharedClock = Arc::new(TokioClock::starting_at(cloud.clock().now()));
    let mut told = Vec::new();

    let tool = Tool::start(path, &cloud, &clock)?;
    let job = tool.begin().await?;
    let working = tool.work();
    let record = tool
        .until(&job, |job| job.projection.status == JobStatus::SwitchingVolume)
        .await?;
    told.push(format!("{job} is {}: the tool dies", record.projection.status));
    working.abort();
    drop(tool);

    let tool = Tool::start(path, &cloud, &clock)?;
    let working = tool.work();
    let record = tool.until(&job, |job| job.projection.status.is_final()).await?;
    working.abort();
    told.push(format!("{job} is {}", record.projection.status));
    for volume in tool.store.volumes(&job).await? {
        told.push(format!("disk {} is {}", volume.disk, volume.custody.as_str()));
    }
    Ok(told)
}

/// The migration tool.
struct Tool {
    store: Arc<FileStore>,
    parts: EngineParts,
}

impl Tool {
    /// Starts it with what the file has.
    fn start(path: &Path, cloud: &InProcessCloud, clock: &SharedClock) -> Result<Self, Failure> {
        let store = Arc::new(FileStore::open(path, Arc::clone(clock))?);
        let parts = EngineParts {
            jobs: store.clone(),
            inventory: store.clone(),
            mappings: store.clone(),
            cloud: Arc::new(cloud.clone()),
            probe: Arc::new(NoRoute),
            writer: Arc::new(NobodyToAsk),
            target: Target {
                oma_vm: "96a97275-4e8a-57b5-8b40-27fc35dccb1e".parse()?,
                zone: "d09f07e6-b7a4-5140-84b5-b4cd531a237c".parse()?,
                offering: "d03174c8-8bd8-5402-9406-e9df7c62a007".parse()?,
                template: "1dcf7bcc-2cf6-5232-a4ea-a726fb9e3ac2".parse()?,
                cpu_speed_mhz: 2000,
                test_networks: [].into(),
            },
            clock: Arc::clone(clock),
            settings: EngineSettings::default(),
        };
        Ok(Self { store, parts })
    }

    /// Reports its VM and asks for the failover.
    async fn begin(&self) -> Result<JobId, Failure> {
        let by = Actor::named("the migration tool");
        let file: InventoryFile = serde_json::from_str(include_str!("../../../../samples/inventory.json"))?;
        let report = file.vms.first().ok_or("the sample has no VM")?;
        self.store.put_vm(report, self.parts.clock.now(), &by).await?;
        let request = FailoverRequest {
            vm_id: report.vm_id.clone(),
            vm_name: Some(report.name.clone()),
            warnings: WarningPolicy::Count,
            network_mappings: BTreeMap::from([("VM Network".to_owned(), "production-app".to_owned())]),
            boot: BootPolicy {
                within_seconds: 300,
                grades: [].into(),
                on_failure: OnBootFailure::Rollback,
            },
            wanted: Wanted::Live {
                commit: CommitPolicy::Manual,
            },
            requested_by: by,
        };
        Ok(self.parts.service().start(&request).await?)
    }

    /// Drives jobs until the task is aborted, which is as good as a `kill -9`.
    fn work(&self) -> tokio::task::JoinHandle<()> {
        let worker = Worker::new(self.parts.clone(), WorkerId::fresh("tool"));
        tokio::spawn(worker.run(CancellationToken::new()))
    }

    async fn until(&self, job: &JobId, seen: impl Fn(&JobRecord) -> bool) -> Result<JobRecord, Failure> {
        loop {
            let record = self.store.job(job).await?.ok_or("the job is gone")?;
            if seen(&record) {
                return Ok(record);
            }
            self.parts.clock.sleep(Duration::from_secs(1)).await;
        }
    }
}

/// This tool has no way to the guests; what the cloud says of the VM has to do.
struct NoRoute;

#[async_trait]
impl GuestProbe for NoRoute {
    async fn ping(&self, _: IpAddr, _: Duration) -> Result<(), String> {
        Err("there is no route to guests".to_owned())
    }

    async fn tcp(&self, _: IpAddr, _: u16, _: Duration) -> Result<(), String> {
        Err("there is no route to guests".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failover_survives_the_death_of_the_tool_by_its_file_alone() {
        let directory = tempfile::tempdir().expect("there is room");
        let told = fail_over_with_a_death_in_the_middle(&directory.path().join("store.json")).await;
        let told = told.expect("the failover succeeds");
        assert!(
            told[0].ends_with("is switching_volume: the tool dies"),
            "{told:?}"
        );
        assert!(told[1].ends_with("is completed"), "{told:?}");
        let disks = [
            "disk 0 is destination",
            "disk 1 is destination",
            "disk 2 is destination",
        ];
        assert_eq!(told[2..], disks);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_no_store_is_not_overwritten() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("store.json");
        std::fs::write(&path, "{\"jobs\": 7}").expect("there is room");
        let clock: SharedClock = Arc::new(TokioClock::starting_at(chrono::DateTime::UNIX_EPOCH));
        let error = FileStore::open(&path, clock).err().expect("it cannot be read");
        assert!(error.to_string().contains("store.json"), "{error}");
        assert_eq!(
            std::fs::read_to_string(&path).expect("it is there"),
            "{\"jobs\": 7}"
        );
    }
}
