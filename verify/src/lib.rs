//! The verifier for many rows. It decides what `nymtrail::core::verify` decides, but reads rows as the bytes that an export
//! has, in order, and holds none of them: that is what makes a million rows a matter of a second.
//!
//! What is not in the one form that the exporter writes, or does not follow at once from the row before it, is given to the
//! core, so that the two cannot disagree; a property test compares them. It runs natively below the command line, and as
//! WebAssembly below `nymtrail/verify`.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::unreachable)
)]

pub mod audit;
pub mod continuity;
pub mod erasures;
mod hashes;
mod line;
pub mod operator;
pub mod ordered;
pub mod proof;
pub mod receipts;
pub mod report;
pub mod rows;
pub mod session;
pub mod signing;
pub mod walk;

#[cfg(target_arch = "wasm32")]
mod abi;
