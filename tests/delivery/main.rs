//! The delivery queue, with a real host, a real library, a real store, and all that can go wrong with
//! them.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[cfg(unix)]
mod changed;
mod commands;
mod crashes;
mod damage;
mod delivering;
mod driver;
#[cfg(target_os = "linux")]
mod full_disk;
#[cfg(unix)]
mod killed;
#[cfg(unix)]
mod long_work;
mod masking;
#[cfg(unix)]
mod served;
mod yard;
