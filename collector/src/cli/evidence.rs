//! `nymtrail evidence`, `nymtrail statement`, and what `nymtrail verify` says of evidence.

use crate::audit::read_notes;
use crate::error::Code;
use crate::evidence::{self, Evidence, Keys, Known, Verdict};
use crate::forms::{self, Failure};
use crate::keys::{Signer, read_log_keys, read_vkeys};
use crate::log::check::leaves_of;
use crate::serve::now_ms;
use crate::statement::Statement;
use crate::store::{Expected, Store};
use clap::Args;
use nymtrail::core::chain::Hash;
use nymtrail::core::hex;
use nymtrail::core::note::origin;
use nymtrail::core::row::Row;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct StatementArgs {
    /// The store to state the content of
    #[arg(long, value_name = "FILE", default_value = "nymtrail.db")]
    db: PathBuf,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct EvidenceArgs {
    /// Receipts, checkpoints of devices or of the log, kept elsewhere: notes with blank lines between them, or JSON a line. May
    /// be repeated
    #[arg(long, value_name = "FILE")]
    receipts: Vec<PathBuf>,
    /// A statement of the collector. May be repeated
    #[arg(long, value_name = "FILE")]
    statement: Vec<PathBuf>,
    /// The rows as the collector shows them now, a store or an export: needed if chains grew since
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// The folder of the collector's log: needed to compare checkpoints of it of different sizes
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// The public keys, as `nymtrail keys show` prints them, or a file of such lines. May be repeated
    #[arg(long, value_name = "VKEY|FILE", required = true)]
    key: Vec<String>,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes a statement.
pub fn state(args: &StatementArgs) -> Result<(), Code> {
    Store::read(&args.db)?; // there must be one
    let mut store = Store::open(&args.db, &Expected::default())?;
    let signer = Signer::read(&args.db, &store.deployment)?.ok_or(Code::KeyFile)?;
    write(args.output.as_deref(), &Statement::make(&mut store, &signer, now_ms())?.to_string())
}

/// Looks for evidence and writes it.
pub fn find(args: &EvidenceArgs) -> Result<(), Failure> {
    let keys = keys(&args.key)?;
    let mut known = Known::default();
    for path in &args.receipts {
        known.notes.extend(read_notes(BufReader::new(File::open(path).map_err(|_| Code::CannotRead)?))?);
    }
    for path in &args.statement {
        let text = std::fs::read_to_string(path).map_err(|_| Code::CannotRead)?;
        known.statements.push(Statement::parse(&text).ok_or(Code::MalformedStatement)?);
    }
    if let Some(dir) = &args.log {
        let (name, leaves) = leaves_of(dir)?;
        known.leaves.insert(name, leaves);
    }
    if let Some(path) = &args.rows {
        let mut rows = rows(path)?;
        rows.sort_by(|one, other| (&one.chain, one.seq).cmp(&(&other.chain, other.seq)));
        let deployments: Vec<_> = known.notes.iter().filter_map(|(_, one)| one.deployment_and_chain()).collect();
        for row in rows {
            let Some((deployment, _)) = deployments.iter().find(|(_, chain)| *chain == row.chain) else { continue };
            let (origin, leaf) = (origin(deployment, &row.chain), hex::decode(&row.link).map(Hash));
            let leaves = known.leaves.entry(origin.clone()).or_default();
            if let Some(leaf) = leaf.filter(|_| row.seq == leaves.len() as u64) {
                leaves.push(leaf);
            }
            if row.seq == 0 {
                known.openings.insert(origin, row);
            }
        }
    }
    let found = evidence::find(&known, &keys).ok_or(Code::NoEvidence)?;
    Ok(write(args.output.as_deref(), &found.to_string())?)
}

fn rows(path: &Path) -> Result<Vec<Row>, Failure> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|_| Code::CannotRead)?;
    file.take(16).read_to_end(&mut start).map_err(|_| Code::CannotRead)?;
    if start != b"SQLite format 3\0" {
        return Ok(forms::read_rows(BufReader::new(File::open(path).map_err(|_| Code::CannotRead)?))?.rows);
    }
    let mut rows = Vec::new();
    Store::read(path)?.each_row(None, |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

/// The keys that values of `--key` mean.
pub fn keys(values: &[String]) -> Result<Keys, Code> {
    let collectors = values.iter().map(|value| read_vkeys(value)).collect::<Result<Vec<_>, _>>()?.concat();
    let logs = values.iter().map(|value| read_log_keys(value)).collect::<Result<Vec<_>, _>>()?.concat();
    Ok(Keys { collectors, logs })
}

/// The verdict in words, as JSON, and the exit code.
pub fn report(evidence: &Evidence, keys: &Keys) -> (String, Value, u8) {
    let verdict = evidence::check(evidence, keys);
    let (word, code) = match verdict {
        Verdict::Proved(_) => ("proved", 2),
        Verdict::Forged => ("forged", 2),
        Verdict::Unchecked => ("unchecked", 3),
        Verdict::NotProved => ("not_proved", 3),
    };
    let lie = evidence.lie;
    let mut text = String::new();
    for (note, checkpoint) in &evidence.notes {
        let by: Vec<_> = note.signatures.iter().map(|line| line.name.as_str()).collect();
        text += &format!("{} of {}, signed by {}\n", checkpoint.origin, checkpoint.size, by.join(", "));
    }
    text += &match verdict {
        Verdict::Proved(lie) => format!("\nproved: {}, {}.\n", lie.as_str(), lie.in_words()),
        Verdict::Forged => "\nforged: a signature is not by the key that it names, so nothing is proved.\n".into(),
        Verdict::Unchecked => {
            "\nunchecked: it is not signed by the keys at hand; give them with --key, from a source you trust.\n".into()
        }
        Verdict::NotProved => format!("\nnot_proved: what was signed does not show that it is {}.\n", lie.as_str()),
    };
    let notes: Vec<_> = evidence.notes.iter().map(|(note, _)| note.to_string()).collect();
    let proved = matches!(verdict, Verdict::Proved(_)).then_some(lie.as_str());
    (text, json!({"verdict": word, "lie": lie.as_str(), "proved": proved, "notes": notes}), code)
}

fn write(output: Option<&Path>, text: &str) -> Result<(), Code> {
    match output {
        Some(file) => std::fs::write(file, text).map_err(|_| Code::CannotWrite),
        None => super::print(text),
    }
}
