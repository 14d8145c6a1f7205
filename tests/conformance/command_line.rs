//! What stands around the checks: arguments, exit codes, the two forms of the report.

use std::collections::BTreeSet;
use std::path::Path;

use crate::build::MISCHIEF;
use crate::run::Run;
use crate::{in_c, in_rust};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Those whose failure the tables of cases do not show, but others of these tests.
const ELSEWHERE: [&str; 7] = [
    "library-format",
    "debug-info",
    "needed-libraries",
    "undefined-symbols",
    "layout",
    "init-missing-values",
    "time-per-call",
];

#[test]
fn every_check_is_seen_to_fail() {
    let report = Run::of(Path::new(&*MISCHIEF)).report();
    let all: BTreeSet<String> = report.checks().into_iter().map(|told| told.name).collect();
    let in_rust = in_rust::CASES.iter().map(|case| case.1);
    let in_c = in_c::CASES.iter().map(|case| case.1);
    let seen = in_rust.chain(in_c).chain(ELSEWHERE);
    let seen: BTreeSet<String> = seen.map(ToOwned::to_owned).collect();
    assert_eq!(all, seen);
}

#[test]
fn the_report_for_people_has_a_line_for_each_check_and_a_summary() {
    let run = Run::of(&MISCHIEF).with(&["--only", "loads", "--only", "class-names"]);
    let output = run.output();
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stdout);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 4, "{told}");
    assert!(
        lines[0].ends_with("libop_listener_mischief.so: mischief 0.1.0"),
        "{told}"
    );
    assert_eq!(lines[1], "  success  loads");
    assert!(
        lines[2].starts_with("  warning  class-names: the log calls it"),
        "{told}"
    );
    let summary = "  conforms: 1 success, 1 warning, 0 skipped, 0 failed, 0 crashed";
    assert_eq!(lines[3], summary);
}

#[test]
fn the_report_for_machines_has_a_stable_shape() {
    let file = MISCHIEF.to_str().unwrap();
    let run = Run::of(&MISCHIEF).doing("panic").with(&[file]);
    let report = run.with(&["--only", "ordinary-events"]).report();
    assert_eq!(report.code, 3);
    let json = &report.json;
    assert_eq!(json["op_listener_check"], 1);
    assert_eq!(json["host"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["interface"], "1.0");
    assert_eq!(json["conforms"], false);
    assert_eq!(json["files"].as_array().unwrap().len(), 2);
    let first = &json["files"][0];
    assert_eq!(first["file"], file);
    assert_eq!(first["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(first["plugin"], "mischief");
    assert_eq!(first["version"], "0.1.0");
    assert_eq!(first["conforms"], false);
    let summary =
        serde_json::json!({ "success": 0, "warning": 0, "skipped": 0, "failed": 1, "crashed": 0 });
    assert_eq!(first["summary"], summary);
    let check = &first["checks"][0];
    assert_eq!(check["name"], "ordinary-events");
    assert_eq!(check["status"], "failed");
    assert!(
        check["demand"]
            .as_str()
            .unwrap()
            .starts_with("Events with all members")
    );
    assert!(check["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn wrong_usage_is_told_with_the_right_spelling() {
    let output = Run::of(&MISCHIEF)
        .with(&["--only", "ordnary-events"])
        .output();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean `ordinary-events`?"));

    let output = Run::of(Path::new("/nowhere/lib.so")).output();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("\"/nowhere/lib.so\": cannot be read"));

    let among = Run::of(Path::new("/nowhere/lib.so")).with(&[MISCHIEF.to_str().unwrap()]);
    let report = among.with(&["--only", "loads"]).report();
    assert_eq!(report.code, 2);
    assert_eq!(report.json["files"].as_array().unwrap().len(), 1);

    let output = Run::of(&MISCHIEF).configured("path = [\n").output();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains(".toml"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn nothing_is_left_in_the_place_for_temporary_files() {
    let place = tempfile::tempdir().unwrap();
    let run = Run::of(&MISCHIEF)
        .doing("write-temporary")
        .in_place(place.path());
    let report = run.with(&["--only", "ordinary-events"]).report();
    assert_eq!(report.code, 0);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}
