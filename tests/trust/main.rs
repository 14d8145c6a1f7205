//! Which plugins the real binary loads, by each of the ways to trust one, and what it says of those
//! that it does not: with the audit log as the plugin, in a directory as operators lay it out.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, which end where they cannot go on"
)]

mod permissions;
mod pin;
mod pinned;
mod signed;
mod stage;
