//! The delivery queue, with a real host, a real library, a real store, and all that can go wrong with
//! them.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod changed;
mod commands;
mod crashes;
mod damage;
mod delivering;
mod driver;
mod full_disk;
mod killed;
mod long_work;
mod masking;
mod served;
mod yard;
