//! The only room of this crate with `unsafe` code: everything that crosses to and from the host.
//!
//! It turns what the host lends into types that the rest of the crate uses in safe Rust, makes the
//! tables that the host reads, and keeps panics inside the listener's library.

#![allow(unsafe_code, reason = "the boundary")]

#[cfg(feature = "testing")]
pub(crate) mod drive;
mod guard;
mod host;
mod lent;
mod log;
mod plugin;
mod table;

pub(crate) use host::HostLink;
pub(crate) use lent::{Lent, OwnedFields};
pub use plugin::{Library, header};
pub use table::{access_token_issue, id_token_issue, subject_auth_and_consent};
