//! The delivery queue, with a real host, a real library, a real store, and all that can go wrong with
//! them.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod commands;
mod crashes;
mod damage;
mod delivering;
mod driver;
mod long_work;
mod masking;
mod yard;
