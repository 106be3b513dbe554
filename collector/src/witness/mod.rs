//! A witness, as C2SP's [tlog-witness](https://c2sp.org/tlog-witness) has it: it cosigns checkpoints of the logs that it knows, and
//! only those that continue what it cosigned before. [`Client`] is the log's side of it.

mod client;
mod server;

pub use client::Client;
pub use server::{Refusal, Witness, router, run};
