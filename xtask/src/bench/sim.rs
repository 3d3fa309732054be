//! The simulator's answers over HTTP: one caller, one connection, work that takes no time.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use failover_system_tests::process::Group;
use failover_system_tests::server::{Binaries, Server};
use ossea::cloudstack::sign;
use serde_json::Value;

use super::Table;
use super::measure::{repeat, timed};
use crate::foreground;
use crate::interrupt::Interrupt;
use crate::sizes::resident_kilobytes;
use crate::workspace::Workspace;

/// What is in the measured clouds.
const CONTENTS: [(&str, Option<&str>); 2] = [
    ("sample contents", None),
    (
        "10,000 VMs with 30,000 volumes",
        Some("vms=10000,volumes-per-vm=3"),
    ),
];

/// The pair that the simulator documents.
const API_KEY: &str = "ossea-sim-development-api-key";
const SECRET_KEY: &str = "ossea-sim-development-secret-key";

pub(super) fn measure(workspace: &Workspace, interrupt: &Interrupt) -> anyhow::Result<Vec<Table>> {
    let mut build = workspace.cargo(["build", "--release", "-p", "ossea-sim-bin"]);
    foreground::succeed(&mut build, interrupt)?;
    let binaries = Binaries::in_directory(workspace.target.join("release"));
    CONTENTS
        .into_iter()
        .map(|(circumstances, population)| measure_contents(&binaries, interrupt, circumstances, population))
        .collect()
}

fn measure_contents(
    binaries: &Binaries,
    interrupt: &Interrupt,
    circumstances: &str,
    population: Option<&str>,
) -> anyhow::Result<Table> {
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut command = binaries.command("ossea-sim")?;
    command.args(["--seed", "1", "--latency-scale", "0"]);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    if let Some(population) = population {
        command.args(["--populate", population]);
    }
    let server = Server::start("ossea-sim", command, directory.path(), Group::Shared)?;
    let caller = Caller::of(&server)?;
    let subjects = Subjects::found_by(&caller)?;
    let mut figures = vec![
        repeat("floor: GET /admin/health", 2000, interrupt, |_| caller.health())?,
        repeat("listVirtualMachines by id", 2000, interrupt, |turn| {
            caller.read(
                "listVirtualMachines",
                &[("id", pick(&subjects.vms, turn).as_str())],
            )
        })?,
        repeat("listVolumes by VM", 2000, interrupt, |turn| {
            caller.read(
                "listVolumes",
                &[("virtualmachineid", pick(&subjects.vms, turn).as_str())],
            )
        })?,
    ];
    for list in ["listVirtualMachines", "listVolumes"] {
        let what = format!("{list}, a page of up to 500");
        let page = [("listall", "true"), ("page", "1"), ("pagesize", "500")];
        figures.push(repeat(&what, 100, interrupt, |_| caller.read(list, &page))?);
    }
    figures.push(repeat(
        "detach and attach with their jobs",
        500,
        interrupt,
        |turn| caller.move_off_and_on(pick(&subjects.disks, turn)),
    )?);
    figures.push(repeat("deployVirtualMachine", 500, interrupt, |turn| {
        caller.deploy(&subjects, turn)
    })?);
    Ok(Table {
        circumstances: circumstances.to_owned(),
        resident_kilobytes: resident_kilobytes(server.id())?,
        figures,
    })
}

fn pick<T>(subjects: &[T], turn: usize) -> &T {
    &subjects[turn % subjects.len()]
}

/// What the measured calls are about.
struct Subjects {
    vms: Vec<String>,
    disks: Vec<Disk>,
    zone: String,
    template: String,
    offering: String,
    network: String,
}

/// A data disk where it hangs.
struct Disk {
    id: String,
    vm: String,
    device: String,
}

impl Subjects {
    fn found_by(caller: &Caller) -> anyhow::Result<Self> {
        let texts = |rows: &[Value], field: &str| -> Vec<String> {
            let texts = rows.iter().filter_map(|row| row[field].as_str());
            texts.map(str::to_owned).collect()
        };
        let vms = texts(&caller.list("listVirtualMachines", "virtualmachine", &[])?, "id");
        let disks: Vec<Disk> = caller
            .list("listVolumes", "volume", &[("type", "DATADISK")])?
            .iter()
            .filter_map(|row| {
                Some(Disk {
                    id: row["id"].as_str()?.to_owned(),
                    vm: row["virtualmachineid"].as_str()?.to_owned(),
                    device: row["deviceid"].as_u64()?.to_string(),
                })
            })
            .collect();
        ensure!(
            !vms.is_empty() && !disks.is_empty(),
            "the simulated cloud is empty"
        );
        let first = |command: &str, array: &str, filter: &[(&str, &str)]| -> anyhow::Result<Value> {
            let rows = caller.list(command, array, filter)?;
            rows.into_iter()
                .next()
                .with_context(|| format!("{command} finds nothing"))
        };
        let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let template = first("listTemplates", "template", &[("templatefilter", "executable")])?;
        let zone = text(&template, "zoneid");
        let offerings = caller.list("listServiceOfferings", "serviceoffering", &[])?;
        let offering = offerings.iter().find(|row| row["iscustomized"] == false);
        let network = first("listNetworks", "network", &[("zoneid", &zone), ("type", "L2")])?;
        Ok(Self {
            vms,
            disks,
            template: text(&template, "id"),
            offering: text(offering.context("there is no fixed offering")?, "id"),
            network: text(&network, "id"),
            zone,
        })
    }
}

/// The one caller.
struct Caller {
    agent: ureq::Agent,
    api: String,
    admin: String,
}

impl Caller {
    fn of(server: &Server) -> anyhow::Result<Self> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .proxy(None)
            .build();
        Ok(Self {
            agent: config.into(),
            api: server.said("api_url")?.to_owned(),
            admin: server.said("admin_url")?.to_owned(),
        })
    }

    /// The time of an exchange in which the server has nothing to do.
    fn health(&self) -> anyhow::Result<Duration> {
        let url = format!("{}/admin/health", self.admin);
        Ok(timed(|| self.get(&url))?.0)
    }

    /// The time of a read.
    fn read(&self, command: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Duration> {
        let url = self.url(command, parameters);
        Ok(timed(|| self.get(&url))?.0)
    }

    /// The time of a detachment, a look at its job, an attachment, and a look at that.
    fn move_off_and_on(&self, disk: &Disk) -> anyhow::Result<Duration> {
        let mut all = Duration::ZERO;
        let on = [
            ("id", disk.id.as_str()),
            ("virtualmachineid", &disk.vm),
            ("deviceid", &disk.device),
        ];
        for (command, parameters) in [("detachVolume", &on[..1]), ("attachVolume", &on[..])] {
            let url = self.url(command, parameters);
            let (took, accepted) = timed(|| self.get(&url))?;
            let accepted = content(command, &accepted)?;
            let job = accepted["jobid"].as_str().context("there is no job")?.to_owned();
            let url = self.url("queryAsyncJobResult", &[("jobid", &job)]);
            let (looked, job) = timed(|| self.get(&url))?;
            let job = content("queryAsyncJobResult", &job)?;
            ensure!(
                job["jobstatus"] == 1,
                "{command} of {} did not succeed: {job}",
                disk.id
            );
            all += took + looked;
        }
        Ok(all)
    }

    fn deploy(&self, subjects: &Subjects, turn: usize) -> anyhow::Result<Duration> {
        let name = format!("bench-{turn}");
        let parameters = [
            ("zoneid", subjects.zone.as_str()),
            ("templateid", &subjects.template),
            ("serviceofferingid", &subjects.offering),
            ("networkids", &subjects.network),
            ("name", &name),
            ("startvm", "false"),
        ];
        self.read("deployVirtualMachine", &parameters)
    }

    /// The first page of a list.
    fn list(&self, command: &str, array: &str, filter: &[(&str, &str)]) -> anyhow::Result<Vec<Value>> {
        let mut answer = content(command, &self.get(&self.url(command, filter))?)?;
        Ok(match answer[array].take() {
            Value::Array(rows) => rows,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                Vec::new()
            }
        })
    }

    /// A signed request.
    fn url(&self, command: &str, parameters: &[(&str, &str)]) -> String {
        let mut all = vec![("apikey", API_KEY), ("command", command), ("response", "json")];
        all.extend(parameters);
        let signature = sign::signature(&all, SECRET_KEY);
        all.push(("signature", &signature));
        let query: Vec<String> = all
            .iter()
            .map(|(name, value)| format!("{name}={}", escaped(value)))
            .collect();
        format!("{}?{}", self.api, query.join("&"))
    }

    fn get(&self, url: &str) -> anyhow::Result<Vec<u8>> {
        let mut response = self
            .agent
            .get(url)
            .call()
            .context("the simulator does not answer")?;
        let body = response.body_mut().read_to_vec().context("half an answer")?;
        ensure!(
            response.status().is_success(),
            "the simulator answers {}: {}",
            response.status(),
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }
}

/// What is in the envelope of an answer.
fn content(command: &str, answer: &[u8]) -> anyhow::Result<Value> {
    let mut answer: Value = serde_json::from_slice(answer).context("the answer is no JSON")?;
    Ok(answer[format!("{}response", command.to_lowercase())].take())
}

/// Escapes what a signature or an id may hold and a query may not.
fn escaped(value: &str) -> String {
    value
        .replace('%', "%25")
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
}
