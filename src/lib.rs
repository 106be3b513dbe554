//! Nymtrail's core: events become pseudonymous links of a tamper-evident chain.
//!
//! The modules depend on each other in one direction:
//! `core` <- `ports` <- `memory`, `browser` <- `bindings`. [`core`] is pure: no web types, no clock, no randomness,
//! no input or output. It is what the browser, the collector and the verifier share.

pub mod core;
pub mod memory;
pub mod ports;

#[cfg(target_arch = "wasm32")]
pub mod browser;
