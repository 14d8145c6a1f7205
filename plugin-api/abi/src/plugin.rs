//! What a library hands to the host.

use abi_stable::{
    StableAbi, declare_root_module_statics, library::RootModule, package_version_strings,
    sabi_types::VersionStrings, std_types::RSlice,
};

use crate::{Buffer, Event, HostHandle, Text};

/// The symbol by which a library that is not written in Rust hands out its table: a function of
/// no arguments that returns a pointer to it, `const struct op_listener_plugin
/// *op_listener_plugin_v1(void)`.
pub const C_ENTRY_POINT: &str = "op_listener_plugin_v1";

/// The numbers of the requests that a host may make of a library, for [`Plugin::invoke`].
pub mod request {
    /// The most verbose level that the host keeps has changed. Input: one digit, a number of
    /// [`level`](crate::level), or `0` for none at all. Output: nothing.
    pub const LOG_LEVEL: u32 = 1;
    /// Panic, on purpose, inside the guard that stands around each call of a listener. No host
    /// asks for it; a conformance check does, to see that the guard holds in the library as it was
    /// built. Input: nothing. Answered with [`Status::PANIC`](crate::Status::PANIC).
    pub const PANIC: u32 = 2;
    /// Deliver a batch of messages of a queue that the library opened with
    /// [`service::QUEUE_OPEN`](crate::service::QUEUE_OPEN). On a thread of the host's.
    ///
    /// Input, bytes: the sink's number (8 bytes), the number of messages (4 bytes), and for each the
    /// length of its header (4 bytes), of its payload (4 bytes), the header and the payload. Numbers
    /// are little-endian. The header is a JSON object with `number` (of the message), `attempt` (from
    /// 1), `pushed_ms` (Unix time in milliseconds) and what the message was pushed with.
    ///
    /// Output: nothing where all were delivered, else a JSON object with either `all` (one outcome) or
    /// `outcomes` (an array of as many as there are messages). An outcome is `"delivered"` or an
    /// object with one member, `retry` or `dead`, itself an object with `reason` (string) and
    /// optionally `status` (number), `answer` (string) and, in `retry`, `after_ms` (number).
    pub const QUEUE_DELIVER: u32 = 3;
}

/// How a call ended.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status(pub u32);

impl Status {
    /// As it should.
    pub const OK: Self = Self(0);
    /// With an error, which the output tells.
    pub const ERROR: Self = Self(1);
    /// With a panic, caught in the library that made it; the output tells its message.
    pub const PANIC: Self = Self(2);
    /// Not at all: the other side does not know what was asked for.
    pub const UNSUPPORTED: Self = Self(3);
    /// With an error that lies in the configuration of the listener, which the output tells.
    pub const CONFIG: Self = Self(4);
    /// Not at all: the host has shut this listener down.
    pub const CLOSED: Self = Self(5);
}

/// A listener, as its library knows it.
pub type Object = *const ();

/// A library's table: the root module. May grow at its end within a major version.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRef)))]
pub struct Plugin {
    /// The listeners, in the order of the export.
    pub listeners: RSlice<'static, ListenerRef>,
    /// Called once, on the thread that loads the library and before anything else. `level` is the
    /// most verbose [`level`](crate::level) that the host keeps, or 0.
    pub start: unsafe extern "C" fn(host: HostHandle, level: u32, output: &mut Buffer) -> Status,
    /// Makes a request of the library. Input and output are as [`request`] says; where the status
    /// is not [`Status::OK`], the output is a message.
    #[sabi(last_prefix_field)]
    pub invoke: unsafe extern "C" fn(request: u32, input: Text<'_>, output: &mut Buffer) -> Status,
}

/// The table of one exported listener. May grow at its end within a major version.
///
/// An object's life: `init`, `is_enabled` once, `on_event` any number of times and from any
/// thread, then, when no call is under way, `shutdown` once and `release`. `shutdown` and
/// `release` also follow where `is_enabled` failed or said no.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ListenerRef)))]
pub struct Listener {
    /// One of [`spi`](crate::spi).
    pub spi: u32,
    /// The full path of the listener's type.
    pub class: unsafe extern "C" fn() -> Text<'static>,
    /// Makes an instance. `request` is a JSON object: `name` (of the instance), `config` (object),
    /// `data_dir` and `base_dir` (paths), `host` (object with `version` and `interface`); in a
    /// probe also `probe` (`true`): the host tries a library that it has not seen before, with an
    /// empty `config` and no events, and nothing may be done that is felt outside. On success
    /// `object` is set; otherwise it is left alone, and there is nothing to release.
    pub init: unsafe extern "C" fn(
        host: HostHandle,
        request: Text<'_>,
        object: &mut Object,
        output: &mut Buffer,
    ) -> Status,
    /// Asks whether events are wanted: on success sets `enabled` to 0 or 1.
    pub is_enabled:
        unsafe extern "C" fn(object: Object, enabled: &mut u8, output: &mut Buffer) -> Status,
    /// Hands over an event.
    pub on_event:
        unsafe extern "C" fn(object: Object, event: &Event<'_>, output: &mut Buffer) -> Status,
    /// Tells the instance that no more events come.
    pub shutdown: unsafe extern "C" fn(object: Object, output: &mut Buffer) -> Status,
    /// Gives the instance's memory back. The object must not be used afterwards.
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(object: Object, output: &mut Buffer) -> Status,
}

impl RootModule for PluginRef {
    declare_root_module_statics! {PluginRef}

    const BASE_NAME: &'static str = "op_listener";
    const NAME: &'static str = "op_listener";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
