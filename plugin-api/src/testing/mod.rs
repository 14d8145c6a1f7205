//! The test kit (feature `testing`): tries a listener in ordinary `cargo test`, with no host.
//!
//! A [`Host`] makes instances of a listener and hands them events through the very tables that a
//! real host calls, so that configuration, panics, errors, logs and lifetimes are as in production.
//! In `Cargo.toml`:
//!
//! ```toml
//! [dev-dependencies]
//! op-listener-api = { version = "1", features = ["testing"] }
//! ```
//!
//! And in a test:
//!
//! ```
//! use op_listener_api::testing::{AccessTokenIssue, CLIENT_ID, Failure, Host, Level};
//! # use op_listener_api::*;
//! # #[derive(serde::Deserialize)]
//! # struct Config { limit: u64 }
//! # struct Meter { config: Config, seen: std::sync::atomic::AtomicU64 }
//! # impl Lifecycle for Meter {
//! #     fn init(context: &InitContext) -> Result<Self, Error> {
//! #         Ok(Self { config: context.config()?, seen: Default::default() })
//! #     }
//! # }
//! # impl AccessTokenIssueEventListener for Meter {
//! #     fn access_token_issued(&self, event: &AccessTokenIssueEvent, _: &EventContext) -> Result<(), Error> {
//! #         if self.seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= self.config.limit {
//! #             tracing::warn!(client_id = event.client_id(), "more tokens than the limit");
//! #         }
//! #         Ok(())
//! #     }
//! # }
//! use serde_json::json;
//!
//! let host = Host::new();
//!
//! // A configuration that does not fit is an error that names the key.
//! let refused = host.access_token_issue::<Meter>("meter", &json!({ "limit": "many" }));
//! assert!(matches!(refused, Err(Failure::Config(message)) if message.contains("`limit`")));
//!
//! let meter = host.access_token_issue::<Meter>("meter", &json!({ "limit": 1 }))?;
//! assert_eq!(meter.is_enabled(), Ok(true));
//! let event = AccessTokenIssue::new().without_subject().claim("scope", &"read write");
//! assert_eq!(meter.call(&event), Ok(()));
//! assert_eq!(meter.call(&event), Ok(()));
//!
//! let warning = host.record("more tokens").expect("the second token is one too many");
//! assert_eq!((warning.level, &*warning.instance), (Level::Warn, "meter"));
//! assert_eq!(warning.fields["client_id"], CLIENT_ID);
//! assert_eq!(meter.shutdown(), Ok(()));
//! # Ok::<(), Failure>(())
//! ```
//!
//! # What is not as in production
//!
//! * Nothing enforces an order: call a disabled instance, or ask it twice, as you like.
//! * Tokens are signed with no key at all: see [`read_jwt`].
//! * [Delivery queues](crate::Queue) are in memory, have no bounds, and deliver when the test says so:
//!   see [`Host::queue`].
//! * Logs of all levels are kept. They are the `tracing` records of the process, whose subscriber
//!   the first [`Host`] sets: where a test sets one of its own before, nothing is kept.
//! * Panics outside the listener's calls, such as those of a test's assertions, are printed as
//!   ever.

mod draft;
mod event;
mod failure;
mod host;
mod instance;
mod jwt;
mod queue;
mod record;
mod scratch;
pub(crate) mod wire;

pub use event::{
    AccessTokenIssue, CLIENT_ID, ISSUER, IdTokenIssue, SUBJECT, SubjectAuthAndConsent, TestEvent,
};
pub use failure::Failure;
pub use host::Host;
pub use instance::Instance;
pub use jwt::{Jwt, read_jwt};
pub use queue::{Queued, TestQueue};
pub use record::{Level, Record, unattributed_records};
