//! The `op-listener` command with real libraries, as an operator runs it.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod audit;
mod bad_events;
mod bad_libraries;
mod bad_listeners;
mod commands;
mod events;
mod flow;
mod injection;
mod interfaces;
mod listing;
mod loading;
mod logging;
mod ordering;
mod signing;
mod stopping;
