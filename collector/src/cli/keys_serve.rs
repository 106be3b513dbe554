//! `nymtrail keys serve`, and `nymtrail keys show` of its store.

use super::{deployment, list_epochs, origin, period, print};
use crate::error::Code;
use crate::oprf::audit;
use crate::oprf::evaluate::{Admission, MAX_ELEMENTS};
use crate::oprf::limits::Rate;
use crate::oprf::server::{self, Config};
use crate::oprf::store::KeyStore;
use crate::oprf::tickets::Secret;
use crate::serve::{Origins, now_ms};
use crate::store::Expected;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use nymtrail::core::epoch::{DAY, Period};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

pub const EXAMPLES: &str = "Examples:
  nymtrail keys serve --db keys.db --deployment shop --allow-origin https://shop.example
  nymtrail keys serve --db keys.db --ticket-secret tickets.secret --require-ticket
  nymtrail keys serve --db keys.db --trust-proxy 10.0.0.7    behind a proxy that sets X-Forwarded-For
  nymtrail keys show --db keys.db                            epochs, commitments, and how much was evaluated";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The SQLite file that holds the keys; made if it is not there. Never the collector's
    #[arg(long, value_name = "FILE", default_value = "nymtrail-keys.db")]
    db: PathBuf,
    /// The name of the deployment; fixed once the store exists [default: the store's, for a new one `shop`]
    #[arg(long, value_name = "NAME", value_parser = deployment)]
    deployment: Option<String>,
    /// How long a key is used, as with the collector; fixed once the store exists [default: the store's, for a new one `day`]
    #[arg(long, value_name = "PERIOD", value_parser = PossibleValuesParser::new(["day", "week", "month"]).try_map(period))]
    epoch: Option<Period>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8789")]
    listen: SocketAddr,
    /// A web origin whose pages may ask, such as `https://shop.example`; repeat for several, `*` for all
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    allow_origin: Vec<String>,
    /// Evaluations for one requester without a ticket: so many a second, and so many at once
    #[arg(long, value_name = "RATE:BURST", default_value = "1:16", value_parser = rate)]
    per_requester: Rate,
    /// Evaluations for all together
    #[arg(long, value_name = "RATE:BURST", default_value = "100:400", value_parser = rate)]
    global: Rate,
    /// A file with the secret that the site's back end signs tickets with: one line of at least 32 characters
    #[arg(long, value_name = "FILE")]
    ticket_secret: Option<PathBuf>,
    /// Evaluate for those alone who have a ticket
    #[arg(long)]
    require_ticket: bool,
    /// The address of a proxy whose X-Forwarded-For is believed; repeat for several [default: none]
    #[arg(long, value_name = "IP")]
    trust_proxy: Vec<IpAddr>,
}

/// Runs until it is stopped.
pub fn run(args: Args) -> Result<(), Code> {
    if args.require_ticket && args.ticket_secret.is_none() {
        return Err(Code::TicketsWithoutSecret);
    }
    let config = Config {
        origins: Origins::of(&args.allow_origin),
        per_requester: args.per_requester,
        global: args.global,
        admission: Admission {
            secret: args.ticket_secret.as_deref().map(Secret::read).transpose()?,
            ticket_required: args.require_ticket,
        },
        trusted_proxies: args.trust_proxy,
    };
    let store = KeyStore::open(&args.db, &Expected { deployment: args.deployment, period: args.epoch })?;
    server::run(store, &args.db, args.listen, config)
}

/// Prints what there is to know of a store of keys: no key.
pub fn show(db: &Path) -> Result<(), Code> {
    let store = KeyStore::read(db).map_err(|code| if code == Code::NotAKeyStore { Code::NotAStore } else { code })?;
    let now = now_ms();
    let mut out = list_epochs(store.db(), &store.deployment, store.period.id(now), "key")?;
    out += "Asked for in the last 24 hours:\n";
    for counted in audit::sums(store.db(), now.saturating_sub(DAY))? {
        out += &format!("{:>10} evaluations in {} requests: {}\n", counted.elements, counted.requests, counted.outcome);
    }
    print(&out)
}

/// A rate and a burst, such as `1:16`.
fn rate(text: &str) -> Result<Rate, String> {
    let read = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    let (rate, burst) = text.split_once(':').ok_or("a limit is RATE:BURST, such as 1:16")?;
    match (read(rate), read(burst)) {
        (Some(per_second), Some(burst)) if burst >= MAX_ELEMENTS as f64 => Ok(Rate { per_second, burst }),
        (Some(_), Some(_)) => Err(format!("a burst has to fit a request, which may have {MAX_ELEMENTS} elements")),
        _ => Err("a limit is two numbers above 0, such as 1:16".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_two_numbers() {
        assert_eq!(rate("0.5:20"), Ok(Rate { per_second: 0.5, burst: 20.0 }));
        for wrong in ["", "1", "1:", ":16", "0:16", "1:15", "-1:16", "inf:16", "1:NaN"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
