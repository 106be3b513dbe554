//! `nymtrail subject`.

use super::erase;
use crate::erase::Which;
use crate::error::Code;
use crate::serve::now_ms;
use crate::store::Store;
use crate::subject::{self, Format};
use std::fs::File;
use std::io;
use std::path::PathBuf;

pub const EXAMPLES: &str = "A pseudonym is of one epoch: a person has another one in each. In the page, `pseudonyms(trail)` of nymtrail/rights shows those that
this browser still knows; with an epoch's salt, those of an identifier can be worked out. `devices` and `visits` of an export are ids that
the same events hold: given as --pseudonym, they find what was recorded before the person signed in.

Examples:
  nymtrail subject --pseudonym p1.0kjgA_5tMJc05lhIFTSs9Q export -o ada.json
  nymtrail subject --pseudonym p1.0kjgA_5tMJc05lhIFTSs9Q export --format ndjson | nymtrail verify -
  nymtrail subject --pseudonym p1.0kjgA_5tMJc05lhIFTSs9Q --pseudonym p1.q2xEd6Jfhk1bK8mQ0Zc0Ug erase --dry-run";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A pseudonym of the person, or the id of a device or a visit; repeat it for several
    #[arg(long, value_name = "P", required = true, value_parser = erase::pseudonym)]
    pseudonym: Vec<String>,
    /// The store
    #[arg(long, value_name = "FILE", default_value = "nymtrail.db")]
    db: PathBuf,
    /// The file of the peppers, if there is one [default: the store's name and `.pepper`]
    #[arg(long, value_name = "FILE")]
    pepper: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Write every event that holds one of them
    Export {
        /// A document to read, or the rows as they are stored
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
        /// Where to write it [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Erase every event that holds one of them, as `nymtrail erase` does
    Erase {
        /// Why, for the log: a word of a-z 0-9 _ -. Don't name anybody
        #[arg(long, value_name = "WORD", value_parser = erase::reason, default_value = "art17")]
        why: String,
        /// Print what would be erased, and erase nothing
        #[arg(long)]
        dry_run: bool,
    },
}

pub fn run(args: &Args) -> Result<(), Code> {
    let store = Store::read(&args.db)?; // makes none
    let pseudonyms = erase::with_second(&store, &args.db, args.pepper.clone(), &args.pseudonym)?;
    match &args.action {
        Action::Export { format, output } => {
            let count = match output {
                Some(file) => {
                    let file = File::create(file).map_err(|_| Code::CannotWrite)?;
                    subject::export(&store, &pseudonyms, *format, now_ms(), io::BufWriter::new(file))?
                }
                None => {
                    let out = io::BufWriter::new(io::stdout().lock());
                    subject::export(&store, &pseudonyms, *format, now_ms(), out)?
                }
            };
            if count == 0 { Err(Code::NothingHeld) } else { Ok(()) }
        }
        Action::Erase { why, dry_run } => erase::carry_out(&args.db, &Which::Pseudonyms(pseudonyms), why, *dry_run),
    }
}
