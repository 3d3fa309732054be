//! `failoverctl`: a client of the HTTP API and nothing else.

mod cli;
mod client;
mod commands;
mod exit;
#[cfg(test)]
#[path = "../tests/fixture/mod.rs"]
mod fixture;
mod output;
mod render;
mod watch;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use failover_config::{ClientSettings, CtlConfig, Outcome};
use secrecy::SecretString;

use cli::{Cli, Command, Global};
use client::Api;
use commands::Session;
use exit::{CtlError, End};
use output::Terminal;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Completions { shell }) = cli.command {
        clap_complete::generate(shell, &mut Cli::command(), "failoverctl", &mut std::io::stdout());
        return ExitCode::SUCCESS;
    }
    let loaded = match cli.common.load::<CtlConfig>(|_| Vec::new()) {
        Outcome::Run(loaded) => loaded,
        Outcome::Exit(code) => return code,
    };
    let Some(command) = cli.command else {
        // Reached only without --check-config and --print-config, which need no command.
        let help = Cli::command().render_help();
        eprintln!("{help}");
        return ExitCode::from(2);
    };
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    let terminal = Terminal::of_process(&cli.global);
    match run(command, &cli.global, loaded.config.client, &terminal) {
        Ok(end) => end.code(),
        Err(error) => {
            terminal.report(&error);
            error.code()
        }
    }
}

fn run(
    command: Command,
    global: &Global,
    mut settings: ClientSettings,
    terminal: &Terminal,
) -> Result<End, CtlError> {
    if let Some(url) = &global.api {
        settings.url = url.clone();
    }
    if let Some(file) = &global.token_file {
        settings.token = Some(token(file)?);
    }
    let session = Session {
        api: Api::new(&settings)?,
        terminal,
    };
    // One thread is enough: there is one request at a time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(commands::run(&session, command))
}

fn token(file: &Path) -> Result<SecretString, CtlError> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| CtlError::Usage(format!("--token-file {}: {e}", file.display())))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(CtlError::Usage(format!(
            "--token-file {} is empty",
            file.display()
        )));
    }
    Ok(SecretString::from(token.to_owned()))
}
