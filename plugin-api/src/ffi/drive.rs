//! The other side of the boundary, for the test kit: calls the tables as a host does, and is the
//! host's table that listeners call. Which instance is meant, and what it gets, [`crate::testing`]
//! knows: here are only the crossings.

use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};

use abi_stable::library::RootModule;
use abi_stable::prefix_type::WithMetadata;
use op_listener_abi::{
    Buffer, Event, HostHandle, HostTable, HostTableRef, ListenerRef, LogRecord, Object, PluginRef,
    Status, Text, level, request,
};

use super::guard::guarded;
use super::plugin::{Library, plugin};
use super::{HostLink, Lent, OwnedFields};
use crate::testing::{Failure, wire};

struct Table;

impl Table {
    abi_stable::staticref! {
        const FIELDS: WithMetadata<HostTable> =
            WithMetadata::new(HostTable { log_enabled, log, invoke });
    }
}

/// The host, as the instance of that number sees it. 0 is the library as a whole.
///
/// The number stands where a pointer does in other hosts; nothing is read through it.
fn handle(number: usize) -> HostHandle {
    HostHandle {
        table: HostTableRef(Table::FIELDS.as_prefix()),
        context: std::ptr::without_provenance(number),
    }
}

/// The host, as listener code has it.
pub(crate) fn link(number: usize) -> HostLink {
    HostLink::new(handle(number))
}

unsafe extern "C" fn log_enabled(_: *const (), level: u32, target: Text<'_>) -> u8 {
    let target = target.checked().and_then(Result::ok).unwrap_or_default();
    wire::log_enabled(level, target).into()
}

unsafe extern "C" fn log(context: *const (), record: &LogRecord<'_>) {
    // Nobody could be told of a panic here.
    let _ = panic::catch_unwind(AssertUnwindSafe(|| wire::log(context.addr(), record)));
}

unsafe extern "C" fn invoke(
    context: *const (),
    service: u32,
    input: Text<'_>,
    output: &mut Buffer,
) -> Status {
    let mut refused = None;
    let mut answer = None;
    let status = guarded(output, || {
        let input = input.bytes().unwrap_or_default();
        match wire::invoke(context.addr(), service, input) {
            Ok(text) => answer = Some(text),
            Err(wire::Refusal::Failed(error)) => return Err(error),
            Err(wire::Refusal::Status(status)) => refused = Some(status),
        }
        Ok(())
    });
    if let Some(answer) = answer {
        *output = answer.into();
    }
    refused.unwrap_or(status)
}

/// What became of a call.
fn outcome(status: Status, output: &Buffer) -> Result<(), Failure> {
    let message = String::from_utf8_lossy(output.bytes()).into_owned();
    match status {
        Status::OK => Ok(()),
        Status::CONFIG => Err(Failure::Config(message)),
        Status::PANIC => Err(Failure::Panicked(message)),
        Status::ERROR => Err(Failure::Error(message)),
        Status(number) => Err(Failure::Error(format!("status {number}: {message}"))),
    }
}

/// This library.
struct Own;

impl Library for Own {
    const LISTENERS: &'static [ListenerRef] = &[];
}

/// Starts this library, as a host does that has loaded it.
pub(crate) fn start_own() -> Result<(), Failure> {
    start(plugin::<Own>())
}

/// Starts a library.
pub(crate) fn start(plugin: PluginRef) -> Result<(), Failure> {
    let mut output = Buffer::EMPTY;
    let start = plugin.start();
    // SAFETY: the handle is good for as long as the process lives.
    let status = unsafe { start(handle(0), level::TRACE, &mut output) };
    outcome(status, &output)
}

/// A library, as what requests can be made of.
#[derive(Clone, Copy)]
pub(crate) struct Requests(PluginRef);

impl Requests {
    /// This library.
    pub(crate) fn of_own() -> Self {
        Self(plugin::<Own>())
    }

    /// A library that was loaded.
    pub(crate) fn of(plugin: PluginRef) -> Self {
        Self(plugin)
    }

    /// Hands a batch, in the form that crosses, to a sink. Comes back with the form that does.
    pub(crate) fn deliver(self, batch: &[u8]) -> Result<String, Failure> {
        let mut output = Buffer::EMPTY;
        let invoke = self.0.invoke();
        // SAFETY: the table is one that was handed out, and the batch is lent for the call.
        let status = unsafe { invoke(request::QUEUE_DELIVER, Text::of_bytes(batch), &mut output) };
        outcome(status, &output)?;
        Ok(String::from_utf8_lossy(output.bytes()).into_owned())
    }
}

/// The interface version that this side serves, as a `RootModule` states it.
pub(crate) fn interface() -> String {
    let version = PluginRef::VERSION_STRINGS.parsed();
    version.map_or_else(
        |_| String::new(),
        |version| format!("{}.{}", version.major, version.minor),
    )
}

/// An event that owns its texts.
pub(crate) fn own(event: &Event<'_>) -> OwnedFields {
    // SAFETY: the test kit makes texts of `&str` alone.
    unsafe { Lent::new(event) }.to_owned()
}

/// An instance behind its table.
pub(crate) struct Driven {
    table: ListenerRef,
    object: Object,
}

// SAFETY: the functions of a listener's table may be called from any thread.
unsafe impl Send for Driven {}
// SAFETY: and several at a time.
unsafe impl Sync for Driven {}

impl Driven {
    pub(crate) fn init(table: ListenerRef, number: usize, request: &str) -> Result<Self, Failure> {
        let mut output = Buffer::EMPTY;
        let mut object = std::ptr::null();
        let init = table.init();
        // SAFETY: the request is UTF-8, the handle good for as long as the process lives.
        let status = unsafe { init(handle(number), Text::new(request), &mut object, &mut output) };
        outcome(status, &output)?;
        Ok(Self { table, object })
    }

    pub(crate) fn class(&self) -> String {
        let class = self.table.class();
        // SAFETY: has no conditions.
        let class = unsafe { class() };
        String::from_utf8_lossy(class.bytes().unwrap_or_default()).into_owned()
    }

    pub(crate) fn is_enabled(&self) -> Result<bool, Failure> {
        let mut output = Buffer::EMPTY;
        let mut enabled = 0;
        let is_enabled = self.table.is_enabled();
        // SAFETY: `init` of this table made the object, and only `release` takes it away, which
        // takes `self`.
        let status = unsafe { is_enabled(self.object, &mut enabled, &mut output) };
        outcome(status, &output)?;
        Ok(enabled != 0)
    }

    pub(crate) fn on_event(&self, event: &Event<'_>) -> Result<(), Failure> {
        let mut output = Buffer::EMPTY;
        let on_event = self.table.on_event();
        // SAFETY: as in `is_enabled`.
        let status = unsafe { on_event(self.object, event, &mut output) };
        outcome(status, &output)
    }

    pub(crate) fn shutdown(&self) -> Result<(), Failure> {
        let mut output = Buffer::EMPTY;
        let shutdown = self.table.shutdown();
        // SAFETY: as in `is_enabled`.
        let status = unsafe { shutdown(self.object, &mut output) };
        outcome(status, &output)
    }

    pub(crate) fn release(self) -> Result<(), Failure> {
        ManuallyDrop::new(self).release_once()
    }

    /// Called once: by `release`, which then forgets `self`, or by `drop`.
    fn release_once(&mut self) -> Result<(), Failure> {
        let mut output = Buffer::EMPTY;
        let release = self.table.release();
        // SAFETY: as in `is_enabled`; nobody uses the object afterwards.
        let status = unsafe { release(self.object, &mut output) };
        outcome(status, &output)
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        // Where nobody asked for the outcome, nobody is told.
        let _ = self.release_once();
    }
}
