//! The key server: it evaluates blinded identifiers with the key of an epoch, and learns nothing of them.
//!
//! It is a process of its own with a store of its own, which the collector does not open: whoever has both the keys and the events can
//! try identifiers out. [`keys`] makes and destroys keys, [`limits`] and [`tickets`] say how many evaluations somebody gets, [`audit`]
//! counts them, [`evaluate`] is what a request goes through, and [`server`] speaks HTTP.

pub mod audit;
pub mod evaluate;
pub mod keys;
pub mod limits;
pub mod server;
pub mod store;
pub mod tickets;
