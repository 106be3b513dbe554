//! The command line: its words, its help, and the exit code of each command.

mod erase;
mod evidence;
mod keys_serve;
mod pepper;
mod subject;
mod verify;
mod witness;

use crate::epochs;
use crate::error::Code;
use crate::export::export;
use crate::forms::Failure;
use crate::keys::{self, Signer};
use crate::log::LogConfig;
use crate::peppers::Peppers;
use crate::prove;
use crate::pseudonyms;
use crate::retention::Keep;
use crate::serve::{self, Config, Origins};
use crate::signing::NoteSigner;
use crate::store::{DEFAULT_DEPLOYMENT, Expected, Store};
use crate::witness::Client;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use nymtrail::core::epoch::Period;
use rusqlite::Connection;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

const ABOUT: &str = "Collects Nymtrail's events and shows whether a chain of them was altered.

Every event is linked to the one before it by a hash. `serve` takes them in and keeps them in one SQLite file;
`verify` checks that file, or an export of it, and names the first row that is not what it was.";

const EXAMPLES: &str = "Examples:
  nymtrail serve                                     take events of the deployment `shop` on 127.0.0.1:8787
  nymtrail serve --deployment blog --allow-origin https://blog.example
  nymtrail verify nymtrail.db                        check everything that was taken
  nymtrail export | nymtrail verify - --format json  the same by way of NDJSON
  nymtrail prove 0d0624f6 41 -o row.tlog-proof       a file that shows that this row was taken
  nymtrail erase --chain 0d0624f6 --why art17        events go, the chain still holds, and the erasure is logged
  nymtrail keys serve --db keys.db                   the key server of the mode `oprf`, on another machine
  nymtrail keys show                                 the key of the receipts; which epochs there are, which salts are destroyed";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "nymtrail", version, about = "Collects Nymtrail's events and shows whether a chain of them was altered",
    long_about = ABOUT, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take events over HTTP, store them, and publish the epochs document
    Serve(ServeArgs),
    /// Check the chains in a store or in an export, and say which row is the first bad one
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Args),
    /// Write a file that shows that a row was taken, to whoever has the collector's public key
    Prove(ProveArgs),
    /// Erase events: body and salt go, the commitment stays, and the erasure is logged in the operator's own chain
    #[command(after_help = erase::EXAMPLES)]
    Erase(erase::Args),
    /// What is here of one person, by pseudonyms: export it, or erase it
    #[command(after_help = subject::EXAMPLES)]
    Subject(subject::Args),
    /// State what the store has now, signed: of every chain how long it is and the root of its tree
    Statement(evidence::StatementArgs),
    /// Look for contradictions among receipts and statements, and write a small file that proves one
    Evidence(evidence::EvidenceArgs),
    /// Cosign checkpoints of other people's logs, if they continue what was cosigned before
    Witness(witness::WitnessArgs),
    /// Write all rows to standard output as NDJSON, ordered by chain and seq
    Export(ExportArgs),
    /// The key of the receipts and the epochs' salts: show what there is, rotate what is due
    #[command(subcommand)]
    Keys(KeysCommand),
}

#[derive(Debug, Args)]
struct StoreArgs {
    /// The SQLite file that holds everything; made if it is not there
    #[arg(long, value_name = "FILE", default_value = "nymtrail.db")]
    db: PathBuf,
    /// The name that events must carry; fixed once the store exists [default: the store's, for a new one `shop`]
    #[arg(long, value_name = "NAME", value_parser = deployment)]
    deployment: Option<String>,
    /// How long a salt is used; fixed once the store exists [default: the store's, for a new one `day`]
    #[arg(long, value_name = "PERIOD", value_parser = PossibleValuesParser::new(["day", "week", "month"]).try_map(period))]
    epoch: Option<Period>,
}

impl StoreArgs {
    fn open(&self) -> Result<Store, Code> {
        Store::open(&self.db, &Expected { deployment: self.deployment.clone(), period: self.epoch })
    }
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// A web origin whose pages may send events, such as `https://shop.example`; repeat for several, `*` for all
    /// [default: pages of this server alone]
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    allow_origin: Vec<String>,
    /// The largest request that is taken, packed or not, such as 512KiB, 1MiB or a number of bytes
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    max_body: usize,
    /// A folder of files to serve beside the API, such as the demo
    #[arg(long, value_name = "DIR")]
    www: Option<PathBuf>,
    /// Let the demo page read rows and damage one; loopback addresses only
    #[arg(long)]
    demo: bool,
    /// Store pseudonyms of a second level alone, made with a secret for each epoch, which is kept in this file
    /// [default file: the store's name and `.pepper`]
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pepper: Option<Option<PathBuf>>,
    /// Erase events after so long, such as 25mo: a number and d, mo or y [default: they are kept]
    #[arg(long, value_name = "TIME")]
    keep: Option<Keep>,
    /// The folder of the collector's own log, which is served under /log/ [default: the store's name and `.log`]
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// A witness that is to cosign the log: where it is, and its public key. May be repeated
    #[arg(long, value_name = "URL=VKEY")]
    witness: Vec<String>,
    /// How many witnesses a checkpoint of the log needs to be published as a witnessed one [default: all]
    #[arg(long, value_name = "K")]
    witnesses_needed: Option<usize>,
}

#[derive(Debug, Args)]
struct ProveArgs {
    /// The chain's id or its beginning
    #[arg(value_name = "CHAIN")]
    chain: String,
    /// The row's seq
    #[arg(value_name = "SEQ")]
    seq: u64,
    /// The store to read
    #[arg(long, value_name = "FILE", default_value = "nymtrail.db")]
    db: PathBuf,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ExportArgs {
    /// The store to read
    #[arg(long, value_name = "FILE", default_value = "nymtrail.db")]
    db: PathBuf,
    /// Only the rows of this chain
    #[arg(long, value_name = "ID")]
    chain: Option<String>,
    /// Instead of rows what their aliases stand for: lines of chain, seq, field and pseudonym
    #[arg(long)]
    pseudonyms: bool,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Print the public key of the receipts, the epochs with their commitments, and the salts that were destroyed; no salt
    /// and no secret key is ever printed. Of a key server's store: its epochs, and how much was evaluated
    Show {
        /// The store to read
        #[arg(long, value_name = "FILE", default_value = "nymtrail.db")]
        db: PathBuf,
        /// The file of the peppers, if there is one [default: the store's name and `.pepper`]
        #[arg(long, value_name = "FILE")]
        pepper: Option<PathBuf>,
    },
    /// Make the salts that are needed next, and destroy those whose epoch ended more than 48 hours ago. `serve` does
    /// this by itself
    Rotate {
        #[command(flatten)]
        store: StoreArgs,
        /// The file of the peppers, if there is one [default: the store's name and `.pepper`]
        #[arg(long, value_name = "FILE")]
        pepper: Option<PathBuf>,
    },
    /// Run the key server of the mode `oprf`: a process apart from the collector, with a store that the collector never opens
    #[command(after_help = keys_serve::EXAMPLES)]
    Serve(keys_serve::Args),
}

/// Runs a command. Returns its exit code.
pub fn run(cli: Cli) -> u8 {
    let done = match cli.command {
        Command::Serve(args) => run_serve(args).map(|()| 0),
        Command::Verify(args) => return verify::run(&args),
        Command::Statement(args) => evidence::state(&args).map(|()| 0),
        Command::Evidence(args) => return evidence::find(&args).map_or_else(fail, |()| 0),
        Command::Witness(args) => witness::run(&args).map(|()| 0),
        Command::Prove(args) => run_prove(&args).map(|()| 0),
        Command::Erase(args) => erase::run(&args).map(|()| 0),
        Command::Subject(args) => subject::run(&args).map(|()| 0),
        Command::Export(args) => run_export(&args).map(|()| 0),
        Command::Keys(KeysCommand::Show { db, pepper }) => match Store::read(&db) {
            // It may be a key server's.
            Err(Code::NotAStore) => keys_serve::show(&db).map(|()| 0),
            store => store.and_then(|store| show_keys(&store, &db, pepper)).map(|()| 0),
        },
        Command::Keys(KeysCommand::Serve(args)) => keys_serve::run(args).map(|()| 0),
        Command::Keys(KeysCommand::Rotate { store, pepper }) => {
            let peppers = pepper::find(pepper, &store.db);
            store.open().and_then(|store| rotate_keys(store, peppers.as_ref())).map(|()| 0)
        }
    };
    done.unwrap_or_else(|code| fail(code.into()))
}

fn run_serve(args: ServeArgs) -> Result<(), Code> {
    if args.demo && !args.listen.ip().is_loopback() {
        return Err(Code::DemoOnLoopback);
    }
    let pepper = args.pepper.map(|file| pepper::file(file, &args.store.db));
    let private = [Some(&args.store.db), pepper.as_ref()];
    if args.www.as_deref().is_some_and(|www| private.into_iter().flatten().any(|file| lies_in(file, www))) {
        return Err(Code::StoreInWww);
    }
    let witnesses = args.witness.iter().map(|text| Client::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let store = args.store.open()?;
    let config = Config {
        origins: Origins::of(&args.allow_origin),
        max_body: args.max_body,
        www: args.www,
        demo: args.demo,
        peppers: pepper.map(|file| pepper::open(file, &store)).transpose()?,
        keep: args.keep,
        log: Some(LogConfig {
            dir: args.log.unwrap_or_else(|| keys::beside(&args.store.db, ".log")),
            needed: args.witnesses_needed.unwrap_or(witnesses.len()),
            witnesses,
        }),
    };
    serve::run(store, args.store.db, args.listen, config)
}

/// Whether the file, which need not be there yet, is in the folder or below it.
fn lies_in(file: &Path, folder: &Path) -> bool {
    let absolute = |path: &Path| path.canonicalize().ok();
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(folder) = absolute(folder) else { return false };
    [absolute(parent), absolute(file)].iter().flatten().any(|path| path.starts_with(&folder))
}

fn run_prove(args: &ProveArgs) -> Result<(), Code> {
    let proof = prove::prove(&Store::read(&args.db)?, &args.chain, args.seq)?;
    let text = proof.text().ok_or(Code::MalformedRow)?;
    match &args.output {
        Some(file) => std::fs::write(file, text).map_err(|_| Code::CannotWrite),
        None => print(&text),
    }
}

fn run_export(args: &ExportArgs) -> Result<(), Code> {
    let (store, chain, out) = (Store::read(&args.db)?, args.chain.as_deref(), io::BufWriter::new(io::stdout().lock()));
    if args.pseudonyms { pseudonyms::export(&store, chain, out) } else { export(&store, chain, out) }
}

fn show_keys(store: &Store, db: &Path, pepper: Option<PathBuf>) -> Result<(), Code> {
    let now = serve::now_ms();
    let current = store.period.id(now);
    let mut out = match Signer::read(db, &store.deployment)? {
        Some(signer) => format!(
            "Receipts are signed by this key; publish it where nobody can change it unseen:\n  {}\n",
            signer.vkey()
        ),
        None => "There is no key for receipts yet; `nymtrail serve` makes it.\n".into(),
    };
    if let Some(signer) = NoteSigner::read(db, &store.deployment)? {
        out += &format!("The log of receipts is signed by this one:\n  {}\n", signer.key());
    }
    out += &list_epochs(store.db(), &store.deployment, current, "salt")?;
    if let Some(peppers) = pepper::find(pepper, db) {
        out += &pepper::show(&peppers)?;
    }
    print(&out)
}

/// The epochs there are, what is left of their secrets, and the commitments to these.
fn list_epochs(db: &Connection, deployment: &str, current: u64, secret: &str) -> Result<String, Code> {
    let mut out = format!("Epochs of `{deployment}`, times in UTC:\n");
    for epoch in epochs::known(db)? {
        let state = match (&epoch.destroyed_at, epoch.id.cmp(&current)) {
            (Some(at), _) => format!("{secret} destroyed {at}"),
            (None, std::cmp::Ordering::Less) => format!("ended, {secret} kept for what is late"),
            (None, std::cmp::Ordering::Equal) => "current".into(),
            (None, std::cmp::Ordering::Greater) => "prepared".into(),
        };
        out += &format!(
            "{:>8}  {} to {}  {state}\n          commitment {}\n",
            epoch.id, epoch.not_before, epoch.not_after, epoch.commitment
        );
    }
    Ok(out)
}

fn rotate_keys(mut store: Store, peppers: Option<&Peppers>) -> Result<(), Code> {
    let destroyed = epochs::rotate(&mut store, serve::now_ms())?;
    let ids: Vec<String> = destroyed.iter().map(u64::to_string).collect();
    let mut out = match ids.len() {
        0 => "All salts needed are there; none is due for destruction.\n".to_owned(),
        _ => format!("All salts needed are there; destroyed those of the epochs {}.\n", ids.join(", ")),
    };
    if let Some(peppers) = peppers {
        out += &pepper::rotate(peppers, store.period)?;
    }
    print(&out)
}

fn print(text: &str) -> Result<(), Code> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|_| Code::CannotWrite)
}

fn fail(failure: Failure) -> u8 {
    let line = failure.line.map_or(String::new(), |line| format!("line {line}: "));
    eprintln!("nymtrail: {line}{} [{}]", failure.code.message(), failure.code);
    1
}

fn period(word: String) -> Result<Period, Code> {
    Period::from_word(&word).ok_or(Code::StorePeriod)
}

/// The rule that the client has for a deployment's name.
fn deployment(name: &str) -> Result<String, String> {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
    if (1..=64).contains(&name.len()) && name.chars().all(allowed) {
        Ok(name.into())
    } else {
        Err(format!("a deployment's name is 1 to 64 of a-z 0-9 . _ - (such as `{DEFAULT_DEPLOYMENT}`)"))
    }
}

/// An origin as browsers send it, or `*`.
fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let fits = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@,".contains(&byte));
    if fits || text == "*" {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("an origin is a scheme and a host without a path, such as https://shop.example, or `*`".into())
    }
}

/// Reads a size: a number of bytes, KiB or MiB.
fn size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return Err("a size is a whole number of bytes, KiB or MiB, such as 512KiB".into()),
    };
    let number: usize = digits.parse().map_err(|_| "a size begins with a whole number")?;
    let bytes = number.checked_mul(unit).filter(|bytes| (1..=1 << 30).contains(bytes));
    bytes.ok_or_else(|| "a size is from 1 byte to 1024MiB".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!((size("1MiB"), size("512KiB"), size("7")), (Ok(1 << 20), Ok(1 << 19), Ok(7)));
        for wrong in ["", "MiB", "1GB", "1.5MiB", "0", "2048MiB", "99999999999999999999"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn origins_are_what_browsers_send() {
        assert_eq!(origin("https://Shop.example:8443"), Ok("https://shop.example:8443".into()));
        assert!(origin("*").is_ok() && origin("http://[::1]:80").is_ok());
        for wrong in ["", "shop.example", "https://", "https://shop.example/", "https://a b", "ftp://a", "https://a,b"]
        {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn deployments_have_names_that_fit_everywhere() {
        assert!(deployment("shop-1.eu_x").is_ok());
        for wrong in ["", "Shop", "a b", "a/b"] {
            assert!(deployment(wrong).is_err(), "{wrong}");
        }
    }
}
