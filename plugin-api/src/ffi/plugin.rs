//! The table of the library.

use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::RSlice;
use op_listener_abi::{Buffer, HostHandle, ListenerRef, Plugin, PluginRef, Status, Text, request};

use super::guard::{guarded, remember_places};
use super::{HostLink, log};

/// The header by which the host finds and checks the table.
pub const fn header(constructor: extern "C" fn() -> RootModuleResult) -> LibHeader {
    // SAFETY: `export!` is the only caller, and its constructor returns a `PluginRef`.
    unsafe { LibHeader::from_constructor::<PluginRef>(constructor, CheckTypeLayout::Yes) }
}

/// Makes the root module by calling `plugin`, for a constructor that `header` takes.
pub fn construct(plugin: fn() -> PluginRef) -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(plugin)
}

/// The table of a library with those listeners. Called once, and lives as long as the process.
pub fn plugin(listeners: &'static [ListenerRef]) -> PluginRef {
    let plugin = Plugin {
        listeners: RSlice::from_slice(listeners),
        start,
        invoke,
    };
    plugin.leak_into_prefix()
}

unsafe extern "C" fn start(host: HostHandle, level: u32, output: &mut Buffer) -> Status {
    guarded(output, || {
        remember_places();
        log::forward_to(HostLink::new(host), level);
        Ok(())
    })
}

unsafe extern "C" fn invoke(request: u32, input: Text<'_>, output: &mut Buffer) -> Status {
    let mut known = true;
    let status = guarded(output, || {
        match request {
            request::LOG_LEVEL => log::set_level(input.bytes()),
            _ => known = false,
        }
        Ok(())
    });
    if known { status } else { Status::UNSUPPORTED }
}
