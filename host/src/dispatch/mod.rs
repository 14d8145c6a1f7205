//! Hands each event to the listeners of its SPI, in order, on the caller's thread.

mod budget;
mod dispatcher;
mod registered;
mod stats;

pub use dispatcher::Dispatched;
pub(crate) use dispatcher::{Dispatcher, Table};
pub(crate) use registered::{Policy, Registered};
pub use stats::{DURATION_BOUNDS, StatsSnapshot};
