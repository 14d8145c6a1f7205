//! The SQS publisher in the real host, before real servers of SQS: `moto`, and `fauxqs`, which is strict.
//! A front before them checks each signature with AWS's own library, and is told what goes wrong.
//!
//! The peers come into the target folder by themselves. A peer that cannot be had is a failure where
//! `CI=true`; elsewhere its test says on standard error that it did not run.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, which end where they cannot go on"
)]

mod aws;
mod bodies;
mod faults;
mod install;
mod killed;
mod means;
mod stage;
