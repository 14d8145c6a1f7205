//! Rotation: by size, by age, with restarts and crashes in between, and a bound on what is kept.
#![allow(
    clippy::unwrap_used,
    reason = "test code outside of test functions, too"
)]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use op_listener_audit_log::config::{FileSettings, Fsync};
use support::{
    FaultyDisk, append, assert_intact, files_in, ids, open, open_on, report, rotated, settings,
};

fn small() -> FileSettings {
    FileSettings {
        max_size: Some(1_500),
        ..settings()
    }
}

fn numbers(count: usize) -> Vec<String> {
    (1..=count).map(|number| number.to_string()).collect()
}

fn write(path: &Path, settings: &FileSettings, numbers: std::ops::RangeInclusive<usize>) {
    let log = open(path, settings).unwrap();
    for number in numbers {
        append(&log, &number.to_string()).unwrap();
    }
}

#[test]
fn the_chain_goes_on_across_files_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    for start in [1, 4, 5, 17] {
        let end = [3, 4, 16, 30][[1, 4, 5, 17].iter().position(|s| *s == start).unwrap()];
        write(&path, &small(), start..=end);
    }
    assert_intact(&path, 30);
    assert_eq!(ids(&path), numbers(30));
    assert!(rotated(&path).len() >= 5);
    for file in rotated(&path) {
        assert!(
            fs::metadata(&file).unwrap().len() <= 1_500,
            "{}",
            file.display()
        );
    }
}

#[test]
fn a_record_larger_than_a_file_may_be_gets_one_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let tiny = FileSettings {
        max_size: Some(10),
        ..settings()
    };
    write(&path, &tiny, 1..=3);
    assert_eq!(rotated(&path).len(), 2);
    assert_intact(&path, 3);
}

#[test]
fn a_file_is_rotated_when_it_is_old_enough_by_the_clock() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let disk = FaultyDisk::new();
    let daily = FileSettings {
        max_age: Some(Duration::from_hours(24)),
        ..settings()
    };
    let log = open_on(&path, &daily, Box::new(disk.clone())).unwrap();
    append(&log, "1").unwrap();
    disk.faults().now += Duration::from_hours(23);
    append(&log, "2").unwrap();
    assert!(rotated(&path).is_empty());
    disk.faults().now += Duration::from_hours(1);
    append(&log, "3").unwrap();
    assert_eq!(rotated(&path).len(), 1);
    // An empty file is not rotated, and a clock that was set back does no harm.
    disk.faults().now -= Duration::from_hours(100);
    append(&log, "4").unwrap();
    assert_eq!(rotated(&path).len(), 1);
    drop(log);
    assert_intact(&path, 4);
}

#[test]
fn an_old_file_is_rotated_by_the_first_record_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    write(&path, &settings(), 1..=2);
    let hourly = FileSettings {
        max_age: Some(Duration::from_hours(1)),
        ..settings()
    };
    let log = open_on(&path, &hourly, Box::new(FaultyDisk::new())).unwrap();
    append(&log, "3").unwrap();
    drop(log);
    assert_eq!(rotated(&path).len(), 1);
    assert_intact(&path, 3);
}

#[test]
fn no_more_than_the_wanted_number_of_rotated_files_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let other = dir.path().join("audit2.ndjson");
    fs::write(&other, "not ours").unwrap();
    let bounded = FileSettings {
        keep: Some(2),
        ..small()
    };
    write(&path, &bounded, 1..=40);
    assert_eq!(rotated(&path).len(), 2);
    let report = report(&path, &[]);
    assert!(report.intact);
    assert_eq!(report.head.unwrap().seq, 40);
    assert!(report.notes[0].contains("begins with record"));
    assert!(other.exists());
    // A smaller bound holds from the next start.
    let one = FileSettings {
        keep: Some(1),
        ..small()
    };
    drop(open(&path, &one).unwrap());
    assert_eq!(rotated(&path).len(), 1);
}

#[test]
fn a_crash_between_the_steps_of_a_rotation_heals() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    write(&path, &small(), 1..=20);
    // As a crash leaves it after the renaming: no current file.
    let last = op_listener_audit_log::log::Place::new(&path).unwrap();
    let last = last.rotated(19, std::time::SystemTime::now());
    fs::rename(&path, last).unwrap();
    write(&path, &small(), 21..=22);
    // And as one leaves it after the new file was made.
    let place = op_listener_audit_log::log::Place::new(&path).unwrap();
    fs::rename(&path, place.rotated(21, std::time::SystemTime::now())).unwrap();
    fs::write(&path, "").unwrap();
    write(&path, &small(), 23..=25);
    assert_eq!(ids(&path), numbers(25));
    assert!(report(&path, &[]).records == 25);
}

#[test]
fn a_rotation_that_fails_costs_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let disk = FaultyDisk::new();
    let log = open_on(&path, &small(), Box::new(disk.clone())).unwrap();
    disk.faults().rename_fails = true;
    for number in 1..=10 {
        append(&log, &number.to_string()).unwrap();
    }
    assert!(rotated(&path).is_empty());
    disk.faults().rename_fails = false;
    // It is tried again after a while.
    disk.faults().now += Duration::from_mins(2);
    append(&log, "11").unwrap();
    assert_eq!(rotated(&path).len(), 1);
    drop(log);
    assert_intact(&path, 11);
}

#[test]
fn a_new_file_that_cannot_be_made_is_an_error_per_event_until_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let disk = FaultyDisk::new();
    let durable = FileSettings {
        fsync: Fsync::Always,
        ..small()
    };
    let log = open_on(&path, &durable, Box::new(disk.clone())).unwrap();
    for number in 1..=4 {
        append(&log, &number.to_string()).unwrap();
    }
    disk.faults().open_fails = true;
    for _ in 0..3 {
        let error = append(&log, "lost").unwrap_err().to_string();
        assert!(
            error.contains("cannot make") && error.contains("make space"),
            "{error}"
        );
    }
    log.flush().unwrap();
    disk.faults().open_fails = false;
    append(&log, "5").unwrap();
    drop(log);
    assert_eq!(ids(&path), numbers(5));
    assert_intact(&path, 5);
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    write(&path, &small(), 1..=9);
    assert!(files_in(dir.path()).len() > 1);
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}
