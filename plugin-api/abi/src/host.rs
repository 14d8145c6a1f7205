//! What a listener may call.

use abi_stable::StableAbi;

use crate::{Buffer, Status, Text};

/// The numbers of the host's services, for [`HostTable::invoke`].
pub mod service {
    /// Signs a claims set. Input: `{"typ": string?, "claims": object}`; output: a compact JWS.
    pub const SIGN: u32 = 1;
    /// Opens a delivery queue. Input: a JSON object with `sink` (a number of the library's own, by
    /// which [`request::QUEUE_DELIVER`](crate::request::QUEUE_DELIVER) names the sink; an integer
    /// below 2^63), `name` (string, no: told from other queues of the instance by it), `polled` (boolean,
    /// no: the queue has no sink, and a receiver fetches from it) and `options` (object, no: see the
    /// header for C). Output: a JSON object with `queue` (the number for the
    /// services below), `name` (of the queue, as operators see it), `options` (what is in force), and
    /// `polled` (true) where that was asked for: a host of before does not say it.
    pub const QUEUE_OPEN: u32 = 2;
    /// Puts one message into a queue. Input, bytes: the queue's number (8 bytes), the length of a
    /// header (4 bytes), the header, and the payload to the end. Numbers are little-endian. The header
    /// is empty or a JSON object with `key`, `id`, `content_type` (strings) and `headers` (object of
    /// strings), all of them optional. Output: nothing.
    ///
    /// Where the host is calling the listener with an event on this thread, the message is durable
    /// when the dispatch of that event returns; otherwise when this returns.
    pub const QUEUE_PUSH: u32 = 3;
    /// Closes what [`QUEUE_OPEN`] opened: waits until the sink is not being called any more, and it
    /// will not be again. Messages stay. Input, bytes: the queue's number (8 bytes). Output: nothing.
    pub const QUEUE_CLOSE: u32 = 4;
}

/// The levels of log records.
pub mod level {
    /// Something failed that should not have.
    pub const ERROR: u32 = 1;
    /// Something is not as it should be.
    pub const WARN: u32 = 2;
    /// Worth knowing in ordinary operation.
    pub const INFO: u32 = 3;
    /// For finding faults.
    pub const DEBUG: u32 = 4;
    /// In all detail.
    pub const TRACE: u32 = 5;
}

/// The target of a record that tells of a panic, logged as the panic begins. Inside a call the
/// host also gets [`Status::PANIC`], and may answer 0 to `log_enabled` for this target while it is
/// calling into the library on that thread; on a thread of the listener's own the record is all.
pub const PANIC_TARGET: &str = "panic";

/// One record for the host's log, lent for the length of the call. This type never changes.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct LogRecord<'a> {
    /// One of [`level`].
    pub level: u32,
    /// The line in `file`, or 0.
    pub line: u32,
    /// Which part of the listener speaks; for Rust its module path.
    pub target: Text<'a>,
    /// The message.
    pub message: Text<'a>,
    /// The record's fields, a JSON object, or absent.
    pub fields: Text<'a>,
    /// The source file, or absent.
    pub file: Text<'a>,
}

/// The host's functions. May grow at its end within a major version.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostTableRef)))]
pub struct HostTable {
    /// Whether a record of that level and target would be kept: asked before one is formatted. 0
    /// is no, all else yes. A library may keep the answer until the next
    /// [`request::LOG_LEVEL`](crate::request::LOG_LEVEL).
    pub log_enabled: unsafe extern "C" fn(context: *const (), level: u32, target: Text<'_>) -> u8,
    /// Logs a record.
    pub log: unsafe extern "C" fn(context: *const (), record: &LogRecord<'_>),
    /// Calls the service of that number. Input and output are as [`service`] says; where the
    /// status is not [`Status::OK`], the output is a message. The caller passes an empty buffer.
    #[sabi(last_prefix_field)]
    pub invoke: unsafe extern "C" fn(
        context: *const (),
        service: u32,
        input: Text<'_>,
        output: &mut Buffer,
    ) -> Status,
}

/// The host, as one instance of a listener (or one library) sees it. Valid for as long as the
/// process lives, so that a listener may keep it for later and for other threads; after the
/// listener has been shut down, its services answer [`Status::CLOSED`].
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct HostHandle {
    /// The functions.
    pub table: HostTableRef,
    /// Their first argument.
    pub context: *const (),
}

// SAFETY: the host promises that its functions may be called from any thread with this context.
unsafe impl Send for HostHandle {}
// SAFETY: as above.
unsafe impl Sync for HostHandle {}
