//! `op-listener run` as a service: events that are posted over HTTP, by one sender or by many at
//! once, by good ones and by others.

#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod access;
mod answers;
mod counted;
mod embedded;
mod left_behind;
mod load;
mod memory;
mod missing;
mod overload;
mod repeated;
mod slow_clients;
mod stage;
mod stopping;
mod tls;
mod under_load;
