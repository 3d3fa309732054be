//! What waiting for async jobs costs in calls, and how late an end is known.
//!
//! So many callers each deploy a VM, wait for the end of its job, and begin again: that keeps so many jobs in flight. They
//! wait either through one [`JobWatch`] or each by itself with the usual growing interval. A deployment takes 20 s, as in
//! the published baseline of the field. Calls are counted by the simulated cloud as they arrive, each page of a list as
//! one; how late an end is known is the time from the job's end in the cloud to the waiter's hearing of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use failover_domain::{AsyncJobId, Firmware, JobId, JobType, RequestKey};
use ossea::{
    Accepted, Command, CustomSize, DeployVm, JobReport, JobWatch, NicRequest, Origin, OsseaClient, Priority,
    WatchSettings,
};
use ossea_sim::cloud::jobs::Phase;
use ossea_sim::{FaultRule, RuleId, WayFault};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::cloud::ServedCloud;

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct WaitingArgs {
    /// Jobs in flight, one measurement each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100, 1000])]
    jobs: Vec<u32>,
    /// Seconds that each measurement lasts, after as many seconds as a job takes.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

/// How long a deployment takes in the simulated cloud.
const JOB_TAKES: Duration = Duration::from_secs(20);

/// How the callers wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// Through one watch.
    Together,
    /// Each with calls of its own.
    Alone,
}

/// One measurement.
#[derive(Debug, Serialize)]
struct Row {
    jobs_in_flight: u32,
    way: Way,
    lists_per_second: f64,
    queries_per_second: f64,
    ends_per_second: f64,
    /// Calls that waiting costs, less the one query that each end needs.
    calls_beyond_results_per_second: f64,
    known_late_p50_ms: u128,
    known_late_p99_ms: u128,
}

/// Runs the bench and prints its figures.
pub(crate) async fn run(args: &WaitingArgs) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for jobs in &args.jobs {
        for way in [Way::Together, Way::Alone] {
            let row = measure(*jobs, way, Duration::from_secs(args.seconds)).await?;
            rows.push(row);
        }
    }
    println!("{}", serde_json::json!({ "rows": rows }));
    Ok(())
}

/// What all callers of one measurement share.
struct Site {
    cloud: ServedCloud,
    client: Arc<dyn OsseaClient>,
    watch: JobWatch,
    way: Way,
    numbers: AtomicU32,
    is_over: AtomicBool,
}

async fn measure(jobs: u32, way: Way, lasts: Duration) -> anyhow::Result<Row> {
    let cloud = ServedCloud::start().await?;
    let client: Arc<dyn OsseaClient> = Arc::new(cloud.client()?);
    let watch = JobWatch::new(Arc::clone(&client), WatchSettings::default());
    let site = Arc::new(Site {
        cloud,
        client,
        watch,
        way,
        numbers: AtomicU32::new(0),
        is_over: AtomicBool::new(false),
    });
    let lists = site.count("listAsyncJobs");
    let queries = site.count("queryAsyncJobResult");
    let mut callers = JoinSet::new();
    for caller in 0..jobs {
        // Spread over the length of a job, as the jobs of a site are.
        let begins = JOB_TAKES * caller / jobs;
        callers.spawn(Arc::clone(&site).keep_one_in_flight(begins));
    }
    tokio::time::sleep(JOB_TAKES).await;
    let before = (site.counted(lists)?, site.counted(queries)?);
    let begun = Instant::now();
    tokio::time::sleep(lasts).await;
    let measured = begun.elapsed();
    let after = (site.counted(lists)?, site.counted(queries)?);
    site.is_over.store(true, Ordering::Relaxed);
    let mut late = Vec::new();
    while let Some(ended) = callers.join_next().await {
        late.extend(
            ended
                .context("a caller panicked")??
                .into_iter()
                .filter(|end| begun <= end.known && end.known <= begun + measured),
        );
    }
    let mut lateness: Vec<Duration> = late.iter().map(|end| end.late).collect();
    lateness.sort_unstable();
    let per_second = |count: u32| f64::from(count) / measured.as_secs_f64();
    let ends = u32::try_from(lateness.len())?;
    let (lists, queries) = (after.0 - before.0, after.1 - before.1);
    Ok(Row {
        jobs_in_flight: jobs,
        way,
        lists_per_second: per_second(lists),
        queries_per_second: per_second(queries),
        ends_per_second: per_second(ends),
        calls_beyond_results_per_second: per_second((lists + queries).saturating_sub(ends)),
        known_late_p50_ms: percentile(&lateness, 50).as_millis(),
        known_late_p99_ms: percentile(&lateness, 99).as_millis(),
    })
}

fn percentile(ascending: &[Duration], percent: usize) -> Duration {
    let last = ascending.len().saturating_sub(1);
    ascending.get(last * percent / 100).copied().unwrap_or_default()
}

/// The end of a job.
struct End {
    known: Instant,
    late: Duration,
}

impl Site {
    /// Counts the calls of a command without spoiling any.
    fn count(&self, command: &str) -> RuleId {
        self.cloud
            .inside
            .add_fault(FaultRule::on(command, WayFault::Busy).nth(u32::MAX))
    }

    fn counted(&self, rule: RuleId) -> anyhow::Result<u32> {
        let state = self.cloud.inside.fault(rule);
        state
            .map(|state| state.matched)
            .context("the counting rule is gone")
    }

    async fn keep_one_in_flight(self: Arc<Self>, begins: Duration) -> anyhow::Result<Vec<End>> {
        tokio::time::sleep(begins).await;
        let mut ends = Vec::new();
        while !self.is_over.load(Ordering::Relaxed) {
            let job = self.deploy().await?;
            match self.way {
                Way::Together => self.wait_together(&job).await?,
                Way::Alone => self.wait_alone(&job).await?,
            }
            let ended = match self.cloud.inside.cloud().job(&job).map(|job| job.phase.clone()) {
                Some(Phase::Ended { at, .. }) => at,
                Some(Phase::Queued | Phase::Running { .. }) | None => {
                    anyhow::bail!("job {job} has not ended")
                }
            };
            let late = self.cloud.inside.clock().now() - ended;
            ends.push(End {
                known: Instant::now(),
                late: late.to_std().unwrap_or_default(),
            });
        }
        Ok(ends)
    }

    async fn deploy(&self) -> anyhow::Result<AsyncJobId> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let vm = "4205a841-0265-f4bd-39a6-39fd92196f53".parse()?;
        let job = JobId::new(JobType::Live, &vm, chrono::DateTime::UNIX_EPOCH, 0);
        let key = RequestKey::derive(&job, "bench", number);
        let command = Command::DeployVirtualMachine(Box::new(self.deployment(number)?));
        match self.client.submit(&key, &command).await? {
            Accepted::Job { job, .. } => Ok(job),
            Accepted::Done => anyhow::bail!("the cloud deployed without a job"),
        }
    }

    fn deployment(&self, number: u32) -> anyhow::Result<DeployVm> {
        let contents = &self.cloud.contents;
        let network = contents.networks.iter().find(|network| network.name == "test-l2");
        let offering = contents
            .offerings
            .iter()
            .find(|offering| offering.is_customized());
        let template = contents.templates.first();
        Ok(DeployVm {
            name: format!("vm-{number}"),
            display_name: format!("VM {number}"),
            mark: "bench".to_owned(),
            zone: contents.oma.zone.clone(),
            offering: offering.context("the sample has a free offering")?.id.clone(),
            template: template.context("the sample has a template")?.id.clone(),
            custom_size: Some(CustomSize {
                cpus: 2,
                cpu_speed_mhz: Some(2000),
                memory_mib: 2048,
            }),
            firmware: Firmware::Bios,
            secure_boot: false,
            nics: vec![NicRequest {
                network: network.context("the sample has an L2 network")?.id.clone(),
                mac: None,
            }],
        })
    }

    async fn wait_together(&self, job: &AsyncJobId) -> anyhow::Result<()> {
        let mut wait = self
            .watch
            .follow(job, "deployVirtualMachine", Priority::WayThere, Origin::Accepted);
        loop {
            match wait.next().await? {
                JobReport::Succeeded { .. } => return Ok(()),
                JobReport::Pending => {}
                other @ (JobReport::Failed(_) | JobReport::Interrupted { .. } | JobReport::NotKnown) => {
                    anyhow::bail!("job {job}: {other:?}")
                }
            }
        }
    }

    /// The peer: each job is asked for after 1 s, then at intervals that grow by 1.3 up to 5 s.
    async fn wait_alone(&self, job: &AsyncJobId) -> anyhow::Result<()> {
        let settings = WatchSettings::default();
        let mut interval = settings.shortest;
        loop {
            tokio::time::sleep(interval).await;
            interval = interval.mul_f64(1.3).min(settings.longest);
            match self.client.job(job).await? {
                JobReport::Succeeded { .. } => return Ok(()),
                JobReport::Pending => {}
                other @ (JobReport::Failed(_) | JobReport::Interrupted { .. } | JobReport::NotKnown) => {
                    anyhow::bail!("job {job}: {other:?}")
                }
            }
        }
    }
}
