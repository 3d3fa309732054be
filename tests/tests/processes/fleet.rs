//! The places of workers and of the API: processes come and go there.

use std::os::unix::process::ExitStatusExt as _;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::ensure;
use failover_system_tests::server::Server;
use failover_system_tests::stack::Starter;
use rustix::process::Signal;

/// A worker lets its steps come to a safe point for 10 s, and a database that is away delays what comes after.
const STOPS_WITHIN: Duration = Duration::from_secs(60);

/// What is at a place now.
enum Tenant {
    Up(Box<Server>),
    Starting(JoinHandle<anyhow::Result<Server>>),
    /// Told to stop; it must have by then.
    Leaving(Box<Server>, Instant, Duration),
    /// From then on another one may be started.
    Nobody(Instant),
}

/// Where one process after the other runs.
pub(crate) struct Place {
    name: String,
    program: &'static str,
    tenant: Tenant,
    pub(crate) is_stopped: bool,
    pub(crate) generation: u32,
}

impl Drop for Place {
    fn drop(&mut self) {
        // A process that is just being started must not be left to itself.
        if let Tenant::Starting(starting) =
            std::mem::replace(&mut self.tenant, Tenant::Nobody(Instant::now()))
        {
            drop(starting.join());
        }
        if self.is_stopped {
            // Stopped, it would not hear that it is to end.
            let _ = self.resume();
        }
    }
}

impl Place {
    pub(crate) fn new(name: &str, program: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            program,
            tenant: Tenant::Nobody(Instant::now()),
            is_stopped: false,
            generation: 0,
        }
    }

    pub(crate) fn server(&self) -> Option<&Server> {
        match &self.tenant {
            Tenant::Up(server) => Some(server),
            Tenant::Starting(_) | Tenant::Leaving(..) | Tenant::Nobody(_) => None,
        }
    }

    /// Starts a process where none is, and sees whether one that was started is up. Answers whether a start has failed.
    pub(crate) fn look_after(&mut self, starter: &Starter) -> anyhow::Result<bool> {
        match std::mem::replace(&mut self.tenant, Tenant::Nobody(Instant::now())) {
            Tenant::Up(mut server) => {
                let ended = server.process().ended()?;
                ensure!(
                    ended.is_none(),
                    "{} ended by itself: {ended:?}\n{}",
                    self.name,
                    server.end_of_output()
                );
                self.tenant = Tenant::Up(server);
            }
            Tenant::Starting(starting) if starting.is_finished() => match starting.join() {
                Ok(Ok(server)) => self.tenant = Tenant::Up(Box::new(server)),
                // It says so and ends when the database is away at its start; whoever starts processes tries again.
                Ok(Err(_)) => {
                    self.tenant = Tenant::Nobody(Instant::now() + Duration::from_millis(300));
                    return Ok(true);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            },
            Tenant::Nobody(from) if from <= Instant::now() => {
                self.generation += 1;
                let (name, program) = (format!("{}-{}", self.name, self.generation), self.program);
                let starter = starter.clone();
                self.tenant = Tenant::Starting(std::thread::spawn(move || starter.start(&name, program)));
            }
            Tenant::Leaving(mut server, until, empty_for) => match server.process().ended()? {
                Some(status) => {
                    let said = server.end_of_output();
                    ensure!(
                        status.success(),
                        "{} was told to stop and ended with {status}\n{said}",
                        self.name
                    );
                    self.tenant = Tenant::Nobody(Instant::now() + empty_for);
                }
                None => {
                    ensure!(
                        Instant::now() < until,
                        "{} does not stop\n{}",
                        self.name,
                        server.end_of_output()
                    );
                    self.tenant = Tenant::Leaving(server, until, empty_for);
                }
            },
            tenant @ (Tenant::Starting(_) | Tenant::Nobody(_)) => self.tenant = tenant,
        }
        Ok(false)
    }

    /// Kills what runs here, and insists that it lived until then; `false` when nothing is up. Another one comes after a while.
    pub(crate) fn kill(&mut self, empty_for: Duration) -> anyhow::Result<bool> {
        let Tenant::Up(server) = &mut self.tenant else {
            return Ok(false);
        };
        let status = server.process().kill()?;
        ensure!(
            status.signal() == Some(9),
            "{} ended by itself before it was killed: {status}",
            self.name
        );
        self.is_stopped = false;
        self.tenant = Tenant::Nobody(Instant::now() + empty_for);
        Ok(true)
    }

    /// Tells what runs here to stop in order; `false` when nothing is up that could. Another one comes when it has.
    pub(crate) fn terminate(&mut self, empty_for: Duration) -> anyhow::Result<bool> {
        if self.is_stopped || self.server().is_none() {
            return Ok(false);
        }
        let nobody = Tenant::Nobody(Instant::now());
        if let Tenant::Up(mut server) = std::mem::replace(&mut self.tenant, nobody) {
            server.process().signal(Signal::TERM)?;
            self.tenant = Tenant::Leaving(server, Instant::now() + STOPS_WITHIN, empty_for);
        }
        Ok(true)
    }

    /// Stops what runs here where it is; `false` when nothing is up.
    pub(crate) fn stop(&mut self) -> anyhow::Result<bool> {
        self.is_stopped = self.signal(Signal::STOP)?;
        Ok(self.is_stopped)
    }

    /// Lets what was stopped go on.
    pub(crate) fn resume(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)?;
        self.is_stopped = false;
        Ok(())
    }

    fn signal(&mut self, signal: Signal) -> anyhow::Result<bool> {
        let Tenant::Up(server) = &mut self.tenant else {
            return Ok(false);
        };
        server.process().signal(signal)?;
        Ok(true)
    }
}
