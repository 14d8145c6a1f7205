//! The audit log in the host, on the recording: what is shipped, put together.

use std::fs;

use op_listener_tests::{Setup, audit_log, repository};
use serde_json::Value;

#[test]
fn the_audit_log_holds_every_event_of_the_recording_in_order() {
    let (library, verify) = audit_log();
    let mut setup = Setup::new();
    setup.add("audit_log", &library);
    let recording = repository().join("tests/recording/events.ndjson");
    let run = setup.call(&["run", "--events", recording.to_str().unwrap()]);
    assert_eq!(run.code(), Some(0), "{}", run.stderr);
    for code in ["OP0211", "OP0213", "OP0215"] {
        let loaded = format!("INFO main MAIN - [{code}] Loaded ");
        assert_eq!(run.stderr.matches(&loaded).count(), 1, "{}", run.stderr);
    }
    let file = setup.path().join("op-listener-data/audit-log/audit.ndjson");
    let log = fs::read_to_string(&file).unwrap();
    let ids = |text: &str, of: fn(&Value) -> &Value| {
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter_map(|line| of(&line).as_str().map(ToOwned::to_owned))
            .collect::<Vec<_>>()
    };
    let sent = ids(&fs::read_to_string(recording).unwrap(), |line| &line["id"]);
    assert_eq!(ids(&log, |line| &line["event"]["id"]), sent);
    let checked = op_listener_tests::start(std::process::Command::new(&verify).arg(&file)).finish();
    assert_eq!(
        checked.code(),
        Some(0),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
    // The same file with one record changed.
    fs::write(&file, log.replacen("\"subject\":\"", "\"subject\":\"x", 1)).unwrap();
    let checked = op_listener_tests::start(std::process::Command::new(&verify).arg(&file)).finish();
    assert_ne!(
        checked.code(),
        Some(0),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
}
