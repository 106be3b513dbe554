//! `nymtrail witness`.

use crate::error::Code;
use crate::keys::{Signer, beside, read_log_keys};
use crate::witness::{self, Witness};
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct WitnessArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8788")]
    listen: SocketAddr,
    /// The file of the secret key; made if it is not there
    #[arg(long, value_name = "FILE", default_value = "witness.key")]
    key: PathBuf,
    /// The name of the key, such as `witness.example/w1`
    #[arg(long, value_name = "NAME", default_value = "witness", value_parser = name)]
    name: String,
    /// The file of what was cosigned; made if it is not there. Never set it back [default: the key's name and `.state`]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// The public key of a log to cosign, as `nymtrail keys show` prints it, or a file of such lines. May be repeated
    #[arg(long, value_name = "VKEY|FILE", required = true)]
    log: Vec<String>,
}

/// Runs until it is stopped.
pub fn run(args: &WitnessArgs) -> Result<(), Code> {
    let logs = args.log.iter().map(|value| read_log_keys(value)).collect::<Result<Vec<_>, _>>()?.concat();
    if logs.is_empty() {
        return Err(Code::MalformedKey);
    }
    let (signer, _) = Signer::open_file(&args.key, &args.name)?;
    let vkey = signer.vkey().to_string();
    let state = args.state.clone().unwrap_or_else(|| beside(&args.key, ".state"));
    let witness = Witness::open(signer, logs, &state)?;
    witness::run(witness, args.listen, |address| {
        // `println!` panics if nobody listens any more.
        let _ = writeln!(std::io::stdout(), "Witnessing on http://{address}/add-checkpoint with the key\n  {vkey}");
    })
}

fn name(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && !text.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control());
    if fits { Ok(text.into()) } else { Err("a name has no `+` and no white space".into()) }
}
