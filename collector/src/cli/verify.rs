//! `nymtrail verify`: rows, a proof or evidence from a file, and the exit code of what is said of it.

use super::{evidence, fail, print};
use crate::audit::Receipts;
use crate::continuity;
use crate::error::Code;
use crate::forms::Failure;
use crate::html;
use crate::keys::{read_log_keys, read_vkeys};
use crate::log::check::{Head, Trust};
use crate::prove::{self, Verdict};
use crate::report;
use crate::signing::NoteSigner;
use crate::store::Store;
use crate::table;
use crate::timeline::Timelines;
use crate::verify::{self, Checked, Input, Size};
use clap::ValueEnum;
use nymtrail::core::note::Vkey;
use nymtrail::core::proof::Proof;
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

pub(super) const EXAMPLES: &str = "Exit code: 0 every chain holds; 1 the check could not run; 2 a chain was altered, cut, or erased without a record;
           3 all hold, but not at the level asked for with --require, a receipt could not be checked, or an erasure is to be
           finished.

Examples:
  nymtrail verify nymtrail.db
  nymtrail verify rows.ndjson --expect-size 0d0624f6=10001   find a tail that was cut off
  nymtrail verify events.json.gz                             the export of another service
  nymtrail verify rows.parquet
  nymtrail verify 'postgres://me@localhost/shop?table=events'
  nymtrail verify row.tlog-proof --key shop/collector+1a2b3c4d+BA…
  nymtrail verify nymtrail.db --key keys.txt --receipts kept-elsewhere.txt --require receipted
  nymtrail export --db nymtrail.db | nymtrail verify - --format json";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A store, a proof, evidence, an export, or `-` for a proof or an export on standard input. An export is NDJSON, one JSON document
    /// or CSV, also packed with gzip or zstd, or Parquet, with rows as they are or under the names nt_* in the events of another
    /// service. `postgres://USER@HOST/DATABASE?table=NAME` is a table with the columns of sql/README.md; its password comes from
    /// PGPASSWORD
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// How to print the verdict
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The level of assurance to insist on
    #[arg(long, value_enum, default_value_t = Level::Chained)]
    require: Level,
    /// How many rows a chain is known to have, as N or CHAIN=N: fewer means that its tail was cut off. May be repeated
    #[arg(long, value_name = "[CHAIN=]N", value_parser = Size::parse)]
    expect_size: Vec<Size>,
    /// The collector's public key, as `nymtrail keys show` prints it, or a file of such lines; without it a store is checked
    /// with the key beside it. May be repeated
    #[arg(long, value_name = "VKEY|FILE")]
    key: Vec<String>,
    /// Receipts that were kept elsewhere: notes with blank lines between them, or JSON a line. May be repeated
    #[arg(long, value_name = "FILE")]
    receipts: Vec<PathBuf>,
    /// The collector's log: its folder, or with a store a checkpoint of it that was kept elsewhere. Its public key is one of
    /// those of --key, or the one beside the store
    #[arg(long, value_name = "DIR|FILE")]
    log: Option<PathBuf>,
    /// The public key of a witness, or a file of such lines. May be repeated
    #[arg(long, value_name = "VKEY|FILE")]
    witness: Vec<String>,
    /// How many of these witnesses must have cosigned the log [default: all]
    #[arg(long, value_name = "K")]
    witnesses_needed: Option<usize>,
    /// Write the verdict as a page for people too: one HTML file that needs nothing else, with a time line for each chain
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// An opening, which shows that one chain goes on with the device of another: JSON with v, old, new, blind, r and pk. May
    /// be repeated
    #[arg(long, value_name = "FILE")]
    opening: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    /// Every link verifies
    Chained,
    /// The device signed how long its chain is
    Signed,
    /// The collector signed what it took
    Receipted,
    /// An independent witness signed the collector's log
    Witnessed,
}

/// Runs it, and says how it ends.
pub(super) fn run(args: &Args) -> u8 {
    let done = verify_input(args).or_else(|Failure { code, line }| match args.format {
        Format::Text => Err(Failure { code, line }),
        Format::Json => {
            let error = json!({"error": {"code": code.as_str(), "message": code.message(), "line": line}});
            print(&format!("{error}\n")).map(|()| 1).map_err(Failure::from)
        }
    });
    done.unwrap_or_else(fail)
}

fn verify_input(args: &Args) -> Result<u8, Failure> {
    let keys = args.key.iter().map(|value| read_vkeys(value)).collect::<Result<Vec<_>, _>>()?.concat();
    let mut receipts = Receipts::new(keys.clone());
    for file in &args.receipts {
        receipts.read(BufReader::new(File::open(file).map_err(|_| Code::CannotRead)?))?;
    }
    receipts.openings = args.opening.iter().map(|file| continuity::read(file)).collect::<Result<_, _>>()?;
    if let Some(path) = &args.log {
        let mut logs = args.key.iter().map(|value| read_log_keys(value)).collect::<Result<Vec<_>, _>>()?.concat();
        if !is_table(&args.input)
            && let (true, Ok(store)) = (logs.is_empty(), Store::read(&args.input))
        {
            logs.extend(NoteSigner::read(&args.input, &store.deployment)?.map(|signer| signer.key().clone()));
        }
        let witnesses = args.witness.iter().map(|value| read_vkeys(value)).collect::<Result<Vec<_>, _>>()?.concat();
        let needed = args.witnesses_needed.unwrap_or(witnesses.len());
        receipts.log(Head::read(path, &Trust { logs, witnesses, needed })?);
    }
    let mut timelines = args.report.as_ref().map(|_| Timelines::default());
    let checked = match verify::check_file_drawing(&args.input, receipts, timelines.as_mut())? {
        Input::Rows(checked) => checked,
        Input::Proof(proof) => return verify_proof(args, &proof, &keys),
        Input::Evidence(evidence) => {
            let (text, json, code) = evidence::report(&evidence, &evidence::keys(&args.key)?);
            print(&if args.format == Format::Text { text } else { format!("{json}\n") })?;
            return Ok(code);
        }
    };
    let tails = verify::all_missing_tails(&checked, &args.expect_size)?;
    if let (Some(file), Some(timelines)) = (&args.report, &timelines) {
        // An address may hold a password.
        let name = if is_table(&args.input) {
            "PostgreSQL".into()
        } else {
            args.input.file_name().unwrap_or_default().to_string_lossy()
        };
        let page = html::page(&name, &report::to_json(&checked, &tails), timelines);
        std::fs::write(file, page).map_err(|_| Code::CannotWrite)?;
    }
    print(&match args.format {
        Format::Text => report::to_text(&checked, &tails),
        Format::Json => format!("{}\n", report::to_json(&checked, &tails)),
    })?;
    Ok(match report::verdict(&checked, &tails) {
        "holds" => reached(args.require, &checked),
        "half_erased" | "unchecked" => 3,
        _ => 2,
    })
}

fn is_table(input: &Path) -> bool {
    input.to_str().is_some_and(table::is_address)
}

fn verify_proof(args: &Args, proof: &Proof, keys: &[Vkey]) -> Result<u8, Failure> {
    if !args.receipts.is_empty() || !args.opening.is_empty() || !args.expect_size.is_empty() {
        return Err(Code::ProofAlone.into());
    }
    let verdict = prove::check(proof, keys);
    print(&match args.format {
        Format::Text => prove::to_text(proof, verdict),
        Format::Json => format!("{}\n", prove::to_json(proof, verdict)),
    })?;
    Ok(match verdict {
        Verdict::Holds(_) => met(args.require == Level::Chained || args.require == Level::Receipted, verdict.level()),
        Verdict::Unchecked => 3,
        Verdict::NotIncluded | Verdict::Forged => 2,
    })
}

/// The exit code for what holds. A receipt is the collector's word, so it is not the device's, nor a witness's.
fn reached(required: Level, checked: &Checked) -> u8 {
    let reached = match required {
        Level::Chained => true,
        Level::Signed => checked.signed,
        Level::Receipted => matches!(checked.report.level, "receipted" | "witnessed"),
        Level::Witnessed => checked.report.level == "witnessed",
    };
    met(reached, checked.report.level)
}

fn met(reached: bool, level: &str) -> u8 {
    if !reached {
        eprintln!("nymtrail: all holds, but only at the level `{level}`, which is not the one asked for");
    }
    if reached { 0 } else { 3 }
}
