//! The collector as others see it: over HTTP, and as a program.

mod bad_files;
mod bad_input;
mod cli;
mod delivery;
mod erased;
mod exports;
mod forged;
mod fuzzed;
mod process;
mod proofs;
mod properties;
mod receipts;
mod support;
mod tampering;
mod unavailable;
