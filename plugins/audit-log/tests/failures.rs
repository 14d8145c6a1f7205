//! Disks that fail and people who meddle: an error per event, whole records alone, and a chain that
//! goes on.
#![allow(
    clippy::unwrap_used,
    reason = "test code outside of test functions, too"
)]

mod support;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use op_listener_audit_log::config::{FileSettings, Fsync};
use op_listener_audit_log::log::{Log, LogError};
use support::{
    FaultyDisk, Write, append, assert_intact, files_in, ids, open, open_on, report, settings,
};

struct Sample {
    dir: tempfile::TempDir,
    path: std::path::PathBuf,
    disk: FaultyDisk,
    log: Log,
}

fn sample(settings: &FileSettings) -> Sample {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let disk = FaultyDisk::new();
    let log = open_on(&path, settings, Box::new(disk.clone())).unwrap();
    Sample {
        dir,
        path,
        disk,
        log,
    }
}

#[test]
fn a_write_that_fails_leaves_nothing_behind() {
    let Sample {
        dir: _dir,
        path,
        disk,
        log,
        ..
    } = sample(&settings());
    append(&log, "1").unwrap();
    let before = fs::read(&path).unwrap();
    for fault in [
        Write::Short(0),
        Write::Short(1),
        Write::Short(100),
        Write::Fails(0, ErrorKind::StorageFull),
        Write::Fails(50, ErrorKind::Other),
    ] {
        disk.faults().writes.push_back(fault);
        let error = append(&log, "lost").unwrap_err();
        match fault {
            Write::Short(taken) => {
                assert!(matches!(error, LogError::Short { written, .. } if written == taken));
            }
            _ => assert!(matches!(error, LogError::Io { .. })),
        }
        assert_eq!(fs::read(&path).unwrap(), before, "{fault:?}");
    }
    append(&log, "2").unwrap();
    drop(log);
    assert_eq!(ids(&path), ["1", "2"]);
    assert_intact(&path, 2);
}

#[test]
fn an_interrupted_write_is_made_again() {
    let Sample {
        dir: _dir,
        path,
        disk,
        log,
        ..
    } = sample(&settings());
    disk.faults()
        .writes
        .push_back(Write::Fails(0, ErrorKind::Interrupted));
    append(&log, "1").unwrap();
    drop(log);
    assert_intact(&path, 1);
}

#[test]
fn nothing_is_written_after_half_a_record_that_cannot_be_taken_back() {
    let Sample {
        dir: _dir,
        path,
        disk,
        log,
        ..
    } = sample(&settings());
    append(&log, "1").unwrap();
    disk.faults().writes.push_back(Write::Short(40));
    disk.faults().set_len_fails = true;
    append(&log, "lost").unwrap_err();
    let torn = fs::read(&path).unwrap();
    let error = append(&log, "lost too").unwrap_err().to_string();
    assert!(error.contains("cut an unfinished record off"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), torn);
    disk.faults().set_len_fails = false;
    append(&log, "2").unwrap();
    drop(log);
    assert_eq!(ids(&path), ["1", "2"]);
    assert_intact(&path, 2);
}

#[test]
fn half_a_record_of_a_crash_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let log = open(&path, &settings()).unwrap();
    append(&log, "1").unwrap();
    append(&log, "2").unwrap();
    drop(log);
    let whole = fs::read(&path).unwrap();
    let half = &whole[..whole.len() - 30];
    fs::write(&path, half).unwrap();
    let log = open(&path, &settings()).unwrap();
    append(&log, "3").unwrap();
    drop(log);
    assert_eq!(ids(&path), ["1", "3"]);
    assert_intact(&path, 2);
    let files = files_in(dir.path());
    let torn = files.iter().find(|name| name.contains(".torn")).unwrap();
    assert!(torn.starts_with("audit.000000000002."), "{torn}");
    let first_line = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    assert_eq!(fs::read(dir.path().join(torn)).unwrap(), half[first_line..]);
}

#[test]
fn a_whole_record_that_lacks_its_end_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    for records in 1..=2 {
        let log = open(&path, &settings()).unwrap();
        append(&log, &records.to_string()).unwrap();
        drop(log);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    }
    drop(open(&path, &settings()).unwrap());
    assert_eq!(files_in(dir.path()), ["audit.ndjson"]);
    assert_eq!(ids(&path), ["1", "2"]);
    assert_intact(&path, 2);
}

#[test]
fn zeros_that_a_loss_of_power_leaves_are_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    for zeros in [10, 5_000, 200_000] {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        file.write_all(&vec![0; zeros]).unwrap();
        let log = open(&path, &settings()).unwrap();
        append(&log, "x").unwrap();
    }
    assert_intact(&path, 3);
}

#[test]
fn records_longer_than_any_buffer_are_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    for length in [65_000, 66_000, 1 << 20] {
        let log = open(&path, &settings()).unwrap();
        append(&log, &"x".repeat(length)).unwrap();
        append(&log, "y").unwrap();
        append(&log, &"z".repeat(length)).unwrap();
    }
    assert_intact(&path, 9);
}

#[test]
fn a_file_that_is_no_log_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    for text in [
        "root:x:0:0\n",
        "no end",
        "{\"event\":1}\n",
        "\n",
        "{\"other\":",
    ] {
        fs::write(&path, text).unwrap();
        let error = open(&path, &settings()).err().unwrap();
        assert!(error.is_config());
        assert!(
            error
                .to_string()
                .contains("does not end with an audit record"),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_last_record_changed_in_between_does_not_stop_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let log = open(&path, &settings()).unwrap();
    append(&log, "1").unwrap();
    append(&log, "2").unwrap();
    drop(log);
    let changed = fs::read_to_string(&path)
        .unwrap()
        .replace("\"id\":\"2\"", "\"id\":\"9\"");
    fs::write(&path, changed).unwrap();
    let log = open(&path, &settings()).unwrap();
    append(&log, "3").unwrap();
    drop(log);
    let finding = report(&path, &[]).finding.unwrap();
    assert_eq!((finding.line, finding.seq), (2, Some(2)));
}

#[cfg(unix)]
#[test]
fn a_file_that_is_deleted_is_made_anew_and_the_gap_shows() {
    let Sample {
        dir: _dir,
        path,
        log,
        ..
    } = sample(&settings());
    append(&log, "1").unwrap();
    append(&log, "2").unwrap();
    fs::remove_file(&path).unwrap();
    append(&log, "3").unwrap();
    append(&log, "4").unwrap();
    drop(log);
    assert_eq!(ids(&path), ["3", "4"]);
    let report = report(&path, &[]);
    assert!(
        report.notes[0].contains("begins with record 3"),
        "{:?}",
        report.notes
    );
}

#[cfg(unix)]
#[test]
fn a_directory_that_is_deleted_is_an_error_per_event_until_it_is_back() {
    let Sample { dir, path, log, .. } = sample(&settings());
    append(&log, "1").unwrap();
    fs::remove_dir_all(dir.path()).unwrap();
    for _ in 0..2 {
        let error = append(&log, "lost").unwrap_err().to_string();
        assert!(error.contains("the directory must exist"), "{error}");
    }
    fs::create_dir(dir.path()).unwrap();
    append(&log, "2").unwrap();
    drop(log);
    assert_eq!(ids(&path), ["2"]);
}

#[test]
fn a_file_that_others_write_to_is_set_aside() {
    let Sample { dir, path, log, .. } = sample(&settings());
    append(&log, "1").unwrap();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"half a line").unwrap();
    append(&log, "2").unwrap();
    drop(log);
    assert_eq!(files_in(dir.path()).len(), 2);
    let finding = report(&path, &[]).finding.unwrap();
    assert_eq!(finding.line, 2, "{finding}");
    let newer = fs::read_to_string(&path).unwrap();
    assert!(newer.contains("\"seq\":2,") && newer.lines().count() == 1);
}

#[test]
fn a_file_that_others_empty_does_not_stop_the_log() {
    let Sample {
        dir: _dir,
        path,
        log,
        ..
    } = sample(&settings());
    append(&log, "1").unwrap();
    append(&log, "2").unwrap();
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    append(&log, "3").unwrap();
    drop(log);
    assert_eq!(ids(&path), ["3"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_is_moved_away_is_noticed() {
    let Sample {
        dir,
        path,
        disk,
        log,
        ..
    } = sample(&settings());
    append(&log, "1").unwrap();
    fs::rename(&path, dir.path().join("taken")).unwrap();
    // Until it is noticed records go where the file went, and are not lost.
    append(&log, "2").unwrap();
    disk.faults().now += Duration::from_secs(2);
    append(&log, "3").unwrap();
    drop(log);
    assert_eq!(
        fs::read_to_string(dir.path().join("taken"))
            .unwrap()
            .lines()
            .count(),
        2
    );
    assert_eq!(ids(&path), ["3"]);
    let files = [path, dir.path().join("taken")];
    let sets = op_listener_audit_log::verify::find(&files).unwrap();
    let report = op_listener_audit_log::verify::verify(&sets[0], &[]).unwrap();
    assert!(report.intact && report.records == 3, "{report:?}");
}

#[test]
fn a_sync_that_fails_is_an_error_of_each_record_that_waited_for_it() {
    let always = FileSettings {
        fsync: Fsync::Always,
        ..settings()
    };
    let Sample {
        dir: _dir,
        path,
        disk,
        log,
        ..
    } = sample(&always);
    append(&log, "1").unwrap();
    disk.faults().sync_fails = true;
    let error = append(&log, "2").unwrap_err().to_string();
    assert!(error.contains("cannot force to disk"), "{error}");
    disk.faults().sync_fails = false;
    append(&log, "3").unwrap();
    drop(log);
    assert_intact(&path, 3);
}

#[test]
fn a_panic_in_the_middle_of_a_record_does_not_stop_the_log() {
    let always = FileSettings {
        fsync: Fsync::Always,
        ..settings()
    };
    let Sample {
        dir: _dir,
        path,
        disk,
        log,
        ..
    } = sample(&always);
    append(&log, "1").unwrap();
    disk.faults().writes.push_back(Write::Panics);
    let log = Arc::new(log);
    let panicking = Arc::clone(&log);
    let thread = std::thread::spawn(move || append(&panicking, "lost"));
    assert!(thread.join().is_err());
    append(&log, "2").unwrap();
    drop(log);
    assert_eq!(ids(&path), ["1", "2"]);
    assert_intact(&path, 2);
}

#[test]
fn paths_that_cannot_be_are_faults_of_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    for path in [
        dir.path().join("missing/audit.ndjson"),
        dir.path().to_owned(),
    ] {
        let error = open(&path, &settings()).err().unwrap();
        assert!(error.is_config(), "{error}");
    }
    if Path::new("/dev/full").exists() {
        let error = open(Path::new("/dev/full"), &settings()).err().unwrap();
        assert!(
            error.is_config() && error.to_string().contains("no regular file"),
            "{error}"
        );
    }
}
