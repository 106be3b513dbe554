//! `nymtrail erase`.

use super::{pepper, print};
use crate::erase::{self, Erased, Place, Which};
use crate::error::Code;
use crate::keys::Signer;
use crate::operator;
use crate::peppers::State;
use crate::retention::{self, Keep, RETENTION};
use crate::serve::now_ms;
use crate::store::{Expected, Store};
use nymtrail::core::pepper::is_first;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

pub const EXAMPLES: &str = "The chain, its receipts and its proofs still verify afterwards; `nymtrail verify` compares the erased rows with the log.
Nobody can write while the file is rewritten, about a second for each 100 MB. Backups, exports, and what browsers and other
services keep, are not within reach.

Examples:
  nymtrail erase --pseudonym p1.0kjgA_5tMJc05lhIFTSs9Q --why art17 --dry-run
  nymtrail erase --chain 0d0624f6 --why art17
  nymtrail erase --chain 0d0624f6 --seq 41 --why mistake
  nymtrail erase --older-than 25mo --dry-run";

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("which").args(["pseudonym", "chain", "older_than"]).required(true)))]
pub struct Args {
    /// Erase the events that hold this pseudonym, or the id of a device or a visit; repeat it for several. Where there are
    /// peppers, a pseudonym of the first level finds those of the second, for as long as its epoch's pepper is there
    #[arg(long, value_name = "P", value_parser = pseudonym)]
    pseudonym: Vec<String>,
    /// Erase the events of this chain; its id or the beginning of it. Row 0, which holds no event, stays
    #[arg(long, value_name = "CHAIN")]
    chain: Option<String>,
    /// Erase this row of the chain alone, also row 0
    #[arg(long, value_name = "SEQ", requires = "chain", conflicts_with = "pseudonym")]
    seq: Option<u64>,
    /// Erase the events that came before this time, such as 25mo: d, mo or y, by the collector's receipts
    #[arg(long, value_name = "TIME")]
    older_than: Option<Keep>,
    /// With --older-than, do so although everything is older
    #[arg(long, conflicts_with_all = ["chain", "pseudonym"])]
    all: bool,
    /// Why, for the log: a word of a-z 0-9 _ -, such as `art17`. Don't name anybody [default with --older-than: retention]
    #[arg(long, value_name = "WORD", value_parser = reason, required_unless_present = "older_than")]
    why: Option<String>,
    /// Print what would be erased, and erase nothing
    #[arg(long)]
    dry_run: bool,
    /// The store
    #[arg(long, value_name = "FILE", default_value = "nymtrail.db")]
    db: PathBuf,
    /// The file of the peppers, if there is one [default: the store's name and `.pepper`]
    #[arg(long, value_name = "FILE")]
    pepper: Option<PathBuf>,
}

/// Beside each pseudonym of the first level, those of the second that were made of it and are in the store.
pub fn with_second(store: &Store, db: &Path, pepper: Option<PathBuf>, given: &[String]) -> Result<Vec<String>, Code> {
    let mut pseudonyms = given.to_vec();
    let Some(peppers) = pepper::find(pepper, db) else { return Ok(pseudonyms) };
    for line in peppers.lines()? {
        let State::Kept(pepper) = line.state else { continue };
        for second in given.iter().filter(|first| is_first(first)).map(|first| pepper.second(first)) {
            if !erase::find(store, &Which::Pseudonyms(vec![second.clone()]))?.is_empty() {
                pseudonyms.push(second);
            }
        }
    }
    Ok(pseudonyms)
}

pub fn run(args: &Args) -> Result<(), Code> {
    let why = args.why.as_deref().unwrap_or(RETENTION);
    let which = match (args.older_than, &args.chain, args.seq) {
        (Some(keep), ..) => return older_than(args, keep, why),
        (None, Some(chain), Some(seq)) => Which::Row(chain.clone(), seq),
        (None, Some(chain), None) => Which::Chain(chain.clone()),
        (None, None, _) => {
            let reading = Store::read(&args.db)?; // makes none
            Which::Pseudonyms(with_second(&reading, &args.db, args.pepper.clone(), &args.pseudonym)?)
        }
    };
    carry_out(&args.db, &which, why, args.dry_run)
}

fn older_than(args: &Args, keep: Keep, why: &str) -> Result<(), Code> {
    let (now, reading) = (now_ms(), Store::read(&args.db)?);
    if args.dry_run {
        let count = retention::count_due(&reading, keep, now)?;
        return print(&format!("Would erase {}. Nothing was changed.\n", events(count)));
    }
    if !args.all && retention::is_all_due(&reading, keep, now)? {
        return Err(Code::AllDue);
    }
    drop(reading);
    let mut store = Store::open(&args.db, &Expected::default())?;
    let (signer, _) = Signer::open(&args.db, &store.deployment)?;
    let count = retention::erase_due(&mut store, &signer, keep, why, now)?;
    if erase::is_due(store.db())? {
        erase::forget(&store)?;
    }
    print(&format!("Erased {}, and logged that in the operator's own chain.\n", events(count)))
}

/// Erases, and says what was erased.
pub fn carry_out(db: &Path, which: &Which, why: &str, dry_run: bool) -> Result<(), Code> {
    let reading = Store::read(db)?; // makes none
    if dry_run {
        let rows = erase::find(&reading, which)?;
        return print(&format!("{}Would erase {}. Nothing was changed.\n", listed(&rows), counted(&rows)));
    }
    drop(reading);
    let mut store = Store::open(db, &Expected::default())?;
    let (signer, _) = Signer::open(db, &store.deployment)?;
    let done = erase::erase(&mut store, &signer, which, why, now_ms());
    // Also if there is nothing left to erase: an earlier run may have been stopped before this.
    let forgotten = erase::forget(&store);
    let Erased { rows, receipt } = done?;
    if rows.is_empty() {
        return forgotten.and(Err(Code::NothingToErase));
    }
    let chain = operator::ids(store.db())?.pop().unwrap_or_default();
    let mut out =
        format!("{}Erased {}, and logged that in the operator's chain {chain}.\n", listed(&rows), counted(&rows));
    match &receipt {
        Some(note) => {
            let _ =
                write!(out, "Keep the log's receipt where nobody can reach it who can reach the store:\n\n{note}\n");
        }
        None => out.push_str("The log has NO receipt: its rows are not those that were signed. Run nymtrail verify.\n"),
    }
    if forgotten.is_ok() {
        out.push_str("The store's files were rewritten without these events.\n");
    }
    print(&out)?;
    forgotten
}

fn counted(rows: &[Place]) -> String {
    let mut chains: Vec<_> = rows.iter().map(|(chain, _)| chain).collect();
    chains.dedup();
    match (events(rows.len()), chains.len()) {
        (events, 1) => format!("{events} of 1 chain"),
        (events, n) => format!("{events} of {n} chains"),
    }
}

fn events(count: usize) -> String {
    if count == 1 { "1 event".into() } else { format!("{count} events") }
}

/// A line for each chain, its rows as ranges.
fn listed(rows: &[Place]) -> String {
    let mut out = String::new();
    for rows in rows.chunk_by(|(a, _), (b, _)| a == b) {
        let Some((chain, _)) = rows.first() else { continue };
        let _ = write!(out, "chain {chain} seq"); // writing to a String can't fail
        for range in rows.chunk_by(|(_, a), (_, b)| a + 1 == *b) {
            match range {
                [(_, seq)] => drop(write!(out, " {seq}")),
                [(_, first), .., (_, last)] => drop(write!(out, " {first}-{last}")),
                [] => {}
            }
        }
        out.push('\n');
    }
    out
}

pub fn pseudonym(text: &str) -> Result<String, String> {
    if Which::is_pseudonym(text) {
        Ok(text.into())
    } else {
        Err("a pseudonym is p1., p2. or s1. and 22 characters, the id of a device or a visit 22 characters".into())
    }
}

pub fn reason(text: &str) -> Result<String, String> {
    match text {
        operator::ARRIVED => Err("this reason says that a row came erased".into()),
        operator::DEVICE => Err("this reason says that the device asked for it".into()),
        _ if operator::is_reason(text) => Ok(text.into()),
        _ => Err("a reason is 1 to 32 of a-z 0-9 _ -, such as art17".into()),
    }
}
