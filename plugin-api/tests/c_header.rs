//! `include/op_listener.h` and the example in C against the Rust types: compiled with the system's
//! C compiler (`cc`, or what the environment variable `CC` names), compared, and called.

#![allow(unsafe_code, reason = "loads a library that was written in C")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use abi_stable::StableAbi;
use abi_stable::abi_stability::PrefixStableAbi;
use abi_stable::prefix_type::{PTStructLayout, PrefixRefTrait, PrefixTypeTrait, WithMetadata};
use abi_stable::std_types::RSlice;
use abi_stable::type_layout::TypeLayout;
use op_listener_abi::{
    Buffer, C_ENTRY_POINT, EVENT_SCHEMA, Event, HostHandle, HostTable, HostTableRef, INTERFACE,
    Listener, ListenerRef, LogRecord, PANIC_TARGET, Plugin, PluginRef, Status, Text, level,
    request, service, spi,
};
use op_listener_api::testing::{Host, IdTokenIssue, Level};
use serde_json::json;

const STRICT: [&str; 5] = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compiles, and fails the test where there is no compiler: these tests are not to be skipped.
fn compile(source: &str, output: &str, options: &[&str]) -> PathBuf {
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(output);
    let cc = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let run = Command::new(&cc)
        .args(STRICT)
        .args(options)
        .arg("-I")
        .arg(here("include"))
        .arg("-o")
        .args([&output, &here(source)])
        .output();
    let run = run.unwrap_or_else(|error| {
        panic!(
            "the C compiler {} does not run: {error}; install one, or name it in CC",
            cc.display()
        )
    });
    let messages = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{source}: {messages}");
    output
}

/// A type as `tests/c/header.c` writes it.
fn describe(out: &mut String, name: &str, layout: &'static TypeLayout) {
    let (size, align) = (layout.size(), layout.alignment());
    writeln!(out, "{name}: size {size}, align {align}").unwrap();
    let mut offset: usize = 0;
    for field in layout.get_fields().into_iter().flatten() {
        let (size, align) = (field.layout().size(), field.layout().alignment());
        offset = offset.next_multiple_of(align);
        // Markers of lifetimes take no room.
        if size > 0 {
            writeln!(out, "  {offset} +{size} {}", field.name()).unwrap();
        }
        offset += size;
    }
}

fn table<T: PrefixRefTrait<PrefixFields: PrefixStableAbi>>() -> &'static TypeLayout {
    <T::PrefixFields as PrefixStableAbi>::LAYOUT
}

fn types() -> String {
    let mut out = String::new();
    describe(&mut out, "Text", <Text<'static>>::LAYOUT);
    describe(&mut out, "Buffer", Buffer::LAYOUT);
    describe(&mut out, "Status", Status::LAYOUT);
    describe(&mut out, "Event", <Event<'static>>::LAYOUT);
    describe(&mut out, "LogRecord", <LogRecord<'static>>::LAYOUT);
    describe(&mut out, "HostHandle", HostHandle::LAYOUT);
    describe(&mut out, "HostTable", table::<HostTableRef>());
    describe(&mut out, "Plugin", table::<PluginRef>());
    describe(&mut out, "Listener", table::<ListenerRef>());
    let pointer = size_of::<usize>();
    assert_eq!(size_of::<RSlice<'static, ListenerRef>>(), 2 * pointer);
    writeln!(out, "Listeners: size {}, align {pointer}", 2 * pointer).unwrap();
    writeln!(out, "  0 +{pointer} data\n  {pointer} +{pointer} length").unwrap();
    out
}

fn numbers() -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        writeln!(out, "{name} = {value}").unwrap();
    };
    line(
        "host table begins",
        &<WithMetadata<HostTable>>::__VALUE_OFFSET,
    );
    line(
        "listener table begins",
        &<WithMetadata<Listener>>::__VALUE_OFFSET,
    );
    line(
        "plugin table begins",
        &<WithMetadata<Plugin>>::__VALUE_OFFSET,
    );
    line("host fields", &HostTable::PT_FIELD_ACCESSIBILITY.bits());
    line("listener fields", &Listener::PT_FIELD_ACCESSIBILITY.bits());
    line("plugin fields", &Plugin::PT_FIELD_ACCESSIBILITY.bits());
    let room = size_of::<[usize; 8]>();
    assert!(
        size_of::<PTStructLayout>() <= room,
        "a reference to it has to be a good one"
    );
    line("room behind layout", &room);
    line("interface", &format!("{}.{}", INTERFACE.0, INTERFACE.1));
    line("entry point", &C_ENTRY_POINT);
    line("panic target", &PANIC_TARGET);
    line("schema", &EVENT_SCHEMA);
    line("spi", &spi::ID_TOKEN_ISSUE);
    line("spi", &spi::ACCESS_TOKEN_ISSUE);
    line("spi", &spi::SUBJECT_AUTH_AND_CONSENT);
    line("ok", &Status::OK.0);
    line("error", &Status::ERROR.0);
    line("panic", &Status::PANIC.0);
    line("unsupported", &Status::UNSUPPORTED.0);
    line("config", &Status::CONFIG.0);
    line("closed", &Status::CLOSED.0);
    line("level", &level::ERROR);
    line("level", &level::WARN);
    line("level", &level::INFO);
    line("level", &level::DEBUG);
    line("level", &level::TRACE);
    line("sign", &service::SIGN);
    line("queue open", &service::QUEUE_OPEN);
    line("queue push", &service::QUEUE_PUSH);
    line("queue close", &service::QUEUE_CLOSE);
    line("log level", &request::LOG_LEVEL);
    line("request to panic", &request::PANIC);
    line("queue deliver", &request::QUEUE_DELIVER);
    out
}

#[test]
fn the_header_states_what_the_rust_types_are() {
    let program = compile("tests/c/header.c", "header", &[]);
    let told = Command::new(program).output().unwrap();
    assert!(told.status.success());
    let told = String::from_utf8(told.stdout)
        .unwrap()
        .replace("\r\n", "\n");
    assert_eq!(told, types() + &numbers());
}

fn load(library: &Path) -> PluginRef {
    // SAFETY: the library runs nothing when it is loaded, and its entry point is as the header
    // says, whose types the other test has compared. It is never unloaded.
    unsafe {
        let library = Box::leak(Box::new(libloading::Library::new(library).unwrap()));
        let entry = library
            .get::<unsafe extern "C" fn() -> PluginRef>(C_ENTRY_POINT)
            .unwrap();
        entry()
    }
}

#[test]
fn the_example_in_c_is_a_listener_like_any_other() {
    let file = format!(
        "{}sign_in_counter{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let library = compile(
        "examples/c/sign_in_counter.c",
        &file,
        &["-shared", "-fPIC", "-O2"],
    );

    let host = Host::new();
    let plugin = load(&library);
    assert_eq!(plugin.listeners().len(), 1);
    let counter = host
        .adopt::<IdTokenIssue>(plugin, 0, "counter", &json!({}))
        .unwrap();
    assert_eq!(counter.class(), "sign_in_counter");
    assert_eq!(counter.is_enabled(), Ok(true));
    for _ in 0..3 {
        counter.call(&IdTokenIssue::new()).unwrap();
    }
    assert_eq!(host.record("sign-in 3").unwrap().level, Level::Debug);
    counter.shutdown().unwrap();
    let last = host.records().pop().unwrap();
    assert_eq!(
        (last.level, &*last.message),
        (Level::Info, "3 sign-ins in all")
    );
    assert_eq!(
        (&*last.instance, &*last.target),
        ("counter", "sign_in_counter")
    );
}

#[test]
fn a_library_in_c_carries_its_metadata() {
    let library = compile(
        "examples/c/sign_in_counter.c",
        "metadata.so",
        &["-shared", "-fPIC"],
    );
    let bytes = std::fs::read(library).unwrap();
    let start = b"{\"op_listener\":1";
    let at = bytes
        .windows(start.len())
        .position(|window| window == start)
        .unwrap();
    let read = serde_json::Deserializer::from_slice(&bytes[at..])
        .into_iter()
        .next();
    let metadata: serde_json::Value = read.unwrap().unwrap();
    assert_eq!(metadata["id"], "sign-in-counter");
    let listener = json!({ "spi": "id_token_issue", "class": "sign_in_counter" });
    assert_eq!(metadata["listeners"], json!([listener]));
}
