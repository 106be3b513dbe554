//! The pure core: what an event is, how it is linked, and how a chain is checked.

#![deny(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod error;
