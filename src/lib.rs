//! Nymtrail's core: events become pseudonymous links of a tamper-evident chain.
//!
//! [`core`] is pure: no web types, no clock, no randomness, no input or output. It is what the browser, the collector
//! and the verifier share. Dependencies point one way: `core` <- [`ports`] <- `bindings` <- the TypeScript in `js/`.

#![cfg_attr(feature = "bare", no_std)]

extern crate alloc;

pub mod core;
pub mod ports;

#[cfg(all(target_arch = "wasm32", feature = "standalone"))]
mod bindings;
#[cfg(all(target_arch = "wasm32", feature = "bare"))]
pub mod memory;
