//! The golden test of the FFI: writes down the layout of every type that crosses and compares it
//! with the text kept beside this file. From the first release on only the tables may change, and
//! only by growing at their end; see "Versions" in the crate's documentation.
//!
//! `UPDATE_LAYOUT=1 cargo test -p op-listener-abi` writes the text anew.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::path::Path;

use abi_stable::StableAbi;
use abi_stable::abi_stability::PrefixStableAbi;
use abi_stable::prefix_type::PrefixRefTrait;
use abi_stable::type_layout::TypeLayout;
use op_listener_abi::{
    Buffer, Event, HostHandle, HostTableRef, ListenerRef, LogRecord, PluginRef, Status, Text,
};

/// A type's size and alignment and, in order, its fields with theirs; for a function its whole
/// signature.
fn describe(out: &mut String, name: &str, layout: &'static TypeLayout) {
    let (size, align) = (layout.size(), layout.alignment());
    writeln!(out, "{name}: size {size}, align {align}").unwrap();
    let mut offset: usize = 0;
    for field in layout.get_fields().into_iter().flatten() {
        let (size, align) = (field.layout().size(), field.layout().alignment());
        offset = offset.next_multiple_of(align);
        let shape = match field.function_range().iter().next() {
            Some(function) => one_line(&function.to_string()),
            None => one_line(&field.full_type().to_string()),
        };
        writeln!(out, "  {offset:>3} +{size:<3} {}: {shape}", field.name()).unwrap();
        offset += size;
    }
    out.push('\n');
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The layout of the table behind a reference.
fn table<T>() -> &'static TypeLayout
where
    T: PrefixRefTrait<PrefixFields: PrefixStableAbi>,
{
    <T::PrefixFields as PrefixStableAbi>::LAYOUT
}

#[test]
#[cfg(target_pointer_width = "64")]
fn every_layout_is_as_it_was_frozen() {
    let mut now = String::new();
    describe(&mut now, "Text", <Text<'static>>::LAYOUT);
    describe(&mut now, "Buffer", Buffer::LAYOUT);
    describe(&mut now, "Status", Status::LAYOUT);
    describe(&mut now, "Event", <Event<'static>>::LAYOUT);
    describe(&mut now, "LogRecord", <LogRecord<'static>>::LAYOUT);
    describe(&mut now, "HostHandle", HostHandle::LAYOUT);
    describe(&mut now, "HostTable", table::<HostTableRef>());
    describe(&mut now, "Plugin", table::<PluginRef>());
    describe(&mut now, "Listener", table::<ListenerRef>());

    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layout.txt");
    if std::env::var_os("UPDATE_LAYOUT").is_some() {
        std::fs::write(&kept, &now).unwrap();
    }
    let frozen = std::fs::read_to_string(&kept).unwrap();
    assert_eq!(
        frozen, now,
        "a layout changed: listeners already built would not load, or worse"
    );
}
