//! The program `nymtrail`. See [`nymtrail_collector::cli`].

use clap::Parser;
use nymtrail_collector::cli;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    // Command lines that can't be understood exit with 1, "could not run": clap's own 2 means a broken chain here.
    let parsed = match cli::Cli::try_parse() {
        Ok(parsed) => parsed,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let log = fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(log).with(levels()).init();
    ExitCode::from(cli::run(parsed))
}

/// What is logged, by `RUST_LOG`: a level, or levels of modules, such as `info,nymtrail_collector=debug`.
fn levels() -> Targets {
    let asked = std::env::var("RUST_LOG").ok().filter(|levels| !levels.is_empty());
    let parsed = asked.and_then(|levels| levels.parse().ok());
    parsed.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}
