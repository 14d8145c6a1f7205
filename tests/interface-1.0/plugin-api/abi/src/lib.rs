//! The frozen FFI types between op-listener's host and its listeners, and nothing else.
//!
//! Listener authors use `op-listener-api`, which wraps all of this in safe Rust; authors in C use
//! `plugin-api/include/op_listener.h`, which states the same types. This crate is for those two
//! and for the host.
//!
//! # What crosses
//!
//! * [`Text`]: borrowed UTF-8, pointer and length. [`Buffer`]: bytes that one side made and the
//!   other reads and releases.
//! * [`Event`]: the fields that listeners read most, plus JSON text for all else. The host builds
//!   one per event, and every listener gets the same reference.
//! * [`Plugin`] and [`Listener`]: the tables that a library hands to the host.
//! * [`HostTable`], carried in a [`HostHandle`]: what a listener may call.
//!
//! # Versions
//!
//! The version of this crate is the *interface version*. Within one major:
//!
//! * [`Text`], [`Buffer`], [`Event`], [`LogRecord`], [`HostHandle`] and [`Status`] never change.
//! * The tables [`Plugin`], [`Listener`] and [`HostTable`] may grow at their end (they are prefix
//!   types); that is a new minor version, and the other side sees a missing field as `None`.
//! * A new member of an event is a new member of its JSON; a new kind of event is a new number in
//!   [`spi`]; a new service is a new number in [`service`] or [`request`]. Whoever does not know a
//!   number answers [`Status::UNSUPPORTED`].
//!
//! `tests/layout.rs` holds the layout of every type here and fails when one changes.
//!
//! # Threads and unwinding
//!
//! Every function here may be called from any thread, several at a time, unless it says otherwise.
//! None may unwind into its caller. All text is UTF-8, also where a listener is written in C: the
//! host checks what comes from listeners ([`Text::checked`]), and listeners may trust the host.
//!
//! A buffer that is passed to be filled is empty; it is left so where there is nothing to say.

#![allow(
    unsafe_code,
    reason = "this crate is the boundary: pointers that cross are wrapped here"
)]
#![allow(
    clippy::expl_impl_clone_on_copy,
    reason = "what the derive of abi_stable writes"
)]

mod buffer;
mod event;
mod host;
mod plugin;
mod text;

pub use buffer::Buffer;
pub use event::{EVENT_SCHEMA, Event, spi};
pub use host::{HostHandle, HostTable, HostTableRef, LogRecord, PANIC_TARGET, level, service};
pub use plugin::{
    C_ENTRY_POINT, Listener, ListenerRef, Object, Plugin, PluginRef, Status, request,
};
pub use text::Text;

/// The interface version of this crate, `(major, minor)`.
pub const INTERFACE: (u32, u32) = (
    parse(env!("CARGO_PKG_VERSION_MAJOR")),
    parse(env!("CARGO_PKG_VERSION_MINOR")),
);

/// The full version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

const fn parse(digits: &str) -> u32 {
    match u32::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => panic!("cargo gives version components as decimal numbers"),
    }
}
