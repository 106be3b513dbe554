//! The collector and verifier of Nymtrail.
//!
//! Everything that decides is apart from everything that talks: [`ingest`], [`epochs`] and [`verify`] know no HTTP,
//! [`serve`] turns requests into their calls, and [`store`] is the one place that knows SQLite's files. The rules of
//! the chain itself come from the library `nymtrail`, the same code that runs in the browser.

pub mod audit;
pub mod bounded;
pub mod cli;
pub mod columns;
pub mod continuity;
pub mod device;
pub mod epochs;
pub mod erase;
pub mod error;
pub mod evidence;
pub mod export;
pub mod forms;
pub mod html;
pub mod ingest;
pub mod keys;
pub mod log;
pub mod operator;
pub mod oprf;
mod parallel;
pub mod parquet_file;
pub mod peppers;
mod progress;
pub mod prove;
pub mod pseudonyms;
mod quiet;
pub mod receipts;
pub mod report;
pub mod retention;
pub mod rows;
pub mod serve;
pub mod signing;
pub mod sorter;
pub mod source;
pub mod statement;
pub mod store;
pub mod subject;
pub mod table;
mod time;
pub mod timeline;
pub mod verify;
pub mod witness;
