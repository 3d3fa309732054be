//! Command line options that all binaries share, and what follows from them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::binaries::Configuration;
use crate::mistake::{Mistake, Mistakes, Warning};
use crate::reader::Reader;
use crate::source::Sources;

/// The exit code of a process whose configuration is wrong (`EX_CONFIG` of sysexits).
pub const EXIT_CONFIG: u8 = 78;

/// Options that all binaries share.
#[derive(Debug, Clone, Default, Args)]
pub struct CommonArgs {
    /// Configuration file (TOML). FAILOVER__SECTION__KEY in the environment overrides it.
    #[arg(long, value_name = "FILE", env = "FAILOVER_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// Check the configuration, report all mistakes and exit.
    #[arg(long, global = true)]
    pub check_config: bool,
    /// Print the effective configuration with the origin of each value, secrets hidden, and exit.
    #[arg(long, global = true)]
    pub print_config: bool,
}

/// A configuration without mistakes.
#[derive(Debug, Clone)]
pub struct Loaded<C> {
    /// The configuration.
    pub config: C,
    /// What is allowed but hardly wanted.
    pub warnings: Vec<Warning>,
    /// The effective values, one line each, secrets hidden.
    pub effective: Vec<String>,
}

impl<C: Configuration> Loaded<C> {
    /// Reads a configuration.
    ///
    /// # Errors
    /// All mistakes together.
    pub fn from_sources(sources: &Sources) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(sources);
        let config = C::read(&mut reader);
        let (warnings, effective) = reader.finish()?;
        let config = config.expect("a section that cannot be read has noted a mistake");
        Ok(Self {
            config,
            warnings,
            effective,
        })
    }

    /// Logs the warnings. Call it once logging is set up.
    pub fn log_warnings(&self) {
        for warning in &self.warnings {
            tracing::warn!("configuration: {warning}");
        }
    }
}

/// What a binary does after its configuration was looked at.
#[derive(Debug)]
pub enum Outcome<C> {
    /// It runs.
    Run(Loaded<C>),
    /// It ends: everything asked for was printed.
    Exit(ExitCode),
}

impl CommonArgs {
    /// Reads the configuration from the file and the environment, and does what the options ask for.
    ///
    /// `further` finds mistakes that only the binary can see, such as a certificate file without certificates.
    /// Mistakes are printed to stderr; a binary that gets [`Outcome::Exit`] has nothing to add.
    pub fn load<C: Configuration>(&self, further: impl FnOnce(&C) -> Vec<Mistake>) -> Outcome<C> {
        let loaded =
            Loaded::from_sources(&Sources::of_process(self.config.clone())).and_then(|loaded: Loaded<C>| {
                let mistakes = further(&loaded.config);
                if mistakes.is_empty() {
                    Ok(loaded)
                } else {
                    Err(Mistakes(mistakes))
                }
            });
        match loaded {
            Err(mistakes) => {
                eprintln!("{mistakes}");
                Outcome::Exit(ExitCode::from(EXIT_CONFIG))
            }
            Ok(loaded) if self.check_config || self.print_config => {
                for warning in &loaded.warnings {
                    eprintln!("warning: {warning}");
                }
                if self.print_config {
                    println!("{}", loaded.effective.join("\n"));
                } else {
                    println!("the configuration is correct");
                }
                Outcome::Exit(ExitCode::SUCCESS)
            }
            Ok(loaded) => Outcome::Run(loaded),
        }
    }
}
