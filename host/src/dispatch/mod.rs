//! Hands each event to the listeners of its SPI, in order, on the caller's thread; and takes
//! listeners out of service while events go on.

mod dispatcher;
mod ending;
mod registered;
mod stats;
mod table;

pub use dispatcher::Dispatched;
pub(crate) use dispatcher::Dispatcher;
pub(crate) use ending::{Ended, Retired};
pub(crate) use registered::Registered;
pub use stats::{DURATION_BOUNDS, StatsSnapshot};
pub(crate) use table::{Placed, Policy, Table};
