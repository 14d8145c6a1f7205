//! Many threads, several instances, other processes.
#![allow(
    clippy::unwrap_used,
    reason = "test code outside of test functions, too"
)]

mod support;

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use op_listener_audit_log::config::{FileSettings, Fsync};
use op_listener_audit_log::log::Log;
use support::{FaultyDisk, append, assert_intact, ids, open, open_on, settings};

#[test]
fn records_of_many_threads_are_whole_and_complete() {
    for fsync in [
        Fsync::Never,
        Fsync::Interval(Duration::from_millis(1)),
        Fsync::Always,
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.ndjson");
        let shared = FileSettings {
            fsync,
            max_size: Some(20_000),
            ..settings()
        };
        let log = open(&path, &shared).unwrap();
        thread::scope(|scope| {
            for thread in 0..8 {
                let log = &log;
                scope.spawn(move || {
                    for number in 0..50 {
                        append(log, &format!("{thread}-{number:02}")).unwrap();
                    }
                });
            }
        });
        drop(log);
        assert_intact(&path, 400);
        let ids = ids(&path);
        for thread in 0..8 {
            let own = ids
                .iter()
                .filter(|id| id.starts_with(&format!("{thread}-")));
            let expected = (0..50).map(|number| format!("{thread}-{number:02}"));
            assert!(
                own.cloned().eq(expected),
                "those of a thread are in its order"
            );
        }
    }
}

#[test]
fn records_written_at_the_same_time_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new();
    let always = FileSettings {
        fsync: Fsync::Always,
        ..settings()
    };
    let path = dir.path().join("audit.ndjson");
    let log = open_on(&path, &always, Box::new(disk.clone())).unwrap();
    // Long enough for all of them to write meanwhile, on a busy machine too.
    disk.faults().sync_takes = Duration::from_millis(700);
    let all = Barrier::new(16);
    thread::scope(|scope| {
        for thread in 0..16 {
            let (log, all) = (&log, &all);
            scope.spawn(move || {
                all.wait();
                append(log, &thread.to_string()).unwrap();
            });
        }
    });
    let syncs = disk.faults().syncs;
    assert!((1..=8).contains(&syncs), "{syncs} syncs for 16 records");
    drop(log);
    assert_intact(&path, 16);
}

#[test]
fn the_interval_thread_syncs_what_was_written_and_ends_with_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new();
    let often = FileSettings {
        fsync: Fsync::Interval(Duration::from_millis(5)),
        ..settings()
    };
    let path = dir.path().join("audit.ndjson");
    let log = open_on(&path, &often, Box::new(disk.clone())).unwrap();
    thread::sleep(Duration::from_millis(50));
    assert_eq!(disk.faults().syncs, 0, "there was nothing to sync");
    append(&log, "1").unwrap();
    let begun = std::time::Instant::now();
    while disk.faults().syncs == 0 {
        assert!(begun.elapsed() < Duration::from_mins(1));
        thread::sleep(Duration::from_millis(1));
    }
    append(&log, "2").unwrap();
    drop(log);
    let syncs = disk.faults().syncs;
    assert!(syncs >= 2, "the last record is on disk");
    thread::sleep(Duration::from_millis(30));
    assert_eq!(disk.faults().syncs, syncs);
}

#[test]
fn instances_that_agree_share_a_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let same = dir.path().join(".").join("audit.ndjson");
    let one = Log::shared(&path, &settings(), None).unwrap();
    let two = Log::shared(&same, &settings(), None).unwrap();
    assert!(Arc::ptr_eq(&one, &two));
    append(&one, "1").unwrap();
    append(&two, "2").unwrap();
    let others = FileSettings {
        keep: Some(3),
        max_size: Some(100),
        ..settings()
    };
    let error = Log::shared(&path, &others, None).err().unwrap();
    assert!(
        error.is_config() && error.to_string().contains("with other settings"),
        "{error}"
    );
    drop((one, two));
    // Once nobody has it open, it may be opened with others.
    append(&Log::shared(&path, &others, None).unwrap(), "3").unwrap();
    assert_intact(&path, 3);
}

#[test]
fn a_log_that_is_open_cannot_be_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let log = open(&path, &settings()).unwrap();
    let error = open(&path, &settings()).err().unwrap();
    assert!(error.is_config());
    assert!(error.to_string().contains("in the same process"), "{error}");
    drop(log);
    assert!(open(&path, &settings()).is_ok());
}
