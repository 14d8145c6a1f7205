//! The host as a library, as a provider embeds it, with real listeners.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod allocations;
mod hosts;
mod instructions;
mod subscribers;
