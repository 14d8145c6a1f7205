//! Listeners in Rust that do one thing wrong, and what is told of it.

use op_listener_tests::Changed;

use crate::build::MISCHIEF;
use crate::run::{Run, Told, expect};

/// A misdeed, the check that has to find it, how it ends and what it says.
type Case = (&'static str, &'static str, &'static str, &'static str);

pub(crate) const CASES: &[Case] = &[
    ("load-abort", "loads", "crashed", "SIGABRT"),
    ("load-exit", "loads", "crashed", "exited with code 7"),
    ("load-slowly", "load-time", "warning", "belongs into `init`"),
    ("load-thread", "quiet-load", "failed", "starts a thread"),
    ("load-file", "quiet-load", "failed", "constructed.txt"),
    ("load-open", "quiet-load", "failed", "/dev/null"),
    ("lock", "loads-twice", "warning", "a reload would fail"),
    (
        "init-panic",
        "init",
        "failed",
        "panics: init has had enough, at mischief/src/at_init.rs",
    ),
    ("init-refuse", "init", "warning", "a `path` is needed"),
    (
        "init-refuse-silently",
        "init",
        "warning",
        "without saying why",
    ),
    ("init-abort", "init", "crashed", "SIGABRT"),
    ("enabled-panic", "init", "failed", "never asked before"),
    (
        "init-panic-when-empty",
        "init-empty-config",
        "failed",
        "nothing is configured",
    ),
    (
        "init-unwrap",
        "init-wrong-types",
        "failed",
        "it can be read",
    ),
    (
        "init-odd-path",
        "init-odd-values",
        "failed",
        "nobody writes that",
    ),
    (
        "init-lenient",
        "init-unknown-keys",
        "warning",
        "deny_unknown_fields",
    ),
    (
        "init-unwrap-data-dir",
        "init-data-dir",
        "failed",
        "there is always a directory",
    ),
    ("probe-socket", "init-as-probe", "failed", "opens a socket"),
    ("probe-panic", "init-as-probe", "failed", "this is no probe"),
    (
        "share-state",
        "two-instances",
        "failed",
        "disables the other",
    ),
    (
        "enabled-fickle",
        "enabled-is-stable",
        "warning",
        "changes its mind",
    ),
    ("fail", "ordinary-events", "warning", "the bucket leaks"),
    (
        "panic",
        "ordinary-events",
        "failed",
        "panics: the rope broke",
    ),
    (
        "need-client",
        "minimal-events",
        "failed",
        "every client is registered",
    ),
    ("cut-bytes", "unicode-claims", "failed", "panics"),
    ("need-sub", "empty-claims", "failed", "every token has one"),
    (
        "short-subject",
        "long-values",
        "failed",
        "nobody is called that",
    ),
    ("small-buffer", "large-claims", "crashed", "SIGABRT"),
    ("need-numbers", "huge-numbers", "failed", "claims are JSON"),
    ("recurse", "deep-claims", "crashed", "SIG"),
    (
        "need-types",
        "wrong-claim-types",
        "failed",
        "it is a number",
    ),
    (
        "need-one-name",
        "odd-json",
        "failed",
        "names are given once",
    ),
    (
        "need-known-members",
        "unknown-members",
        "failed",
        "nothing is ever added",
    ),
    (
        "need-sub",
        "unknown-event-kind",
        "failed",
        "every token has one",
    ),
    ("need-time", "extreme-fields", "failed", "that was long ago"),
    (
        "need-signature",
        "signing-refused",
        "failed",
        "it always signs",
    ),
    (
        "need-descriptor",
        "no-descriptors",
        "failed",
        "it is always there",
    ),
    (
        "one-at-a-time",
        "eight-threads",
        "failed",
        "nobody else is here",
    ),
    ("trap-thread", "ending-threads", "crashed", "SIGABRT"),
    ("leak", "event-memory", "warning", "bytes an event"),
    ("leak-instance", "instance-memory", "warning", "leaves 4"),
    ("shutdown-error", "shutdown", "warning", "the bucket leaks"),
    ("shutdown-panic", "shutdown", "failed", "not yet"),
    ("release-panic", "shutdown", "failed", "hold on"),
    (
        "shutdown-once",
        "shutdown-twice",
        "failed",
        "it is shut down once",
    ),
    ("need-life", "events-after-shutdown", "failed", "it is over"),
    (
        "chatter",
        "silent-after-shutdown",
        "warning",
        "calls of the host",
    ),
    ("leave-thread", "threads-left", "failed", "left-behind"),
    (
        "leave-descriptor",
        "descriptors-left",
        "failed",
        "/dev/null",
    ),
    (
        "leave-descriptor-once",
        "descriptors-left",
        "warning",
        "/dev/null",
    ),
    ("leave-process", "processes-left", "failed", "sleep"),
    (
        "write-stray",
        "writes-outside",
        "failed",
        "(the current directory)/stray.txt",
    ),
    (
        "write-temporary",
        "writes-outside",
        "failed",
        "$TMPDIR/stray.txt",
    ),
    (
        "write-elsewhere",
        "writes-outside",
        "failed",
        "/var/tmp/op-listener-mischief",
    ),
    (
        "change-directory",
        "process-state",
        "failed",
        "current directory",
    ),
    (
        "change-environment",
        "process-state",
        "failed",
        "MISCHIEF_WAS_HERE",
    ),
    ("print", "standard-streams", "warning", "standard output"),
    (
        "print-error",
        "standard-streams",
        "warning",
        "standard error",
    ),
    (
        "talk",
        "log-volume",
        "warning",
        "400 records for 200 events",
    ),
    ("tell-claims", "claims-in-log", "warning", "go to the log"),
    (
        "answer-claims",
        "claims-in-log",
        "warning",
        "in the error that an event is answered with",
    ),
];

#[test]
fn each_misdeed_is_found_by_its_check() {
    for (misdeed, check, status, words) in CASES {
        eprintln!("{misdeed}: {check}");
        expect(Run::of(&MISCHIEF).doing(misdeed), check, status, words);
    }
    let _ = std::fs::remove_file("/var/tmp/op-listener-mischief");
}

/// So the cases above are found for what they are, and not for something else about the library.
#[test]
fn a_listener_that_does_nothing_wrong_passes_all_of_them() {
    let report = Run::of(&MISCHIEF).report();
    assert_eq!(report.code, 0, "{:#}", report.json);
    assert_eq!(report.named("failed"), [""; 0]);
    assert_eq!(report.named("crashed"), [""; 0]);
    assert_eq!(report.named("skipped"), ["init-missing-values"]);
    // In its `export!` stands a name that was brought in.
    assert_eq!(report.warned(), ["class-names"]);
    let told = report.check("class-names");
    assert!(
        told.message
            .contains("op_listener_mischief::listener::Mischief"),
        "{told:?}"
    );
}

#[test]
fn a_library_of_another_interface_is_found_by_its_layout() {
    let other = Changed::Order.listener();
    expect(
        Run::of(&other),
        "layout",
        "failed",
        "was built against a different interface",
    );
    expect(Run::of(&other), "loads", "success", "");
    expect(
        Run::of(&other),
        "ordinary-events",
        "skipped",
        "see `layout`",
    );
}

#[test]
fn what_is_written_to_the_data_directory_is_written_where_it_belongs() {
    let run = Run::of(&MISCHIEF).doing("write-data");
    expect(run, "writes-outside", "success", "");
}

#[test]
fn slow_calls_are_measured_against_the_budget() {
    // Not all of the 10,000 calls are waited for.
    let run = Run::of(&MISCHIEF).doing("sleep").with(&["--timeout", "8"]);
    expect(run, "time-per-call", "warning", "the budget is 5.0 ms");
}

#[test]
fn what_hangs_is_ended_in_time_and_holds_up_nothing_else() {
    let run = Run::of(&MISCHIEF).doing("load-hang");
    let report = run.with(&["--timeout", "10"]).report();
    let loads = report.check("loads");
    assert_eq!(loads.status, "crashed");
    assert!(
        loads.message.contains("did not end within 10 s"),
        "{loads:?}"
    );
    assert_eq!(report.named("crashed"), ["loads"]);
    assert_eq!(report.check("starts").message, "see `loads`");
    assert_eq!(report.check("library-format").status, "success");
}

#[test]
fn what_ends_the_process_in_init_is_told_once() {
    let report = Run::of(&MISCHIEF).doing("init-abort").report();
    assert_eq!(report.check("init").status, "crashed");
    assert_eq!(report.check("ordinary-events").message, "see `init`");
    assert_eq!(report.check("panic-guard").status, "success");
}

#[test]
fn settings_are_given_to_init_and_changed_one_at_a_time() {
    let configured = || Run::of(&MISCHIEF).configured("path = \"x\"\nenable = true\n");
    expect(configured(), "init", "success", "1 of 1");
    let needy = configured().doing("init-need-path");
    expect(
        needy,
        "init-missing-values",
        "failed",
        "without `path`: `init` for id_token_issue panics",
    );
    expect(
        configured(),
        "init-missing-values",
        "success",
        "0 of 2 refused",
    );
    let refused = Run::of(&MISCHIEF).configured("pathh = 1\n");
    expect(refused, "init", "failed", "unknown field `pathh`");
}

#[test]
fn a_listener_that_is_off_is_checked_once_it_is_configured() {
    let off = || Run::of(&MISCHIEF).doing("disabled-by-default");
    expect(off(), "ordinary-events", "skipped", "`--config`");
    expect(
        off().configured("enable = true"),
        "ordinary-events",
        "success",
        "",
    );
}

#[test]
fn what_a_listener_starts_does_not_outlive_the_check() {
    let run = Run::of(&MISCHIEF).doing("leave-other-process");
    let told: Told = run
        .with(&["--only", "ordinary-events"])
        .report()
        .check("ordinary-events");
    assert_eq!(told.status, "success");
    assert_eq!(sleeping(), 0);
}

/// How many processes of the misdeed there are.
fn sleeping() -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line == b"sleep\x003601\0").count()
}
