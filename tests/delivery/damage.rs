//! The store is cut short, overwritten, or taken away; the disk is full, or reports errors.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use op_listener_host::delivery::admin::{Admin, Selection};
use op_listener_tests::{Numbers, work_dir};

use crate::driver::Drive;
use crate::yard::{Yard, courier, dispatch, event_of, eventually, queue};

/// A store with messages, closed in good order or not.
fn filled(yard: &Yard, messages: usize) -> Vec<String> {
    yard.script("fail");
    let host = yard.host("size = 2000\npause_after_ms = 0\nbatch_messages = 1\nbackoff_ms = 60000\nbackoff_max_ms = 60000");
    let ids: Vec<_> = (0..messages).map(|number| format!("e{number}")).collect();
    for id in &ids {
        dispatch(&host, id);
    }
    host.shutdown();
    ids
}

/// What is delivered from what there is. A new message must always be.
fn delivered_from(yard: &Yard) -> Vec<String> {
    yard.script("");
    let host = yard.host("attempts = 1000000");
    // A byte may say that it is paused, and what was tried before waits for long.
    let admin = Admin::open(&yard.store()).unwrap();
    for queue in admin.queues().unwrap() {
        admin.resume(&queue).unwrap();
        admin
            .retry(&queue, &Selection::Waiting, &mut |_| {
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    dispatch(&host, "new");
    eventually(|| queue(&host, "courier").waiting == 0);
    let payloads = yard.payloads();
    assert!(payloads.contains(&"new/0".to_owned()));
    host.shutdown();
    payloads
}

#[test]
fn a_store_cut_short_anywhere_is_set_aside_and_what_was_whole_is_delivered() {
    let mut numbers = Numbers(7);
    let mut saved = 0;
    for turn in 0..12 {
        let yard = Yard::new();
        let ids = filled(&yard, 60);
        let store = yard.store();
        let length = fs::metadata(&store).unwrap().len();
        let cut = [0, 1, 100, 4096, length - 1][..].get(turn).copied();
        let cut = cut.unwrap_or_else(|| numbers.next(length));
        OpenOptions::new()
            .write(true)
            .open(&store)
            .unwrap()
            .set_len(cut)
            .unwrap();
        let before = fs::read(&store).unwrap();
        let delivered = delivered_from(&yard);
        let old = delivered.iter().filter(|it| *it != "new/0").count();
        saved += old;
        for payload in &delivered {
            let id = payload.trim_end_matches("/0");
            assert!(
                id == "new" || ids.contains(&id.to_owned()),
                "{payload} was never pushed"
            );
        }
        let aside = yard.set_aside();
        // SQLite takes the last page for whole where its end is missing.
        if cut > 0 && cut + 4096 < length {
            assert_eq!(aside.len(), 1, "cut to {cut} of {length}: {aside:?}");
            assert_eq!(fs::read(&aside[0]).unwrap(), before, "it is as it was");
        }
        // Some pages hold the schema; whatever is cut off the second half leaves messages.
        if cut > length / 2 {
            assert!(old > 5, "cut to {cut} of {length}, {old} delivered");
        }
    }
    assert!(saved > 50, "{saved}");
}

#[test]
fn a_store_with_bytes_overwritten_never_delivers_what_was_not_pushed() {
    let mut numbers = Numbers(11);
    for _ in 0..12 {
        let yard = Yard::new();
        let ids = filled(&yard, 60);
        let store = yard.store();
        let length = fs::metadata(&store).unwrap().len();
        let mut file = OpenOptions::new().write(true).open(&store).unwrap();
        for _ in 0..=numbers.next(20) {
            // Not the part that says that it is a database of this host's at all.
            file.seek(SeekFrom::Start(100 + numbers.next(length - 100)))
                .unwrap();
            let bytes: Vec<u8> = (0..2)
                .flat_map(|_| numbers.next(u64::MAX).to_le_bytes())
                .collect();
            file.write_all(&bytes).unwrap();
        }
        drop(file);
        for line in {
            delivered_from(&yard);
            yard.delivered()
        } {
            let payload = line["payload"].as_str().unwrap();
            let id = payload.trim_end_matches("/0").to_owned();
            assert!(id == "new" || ids.contains(&id), "{line}");
            assert!(id == "new" || line["size"] == 2000, "{line}");
        }
    }
}

#[test]
fn a_log_cut_short_loses_what_was_cut_off_and_no_more() {
    let mut numbers = Numbers(13);
    for _ in 0..6 {
        let yard = Yard::new();
        yard.script("hang");
        let config = courier("courier", "size = 1000");
        let drive = Drive {
            dir: yard.path(),
            config: &config,
            run: "0",
            threads: 1,
            events: Some(40),
            env: Vec::new(),
        };
        let driver = drive.start();
        eventually(|| {
            let log = yard.store().with_extension("db-wal");
            fs::metadata(log).is_ok_and(|log| log.len() > 60_000)
        });
        let said = driver.kill_after(std::time::Duration::ZERO);
        let log = yard.store().with_extension("db-wal");
        let length = fs::metadata(&log).unwrap().len();
        let cut = numbers.next(length);
        OpenOptions::new()
            .write(true)
            .open(&log)
            .unwrap()
            .set_len(cut)
            .unwrap();
        let mut delivered = delivered_from(&yard);
        delivered.retain(|payload| payload != "new/0");
        delivered.sort_by_key(String::len);
        let places: Vec<usize> = delivered
            .iter()
            .map(|payload| {
                payload
                    .trim_end_matches("/0")
                    .rsplit('-')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap()
            })
            .collect();
        let mut sorted = places.clone();
        sorted.sort_unstable();
        assert_eq!(
            sorted,
            (0..places.len()).collect::<Vec<_>>(),
            "from the first on, with no gap"
        );
        assert!(places.len() <= said.well.len() + 1);
    }
}

#[test]
fn a_store_of_a_later_version_and_a_database_of_something_else_are_refused_and_left_alone() {
    let yard = Yard::new();
    filled(&yard, 1);
    let store = yard.store();
    let mut later = fs::read(&store).unwrap();
    // The version stands at this place of the file (https://sqlite.org/fileformat2.html).
    later[60..64].copy_from_slice(&9_u32.to_be_bytes());
    fs::write(&store, &later).unwrap();
    assert!(yard.try_host(&courier("courier", "")).is_err());
    assert_eq!(fs::read(&store).unwrap(), later);
    assert!(yard.set_aside().is_empty());
    let foreign = Yard::new();
    fs::create_dir(foreign.store().parent().unwrap()).unwrap();
    let made = Command::new("sqlite3")
        .arg(foreign.store())
        .arg("CREATE TABLE queue (of TEXT); INSERT INTO queue VALUES ('something else');")
        .status();
    // Where there is no shell of SQLite's, the bytes of one of its databases are not made up.
    if made.is_ok_and(|status| status.success()) {
        let before = fs::read(foreign.store()).unwrap();
        assert!(foreign.try_host(&courier("courier", "")).is_err());
        assert_eq!(fs::read(foreign.store()).unwrap(), before);
    }
}

/// A library that makes system calls fail, for `LD_PRELOAD`.
fn faults() -> PathBuf {
    let library = work_dir().join("faults.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("delivery/faults.c");
    let new = work_dir().join(format!("faults-{}.so", std::process::id()));
    let built = Command::new("cc")
        .args([
            "-std=gnu11",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-O2",
            "-shared",
            "-fPIC",
            "-o",
        ])
        .args([&new, &source])
        .args(["-ldl"])
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    fs::rename(new, &library).unwrap();
    library
}

/// Events that were answered before and after faults are delivered; those that failed are no matter.
#[cfg(target_os = "linux")]
#[test]
fn with_a_disk_that_is_full_or_fails_a_push_is_refused_and_nothing_that_was_answered_is_lost() {
    let library = faults();
    for (error, turn) in [("ENOSPC", 0), ("EIO", 1), ("EIO", 2), ("ENOSPC", 3)] {
        let yard = Yard::new();
        yard.script("half");
        let config = courier("courier", "size = 3000\nattempts = 1000000");
        // Every so many calls on the store's files there come so many that fail.
        let (each, fails) = [(60, 30), (25, 3), (7, 1), (200, 150)][turn];
        let drive = Drive {
            dir: yard.path(),
            config: &config,
            run: "0",
            threads: 4,
            events: Some(100),
            env: vec![
                ("LD_PRELOAD", library.to_str().unwrap().to_owned()),
                ("FAULT_PATH", "queue.db".to_owned()),
                ("FAULT_ERROR", error.to_owned()),
                ("FAULT_EACH", each.to_string()),
                ("FAULT_COUNT", fails.to_string()),
                (
                    "FAULT_AFTER",
                    yard.path()
                        .join("faults-begin")
                        .to_str()
                        .unwrap()
                        .to_owned(),
                ),
            ],
        };
        let driver = drive.start();
        fs::write(yard.path().join("faults-begin"), "").unwrap();
        let said = driver.end();
        assert!(said.ended, "{error} {turn}: the host went on to its end");
        assert_eq!(said.well.len() + said.failed.len(), 400);
        assert!(!said.failed.is_empty(), "{error} {turn}: nothing failed");
        yard.script("");
        let host = yard.host("attempts = 1000000");
        eventually(|| queue(&host, "courier").waiting == 0);
        host.shutdown();
        let delivered: std::collections::HashSet<_> = yard.payloads().into_iter().collect();
        for id in &said.well {
            assert!(
                delivered.contains(&format!("{id}/0")),
                "{error} {turn}: {id} is lost"
            );
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_file_system_without_room_pushes_fail_and_go_on_when_there_is_some() {
    // A limit on the size of files does what a full disk does, and needs no rights.
    let yard = Yard::new();
    yard.script("fail");
    let config = courier(
        "courier",
        "size = 4000\nattempts = 1000000\npause_after_ms = 0",
    );
    let drive = Drive {
        dir: yard.path(),
        config: &config,
        run: "0",
        threads: 2,
        events: Some(200),
        env: vec![("OP_LISTENER_TEST_IGNORE", "XFSZ".to_owned())],
    };
    let driver = drive.start();
    // The signal that comes with it was told to be ignored.
    let limit = rustix::process::Rlimit {
        current: Some(400_000),
        maximum: None,
    };
    let process = rustix::process::Pid::from_raw(driver.id().cast_signed());
    rustix::process::prlimit(process, rustix::process::Resource::Fsize, limit).unwrap();
    let said = driver.end();
    assert!(said.ended);
    assert!(
        !said.failed.is_empty() && !said.well.is_empty(),
        "{}",
        said.well.len()
    );
    yard.script("");
    let host = yard.host("attempts = 1000000");
    eventually(|| queue(&host, "courier").waiting == 0);
    assert_eq!(host.dispatch(&event_of("new", "c")).failures, 0);
    let delivered: std::collections::HashSet<_> =
        yard.wait_for(said.well.len() + 1).into_iter().collect();
    for id in &said.well {
        assert!(delivered.contains(&format!("{id}/0")), "{id} is lost");
    }
}
