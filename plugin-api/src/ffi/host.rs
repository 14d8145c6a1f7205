//! The host's functions.

use std::cell::Cell;
use std::fmt;

use op_listener_abi::{Buffer, HostHandle, LogRecord, Status, Text, service};

use crate::Error;

thread_local! {
    /// The instance in whose name this thread speaks, where the listener has said so.
    static SPEAKER: Cell<Option<HostHandle>> = const { Cell::new(None) };
}

/// The host, as one instance sees it.
#[derive(Clone, Copy)]
pub(crate) struct HostLink(HostHandle);

impl HostLink {
    #[inline]
    pub(super) const fn new(handle: HostHandle) -> Self {
        Self(handle)
    }

    pub(crate) fn sign(self, request: &str) -> Result<String, Error> {
        self.invoke(service::SIGN, Text::new(request))
    }

    /// Opens a delivery queue.
    pub(crate) fn open_queue(self, request: &str) -> Result<String, Error> {
        self.invoke(service::QUEUE_OPEN, Text::new(request))
    }

    /// Puts a message, in the form that crosses, into a queue.
    pub(crate) fn push(self, frame: &[u8]) -> Result<(), Error> {
        self.invoke(service::QUEUE_PUSH, Text::of_bytes(frame))
            .map(drop)
    }

    /// Closes a delivery queue.
    pub(crate) fn close_queue(self, queue: u64) -> Result<(), Error> {
        let queue = queue.to_le_bytes();
        self.invoke(service::QUEUE_CLOSE, Text::of_bytes(&queue))
            .map(drop)
    }

    fn invoke(self, service: u32, input: Text<'_>) -> Result<String, Error> {
        let mut output = Buffer::EMPTY;
        let invoke = self.0.table.invoke();
        // SAFETY: the handle's table and context belong together, as the host promises; both
        // live as long as the process.
        let status = unsafe { invoke(self.0.context, service, input, &mut output) };
        let text = String::from_utf8_lossy(output.bytes());
        match status {
            Status::OK => Ok(text.into_owned()),
            Status::UNSUPPORTED if service >= service::QUEUE_OPEN => {
                Err(Error::new("this host has no delivery queue: update it"))
            }
            Status::UNSUPPORTED => Err(Error::new(
                "this host does not have that service: update the host",
            )),
            Status::CONFIG => Err(Error::config(text)),
            Status::CLOSED => Err(Error::new("the host has shut this listener down")),
            Status(number) if text.is_empty() => Err(Error::new(format_args!(
                "the host refused without a reason (status {number})"
            ))),
            _ => Err(Error::new(text)),
        }
    }

    pub(super) fn log_enabled(self, level: u32, target: &str) -> bool {
        let enabled = self.0.table.log_enabled();
        // SAFETY: as in `invoke`.
        unsafe { enabled(self.0.context, level, Text::new(target)) != 0 }
    }

    pub(super) fn log(self, record: &LogRecord<'_>) {
        let log = self.0.table.log();
        // SAFETY: as in `invoke`; the record is lent for the call.
        unsafe { log(self.0.context, record) }
    }

    /// Makes this thread speak in the name of the instance until the value is dropped.
    pub(crate) fn speak(self) -> impl Drop {
        struct Restore(Option<HostHandle>);

        impl Drop for Restore {
            fn drop(&mut self) {
                SPEAKER.set(self.0.take());
            }
        }

        Restore(SPEAKER.replace(Some(self.0)))
    }

    /// The instance in whose name this thread speaks, if it has said so.
    pub(super) fn speaker() -> Option<Self> {
        SPEAKER.get().map(Self)
    }
}

impl fmt::Debug for HostLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostLink").field(&self.0.context).finish()
    }
}
