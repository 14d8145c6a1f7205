//! One listener takes a log over from another that still writes it, as at a host's reload.
#![allow(
    clippy::unwrap_used,
    reason = "test code outside of test functions, too"
)]

mod support;

use std::fs;
use std::thread;
use std::time::Duration;

use op_listener_audit_log::chain::Body;
use op_listener_audit_log::config::FileSettings;
use op_listener_audit_log::log::{LateLog, Log, LogError};
use op_listener_audit_log::record::Format;
use support::{append, assert_intact, body, ids, open, settings};

fn append_late(log: &LateLog, id: &str) -> Result<(), LogError> {
    let mut body = body(Format::Native, id, "{}");
    log.append(Body::new(&mut body, Format::Native))
}

fn others() -> FileSettings {
    FileSettings {
        keep: Some(3),
        ..settings()
    }
}

#[test]
fn the_first_record_waits_for_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let old = open(&path, &settings()).unwrap();
    append(&old, "old-1").unwrap();
    assert!(
        LateLog::new(&path, &settings(), None, false).is_err(),
        "who takes nothing over is refused"
    );
    let new = LateLog::new(&path, &settings(), None, true).unwrap();
    append(&old, "old-2").unwrap();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| append_late(&new, "new")))
            .collect();
        thread::sleep(Duration::from_millis(50));
        append(&old, "old-3").unwrap();
        assert!(waiting.iter().all(|thread| !thread.is_finished()));
        drop(old);
        for thread in waiting {
            thread.join().unwrap().unwrap();
        }
    });
    new.close().unwrap();
    assert_intact(&path, 6);
    assert_eq!(ids(&path)[..3], ["old-1", "old-2", "old-3"]);
}

#[test]
fn a_log_is_shared_where_the_settings_are_the_same_and_taken_over_where_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let old = Log::shared(&path, &settings(), None).unwrap();
    let same = LateLog::new(&path, &settings(), None, true).unwrap();
    append_late(&same, "same").unwrap();
    append(&old, "old").unwrap();
    let other = LateLog::new(&path, &others(), None, true).unwrap();
    same.close().unwrap();
    drop(old);
    append_late(&other, "other").unwrap();
    assert_eq!(ids(&path), ["same", "old", "other"]);
    assert_intact(&path, 3);
}

#[test]
fn who_waits_in_vain_says_so_and_goes_on_when_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let old = open(&path, &settings()).unwrap();
    let new = LateLog::new(&path, &settings(), None, true).unwrap();
    for id in ["lost-1", "lost-2", "lost-3"] {
        let refused = append_late(&new, id);
        let in_vain = matches!(refused, Err(LogError::NotHandedOver(_)));
        assert!(in_vain, "{refused:?}");
    }
    drop(old);
    append_late(&new, "after").unwrap();
    new.close().unwrap();
    assert!(matches!(
        append_late(&new, "late"),
        Err(LogError::Closed(_))
    ));
    assert_eq!(ids(&path), ["after"]);
    assert_intact(&path, 1);
}

#[test]
fn what_can_be_checked_is_checked_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let old = open(&path, &settings()).unwrap();
    fs::write(&path, "no log at all\n").unwrap();
    let refused = LateLog::new(&path, &settings(), None, true);
    assert!(matches!(refused, Err(LogError::NotALog(_))));
    drop(old);
    let nowhere = dir.path().join("none/audit.ndjson");
    assert!(LateLog::new(&nowhere, &settings(), None, true).is_err());
    assert!(LateLog::new(dir.path(), &settings(), None, true).is_err());
}
