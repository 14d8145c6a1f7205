//! The table of the library.

use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::RSlice;
use op_listener_abi::{Buffer, HostHandle, ListenerRef, Plugin, PluginRef, Status, Text, request};

use super::guard::{guarded, report_panics};
use super::{HostLink, log};
use crate::queue;

/// What `export!` implements for a type of its own: the listeners of the library.
pub trait Library: 'static {
    /// In the order of the export.
    const LISTENERS: &'static [ListenerRef];
}

/// The header by which the host finds and checks the table.
pub const fn header<L: Library>() -> LibHeader {
    // SAFETY: the constructor returns a `PluginRef`.
    unsafe { LibHeader::from_constructor::<PluginRef>(constructor::<L>, CheckTypeLayout::Yes) }
}

/// Called by the host once. `abi_stable` catches a panic in it.
extern "C" fn constructor<L: Library>() -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(plugin::<L>)
}

/// The table of a library. Lives as long as the process.
pub(super) fn plugin<L: Library>() -> PluginRef {
    let plugin = Plugin {
        listeners: RSlice::from_slice(L::LISTENERS),
        start,
        invoke,
    };
    plugin.leak_into_prefix()
}

unsafe extern "C" fn start(host: HostHandle, level: u32, output: &mut Buffer) -> Status {
    guarded(output, || {
        report_panics();
        log::forward_to(HostLink::new(host), level);
        Ok(())
    })
}

unsafe extern "C" fn invoke(request: u32, input: Text<'_>, output: &mut Buffer) -> Status {
    let mut known = true;
    let mut answer = String::new();
    let status = guarded(output, || {
        match request {
            request::LOG_LEVEL => log::set_level(input.bytes()),
            request::PANIC => panic!("asked to"),
            request::QUEUE_DELIVER => answer = queue::deliver(input.bytes().unwrap_or_default())?,
            _ => known = false,
        }
        Ok(())
    });
    if status == Status::OK && !answer.is_empty() {
        *output = answer.into();
    }
    if known { status } else { Status::UNSUPPORTED }
}
