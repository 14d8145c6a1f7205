//! Calls of a library as a whole, and how any call may fail.

use std::fmt;

use op_listener_abi::{Buffer, EVENT_SCHEMA, PluginRef, Status, Text, request};

use super::{HostSide, spi_number};
use crate::event::Event;

/// A call that did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// In what way.
    pub(crate) kind: FailureKind,
    /// What the listener said.
    pub(crate) message: String,
}

/// In what way a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The listener returned an error.
    Error,
    /// The listener finds its configuration wrong.
    Config,
    /// The listener panicked.
    Panic,
}

/// More of a message than this helps nobody. In bytes.
const LONGEST_MESSAGE: usize = 4096;

impl Failure {
    /// A failure of a listener that did not say so itself.
    pub(super) fn new(message: &str) -> Self {
        Self {
            kind: FailureKind::Error,
            message: message.to_owned(),
        }
    }

    /// The outcome of a call.
    pub(super) fn check(status: Status, output: &Buffer) -> Result<(), Self> {
        if status == Status::OK {
            Ok(())
        } else {
            Err(Self::read(status, output))
        }
    }

    /// Why a call failed that did; leaves the output empty for the next one.
    pub(super) fn take(status: Status, output: &mut Buffer) -> Self {
        Self::read(status, &std::mem::replace(output, Buffer::EMPTY))
    }

    fn read(status: Status, output: &Buffer) -> Self {
        let kind = match status {
            Status::PANIC => FailureKind::Panic,
            Status::CONFIG => FailureKind::Config,
            _ => FailureKind::Error,
        };
        let bytes = output.bytes();
        let message = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_MESSAGE)]);
        let message = match (status, &*message) {
            (Status::UNSUPPORTED, "") => "it does not know that call".to_owned(),
            (_, "") => format!("it gave no reason (status {})", status.0),
            (_, message) => message.to_owned(),
        };
        Self { kind, message }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == FailureKind::Panic {
            f.write_str("panicked: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Makes the first call of a library.
pub(crate) fn start(plugin: PluginRef, side: &'static HostSide, level: u32) -> Result<(), Failure> {
    let start = plugin.start();
    let mut output = Buffer::EMPTY;
    // SAFETY: the table was checked when it was loaded, and the handle lives as long as the
    // process.
    let status = side.calling(|| unsafe { start(side.handle(), level, &mut output) });
    Failure::check(status, &output)
}

/// Tells a library the most verbose level that is kept from now on.
pub(crate) fn set_log_level(plugin: PluginRef, level: u32) {
    let invoke = plugin.invoke();
    let digit = level.to_string();
    let mut output = Buffer::EMPTY;
    // SAFETY: as in `start`; the input is lent for the call. A library that does not know the
    // request says so, and there is nothing to be done about it.
    let _ = unsafe { invoke(request::LOG_LEVEL, Text::new(&digit), &mut output) };
}

/// The event in the form that crosses: pointers into `event`, no copies.
#[inline]
pub(crate) fn event_for_listeners<'a>(event: &'a Event<'_>) -> op_listener_abi::Event<'a> {
    op_listener_abi::Event {
        spi: spi_number(event.spi()),
        schema: EVENT_SCHEMA,
        time_micros: event.time().as_micros(),
        id: Text::new(event.id()),
        txn: Text::from_option(event.txn()),
        issuer: Text::new(event.issuer()),
        client_id: Text::new(event.client_id()),
        subject: Text::from_option(event.subject()),
        claims: Text::from_option(event.claims()),
        client: Text::from_option(event.client()),
        more: Text::from_option(event.more()),
    }
}
