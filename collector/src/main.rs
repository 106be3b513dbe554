//! The collector and verifier.
fn main() {}
