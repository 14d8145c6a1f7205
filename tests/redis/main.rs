//! Several hosts share their pending authorisations in a real Redis: Debian's `redis-server`, on a
//! Unix socket or a port of 127.0.0.1, started and ended by each test. Where it is missing, that is
//! a failure with `CI=true`; elsewhere its tests say on standard error that they did not run.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, which end where they cannot go on"
)]

mod access;
mod facts;
mod faults;
mod hosts;
mod memory;
mod proxy;
mod racing;
mod recording;
mod refusals;
mod same_rule;
mod server;
