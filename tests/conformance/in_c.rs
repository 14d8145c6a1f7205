//! Libraries in C, for what cannot be done wrong in Rust or is the linker's doing.

use std::fs;

use crate::build::{MISCHIEF, example_in_c, header, in_c, source};
use crate::kept;
use crate::run::{Run, expect};

/// Options of the compiler, the check that has to find it, how it ends and what it says.
type Case = (
    &'static [&'static str],
    &'static str,
    &'static str,
    &'static str,
);

pub(crate) const CASES: &[Case] = &[
    (
        &["-DMISCHIEF_NO_METADATA"],
        "metadata",
        "failed",
        "there is no metadata section",
    ),
    (
        &["-DMISCHIEF_END=\",\""],
        "metadata",
        "failed",
        "cannot be understood",
    ),
    (
        &["-DMISCHIEF_INTERFACE=\"1.99\""],
        "interface-minimum",
        "failed",
        "needs interface 1.99, this host has 1.0",
    ),
    (
        &["-DMISCHIEF_INTERFACE=\"2.0\""],
        "interface-minimum",
        "failed",
        "needs interface 2.0",
    ),
    (
        &["-DMISCHIEF_PANIC=\"abort\""],
        "panic-strategy",
        "failed",
        "panic = \"unwind\"",
    ),
    (
        &["-DMISCHIEF_VERSION=\"1.0\""],
        "version",
        "warning",
        "\"1.0\"",
    ),
    (
        &["-DMISCHIEF_LICENCE=\"\""],
        "licence",
        "warning",
        "no licence",
    ),
    (
        &["-DMISCHIEF_VENDOR=\"\""],
        "vendor",
        "warning",
        "who makes it",
    ),
    (
        &["-DMISCHIEF_EXPORT"],
        "exported-symbols",
        "warning",
        "open_the_pod_bay_doors",
    ),
    (
        &["-DMISCHIEF_INTERPOSED"],
        "interposed-symbols",
        "warning",
        "l64a",
    ),
    (
        &["-Wl,-rpath,/opt/lib"],
        "search-path",
        "warning",
        "/opt/lib",
    ),
    (
        &["-Wl,-rpath,$ORIGIN", "-Wl,--disable-new-dtags"],
        "search-path",
        "warning",
        "$ORIGIN",
    ),
    (
        &["-Wl,-z,execstack"],
        "executable-stack",
        "failed",
        "noexecstack",
    ),
    (
        &["-DMISCHIEF_TEXT_RELOCATION", "-Wl,-z,notext"],
        "writable-code",
        "failed",
        "text relocations",
    ),
    (
        &["-DMISCHIEF_WRITABLE_CODE", "-Wl,-z,noseparate-code"],
        "writable-code",
        "failed",
        "both writable and executable",
    ),
    (
        &["-DMISCHIEF_STATIC_TLS"],
        "static-tls",
        "warning",
        "initial-exec",
    ),
    (&["-DMISCHIEF_LARGE"], "size", "warning", "5.0 MiB"),
    (
        &["-DMISCHIEF_LISTENERS=\"\""],
        "exports",
        "failed",
        "1, and the metadata names 0",
    ),
    (
        &[
            "-DMISCHIEF_LISTENERS=\"{\\\"spi\\\":\\\"access_token_issue\\\",\\\"class\\\":\\\"mischief\\\"}\"",
        ],
        "exports",
        "failed",
        "another SPI than access_token_issue",
    ),
    (
        &["-DMISCHIEF_CLASS=\"another\""],
        "class-names",
        "warning",
        "another",
    ),
    (
        &["-DMISCHIEF_CLASS=\"\\xff\""],
        "class-names",
        "failed",
        "UTF-8",
    ),
    (
        &["-DMISCHIEF_CLASS=\"\""],
        "class-names",
        "failed",
        "no name",
    ),
    (&["-DMISCHIEF_START"], "starts", "failed", "not today"),
    (
        &["-DMISCHIEF_REQUEST"],
        "unknown-request",
        "failed",
        "status 0 in place of 3",
    ),
    (
        &["-DMISCHIEF_REQUEST"],
        "panic-guard",
        "failed",
        "status 0 in place of 2",
    ),
    (
        &["-DMISCHIEF_NO_OBJECT"],
        "init",
        "failed",
        "sets no object",
    ),
    (
        &["-DMISCHIEF_ONE_OBJECT"],
        "two-instances",
        "warning",
        "one object",
    ),
    (
        &["-DMISCHIEF_ENABLED=2"],
        "enabled-is-stable",
        "failed",
        "sets 2",
    ),
    (
        &["-DMISCHIEF_STATUS=77"],
        "ordinary-events",
        "failed",
        "status 77",
    ),
    (
        &["-DMISCHIEF_STATUS=2"],
        "ordinary-events",
        "failed",
        "panics: what is this",
    ),
    (
        &["-DMISCHIEF_MESSAGE=\"\\xff\""],
        "ordinary-events",
        "failed",
        "not UTF-8",
    ),
    (
        &["-DMISCHIEF_SCHEMA"],
        "newer-schema",
        "warning",
        "another schema",
    ),
    (
        &["-DMISCHIEF_KIND"],
        "unknown-event-kind",
        "crashed",
        "SIGABRT",
    ),
    (
        &["-DMISCHIEF_RECORD=level = 9"],
        "log-records",
        "failed",
        "level 9",
    ),
    (
        &["-DMISCHIEF_RECORD=message = text(\"\\xff\")"],
        "log-records",
        "failed",
        "message of a record is not UTF-8",
    ),
    (
        &["-DMISCHIEF_RECORD=fields = text(\"[1]\")"],
        "log-records",
        "failed",
        "no JSON object",
    ),
    (
        &["-DMISCHIEF_RECORD=target = text(\"\")"],
        "log-records",
        "failed",
        "no target",
    ),
];

#[test]
fn each_misdeed_is_found_by_its_check() {
    for (number, (options, check, status, words)) in CASES.iter().enumerate() {
        eprintln!("{options:?}: {check}");
        let file = in_c(&format!("mischief_{number}"), options);
        expect(Run::of(&file), check, status, words);
    }
}

#[test]
fn the_same_library_without_a_misdeed_passes_all_of_them() {
    for file in [in_c("mischief", &[]), example_in_c()] {
        let report = Run::of(&file).report();
        assert_eq!(report.code, 0, "{:#}", report.json);
        assert_eq!(report.named("failed"), [""; 0]);
        assert_eq!(report.named("crashed"), [""; 0]);
        // It does not look at its configuration at all.
        assert_eq!(report.warned(), ["init-unknown-keys"]);
        assert_eq!(
            report.named("skipped"),
            ["panic-guard", "init-missing-values"]
        );
    }
}

#[test]
fn debug_information_is_told_of() {
    let file = in_c("mischief_debug", &["-g3"]);
    let stripped = Run::of(&in_c("mischief", &[]));
    expect(stripped, "debug-info", "success", "");
    // `-s` takes it away again, so this one is linked without.
    let done = std::process::Command::new("cc")
        .args(["-std=c11", "-g3", "-shared", "-fPIC", "-I"])
        .arg(header())
        .arg("-o")
        .args([&file, &source()])
        .status();
    assert!(done.unwrap().success());
    expect(Run::of(&file), "debug-info", "warning", "strip = true");
}

#[test]
fn a_library_that_is_not_there_is_told_of_before_and_at_loading() {
    let needed = kept().join("libneeded.so");
    let source = kept().join("needed.c");
    fs::write(&source, "int needed(void) { return 0; }\n").unwrap();
    let done = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-Wl,-soname,libneeded.so", "-o"])
        .args([&needed, &source])
        .status();
    assert!(done.unwrap().success());
    let needy = in_c("needy", &["-DMISCHIEF_NEEDED", "-L.", "-lneeded"]);
    expect(
        Run::of(&needy),
        "needed-libraries",
        "warning",
        "libneeded.so",
    );
    expect(
        Run::of(&needy),
        "loads",
        "failed",
        "libneeded.so: cannot open shared object file",
    );
    expect(Run::of(&needy), "ordinary-events", "skipped", "see `loads`");
}

#[test]
fn a_symbol_that_is_there_by_chance_is_told_of() {
    // The host, which is written in Rust, brings libgcc_s; this library does not say that it needs it.
    let unnamed = in_c(
        "unnamed",
        &["-DMISCHIEF_UNNAMED_LIBRARY", "-nodefaultlibs", "-lc"],
    );
    expect(
        Run::of(&unnamed),
        "undefined-symbols",
        "warning",
        "_Unwind_Backtrace",
    );
}

#[test]
fn what_is_no_whole_library_is_refused_by_the_first_check_alone() {
    let whole = fs::read(&*MISCHIEF).unwrap();
    let half = kept().join("half.so");
    fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    let report = Run::of(&half).report();
    assert_eq!(report.code, 3);
    assert_eq!(report.named("failed"), ["library-format"]);
    assert_eq!(report.named("crashed"), [""; 0]);
    assert_eq!(
        report.check("ordinary-events").message,
        "see `library-format`"
    );
}
