//! `nymtrail erase`.

use super::print;
use crate::erase::{self, Erased, Place, Which};
use crate::error::Code;
use crate::keys::Signer;
use crate::operator;
use crate::serve::now_ms;
use crate::store::{Expected, Store};
use std::fmt::Write as _;
use std::path::PathBuf;

pub const EXAMPLES: &str = "The chain, its receipts and its proofs still verify afterwards; `nymtrail verify` compares the erased rows with the log.
Nobody can write while the file is rewritten, about a second for each 100 MB. Backups, exports, and what browsers and other
services keep, are not within reach.

Examples:
  nymtrail erase --pseudonym p1.0kjgA_5tMJc05lhIFTSs9Q --why art17 --dry-run
  nymtrail erase --chain 0d0624f6 --why art17
  nymtrail erase --chain 0d0624f6 --seq 41 --why mistake";

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("which").args(["pseudonym", "chain"]).required(true)))]
pub struct Args {
    /// Erase the events that hold this pseudonym, or the id of a device or a visit
    #[arg(long, value_name = "P", value_parser = pseudonym)]
    pseudonym: Option<String>,
    /// Erase the events of this chain; its id or the beginning of it. Row 0, which holds no event, stays
    #[arg(long, value_name = "CHAIN")]
    chain: Option<String>,
    /// Erase this row of the chain alone, also row 0
    #[arg(long, value_name = "SEQ", requires = "chain", conflicts_with = "pseudonym")]
    seq: Option<u64>,
    /// Why, for the log: a word of a-z 0-9 _ -, such as `art17`. Don't name anybody
    #[arg(long, value_name = "WORD", value_parser = reason)]
    why: String,
    /// Print what would be erased, and erase nothing
    #[arg(long)]
    dry_run: bool,
    /// The store
    #[arg(long, value_name = "FILE", default_value = "nymtrail.db")]
    db: PathBuf,
}

impl Args {
    fn which(&self) -> Which {
        match (&self.pseudonym, &self.chain, self.seq) {
            (Some(pseudonym), ..) => Which::Pseudonym(pseudonym.clone()),
            (None, chain, Some(seq)) => Which::Row(chain.clone().unwrap_or_default(), seq),
            (None, chain, None) => Which::Chain(chain.clone().unwrap_or_default()),
        }
    }
}

pub fn run(args: &Args) -> Result<(), Code> {
    let reading = Store::read(&args.db)?; // makes none
    if args.dry_run {
        let rows = erase::find(&reading, &args.which())?;
        return print(&format!("{}Would erase {}. Nothing was changed.\n", listed(&rows), counted(&rows)));
    }
    drop(reading);
    let mut store = Store::open(&args.db, &Expected::default())?;
    let (signer, _) = Signer::open(&args.db, &store.deployment)?;
    let done = erase::erase(&mut store, &signer, &args.which(), &args.why, now_ms());
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
    let events = if rows.len() == 1 { "1 event".into() } else { format!("{} events", rows.len()) };
    match chains.len() {
        1 => format!("{events} of 1 chain"),
        n => format!("{events} of {n} chains"),
    }
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

fn pseudonym(text: &str) -> Result<String, String> {
    if Which::is_pseudonym(text) {
        Ok(text.into())
    } else {
        Err("a pseudonym is p1. or p2. and 22 characters, the id of a device or a visit 22 characters".into())
    }
}

fn reason(text: &str) -> Result<String, String> {
    match text {
        operator::ARRIVED => Err("this reason says that a row came erased".into()),
        _ if operator::is_reason(text) => Ok(text.into()),
        _ => Err("a reason is 1 to 32 of a-z 0-9 _ -, such as art17".into()),
    }
}
