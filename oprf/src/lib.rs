//! Pseudonyms that nobody can look up offline: a verifiable oblivious pseudorandom function, ristretto255-SHA512 of RFC 9497 in its
//! mode VOPRF. The client blinds a digest of the identifier, the key server evaluates what it can't read, and one proof a batch shows
//! that it used the epoch's published key.
//!
//! The group and the protocol are those of the crate `voprf`; what is here decides what may come in from outside, and under which word
//! it is refused. It runs natively in the key server, and as WebAssembly below `nymtrail/oprf`.

#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::unreachable)
)]

extern crate alloc;

mod client;
mod error;
mod random;
mod server;
#[cfg(test)]
mod tests;

pub use client::{Blind, finish};
pub use error::Error;
pub use server::{Key, is_element};

#[cfg(target_arch = "wasm32")]
mod abi;
pub mod session;

/// ristretto255-SHA512.
type Suite = voprf::Ristretto255;

/// The bytes of an element, a scalar, and a public key.
pub const ELEMENT: usize = 32;
/// The bytes of a proof: two scalars.
pub const PROOF: usize = 64;
/// The bytes of an output.
pub const OUTPUT: usize = 64;
