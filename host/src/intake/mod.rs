//! Streams of events: from bytes to what is to be dispatched.
//!
//! [`ndjson`] cuts a stream into lines, [`Pipeline`] makes of each line an event to dispatch, or
//! says why there is none. Where bytes come from (a file, a socket) and calling listeners are left
//! to others.

pub mod ndjson;
mod pipeline;

pub use pipeline::{Arrival, InvalidIssuer, Pipeline, Refusal};

#[cfg(test)]
mod tests;
