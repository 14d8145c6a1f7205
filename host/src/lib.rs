//! Loads event listeners of OpenID providers from shared libraries and calls them, in process and
//! synchronously, for every ID token issued, access token issued, and subject authenticated and
//! consented.
//!
//! The `op-listener` command is this library with a command line. Whoever embeds it builds a
//! [`Host`] and calls [`Host::dispatch`]; the example there is the whole of it.
//!
//! | module | what it does | what it leaves to others |
//! | --- | --- | --- |
//! | [`config`] | reads and checks the configuration file | acting on it |
//! | [`library`] | finds, inspects, judges and loads libraries | making listeners of what they export |
//! | [`listing`], [`pinning`] | what `op-listener list` and `pin` do, without running any library | |
//! | [`probe`] | tries libraries in a process of their own first | loading them into the host |
//! | [`event`] | parses and checks events | what becomes of them |
//! | [`flow`] | decides which subject event is due when, with the codes in memory or in Redis | dispatching it |
//! | [`intake`] | reads streams of lines, applies defaults and the flow rule | dispatching |
//! | [`feed`] | puts intake before a host | |
//! | [`server`] | takes events over HTTP, on a Unix socket or TCP (feature `server`) | reading and dispatching them |
//! | [`delivery`] | keeps what listeners push, and hands it to their sinks until it is delivered | what a sink does with it |
//! | [`reload`] | reads everything anew: when told to, and when files change | how each part changes |
//! | [`signing`] | keys and signatures | what is signed |
//! | [`log`] | the codes, the layout, the listeners' way out | |
//! | [`metrics`] | what is counted, as OpenMetrics text | counting, and serving it |
//! | [`check`] | says whether a plugin conforms | |

pub mod check;
pub mod clients;
pub mod config;
#[cfg(feature = "delivery")]
pub mod delivery;
#[cfg(not(feature = "delivery"))]
#[path = "delivery/absent.rs"]
mod delivery;
mod dispatch;
pub mod event;
pub mod feed;
mod ffi;
pub mod flow;
mod host;
pub mod intake;
pub mod library;
pub mod listing;
pub mod log;
pub mod metrics;
pub mod pinning;
pub mod probe;
mod register;
pub mod reload;
#[cfg(feature = "server")]
pub mod server;
pub mod signing;
mod spi;

pub use dispatch::{DURATION_BOUNDS, Dispatched, StatsSnapshot};
pub use host::{Host, HostBuilder, ListenerInfo, Stopped};
pub use register::{MissingListener, ReloadError, Reloaded, StartError};
pub use spi::Spi;
