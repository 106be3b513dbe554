//! The collector as others see it: over HTTP, and as a program.

mod bad_files;
mod bad_input;
mod browsers;
mod cli;
mod continuity;
mod damaged_store;
mod delivery;
mod erase;
mod erased;
mod exports;
mod forged;
mod fuzzed;
mod lies;
mod log;
mod oprf;
mod pepper;
mod process;
mod proofs;
mod properties;
mod receipts;
mod rights;
mod signed;
mod support;
mod tables;

mod unavailable;
mod verify_vectors;
