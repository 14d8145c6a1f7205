//! What changes while a host runs, and how a host ends: nothing of it may cost an event.

#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod audit;
mod command;
mod files;
mod gaps;
mod keys;
mod load;
mod manager;
mod queues;
mod settings;
mod stage;
mod stopping;
mod watching;
