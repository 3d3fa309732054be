//! A stack in a temporary directory, and what most tests do with it.

use std::time::Duration;

use failover_system_tests::api::Api;
use failover_system_tests::cloud::Cloud;
use failover_system_tests::process::Group;
use failover_system_tests::sample::SampleVm;
use failover_system_tests::server::Binaries;
use failover_system_tests::stack::{Pace, Settings, Stack};
use serde_json::Value;
use tempfile::TempDir;

use crate::database::TestDatabase;

/// How long a job may take: many times what it needs, because tests share two cores.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A running stack with the sample inventory, and the three-disk VM with its networks mapped.
pub(crate) struct Site {
    // The stack ends before its directory goes.
    pub(crate) stack: Stack,
    pub(crate) api: Api,
    pub(crate) cloud: Cloud,
    pub(crate) vm: SampleVm,
    pub(crate) _directory: TempDir,
}

impl Site {
    /// Simulator, API and worker.
    pub(crate) fn start(database: &TestDatabase) -> Self {
        let mut site = Self::start_without_worker(database);
        site.stack.start_worker().unwrap();
        site
    }

    /// Simulator and API.
    pub(crate) fn start_without_worker(database: &TestDatabase) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let stack = Stack::start_without_worker(settings(database, &directory, "info")).unwrap();
        Self::around(stack, directory)
    }

    /// A stack that logs everything.
    pub(crate) fn start_talkative(database: &TestDatabase) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let stack = Stack::start(settings(database, &directory, "trace")).unwrap();
        Self::around(stack, directory)
    }

    fn around(stack: Stack, directory: TempDir) -> Self {
        let api = stack.api().unwrap();
        let cloud = stack.cloud().unwrap();
        let vm = SampleVm::named("PGWINTESTBIOS").unwrap();
        api.import_sample().unwrap();
        api.map_networks(&vm).unwrap();
        Self {
            stack,
            api,
            cloud,
            vm,
            _directory: directory,
        }
    }

    /// Waits until a job has ended, and insists on how.
    pub(crate) fn ended_as(&self, job: &str, status: &str) -> Value {
        let job = self.api.wait_for_end(job, LIMIT).unwrap();
        assert_eq!(job["status"], status, "{:#}", job["failure"]);
        job
    }

    /// Insists that the cloud shows the whole failover, made of one VM and one rollback point a disk.
    pub(crate) fn moved_once(&self, job: &Value) {
        let id = job["destination_vm_id"]
            .as_str()
            .expect("a completed job names its VM");
        let inventory = self.cloud.inventory().unwrap();
        inventory.expect_moved(id, &self.vm).unwrap();
        assert_eq!(inventory.vm_count(), 2, "the OMA and the destination VM");
        assert_eq!(self.cloud.accepted("deployVirtualMachine").unwrap().len(), 1);
        assert_eq!(
            self.cloud.accepted("createSnapshot").unwrap().len(),
            self.vm.replicas.len()
        );
    }
}

/// The settings of a hurried stack.
pub(crate) fn settings(database: &TestDatabase, directory: &TempDir, log_filter: &'static str) -> Settings {
    Settings {
        binaries: Binaries::beside_test().unwrap(),
        directory: directory.path().to_owned(),
        database: database.settings(),
        pace: Pace::Hurried,
        group: Group::Shared,
        log_filter,
    }
}
