//! The browser's side of the ports.

pub mod idb;
pub mod locks;
