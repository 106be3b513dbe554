//! The program `nymtrail`. See [`nymtrail_collector::cli`].

use clap::Parser;
use nymtrail_collector::cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Command lines that can't be understood exit with 1, "could not run": clap's own 2 means a broken chain here.
    let parsed = match cli::Cli::try_parse() {
        Ok(parsed) => parsed,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    ExitCode::from(cli::run(parsed))
}
