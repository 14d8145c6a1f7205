//! The audit log is replaced while it is written: no record is lost, repeated or out of order, and
//! the chain holds.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use op_listener_tests::audit_log;
use serde_json::Value;

use crate::stage::{Stage, counts, event};

const THREADS: usize = 3;

/// Replaces the audit log while threads dispatch; `change` makes the configuration and the library
/// of each round.
fn replaced_under_load(rounds: usize, change: impl Fn(&Stage, usize) -> String) {
    let (_, verifier) = audit_log();
    let stage = Stage::new();
    let config = change(&stage, 0);
    let host = stage.host(&config);
    let (stop, all) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (host, stop, all) = (&host, &stop, &all);
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    let id = format!("{thread}-{number}");
                    let dispatched = host.dispatch(&event(&id));
                    if (dispatched.calls, dispatched.failures) != (1, 0) {
                        break;
                    }
                    number += 1;
                }
                all.fetch_add(number, Ordering::Relaxed);
            });
        }
        let changes = (1..=rounds).map(|round| {
            let config = change(&stage, round);
            host.reload(stage.config(&config)).map(|r| counts(&r))
        });
        // Nothing is to keep the threads from their end.
        let wrong = changes
            .enumerate()
            .find(|(_, changes)| !matches!(changes, Ok([0, 3, 0, 0, 0])));
        stop.store(true, Ordering::Relaxed);
        assert!(wrong.is_none(), "{wrong:?}");
    });
    for listener in host.listeners() {
        assert_eq!(listener.stats.errors, 0, "{listener:?}");
    }
    assert_eq!(host.shutdown(), 0);
    let file = stage.path("audit.ndjson");
    let text = fs::read_to_string(&file).unwrap();
    let mut next = [0; THREADS];
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let id = record["event"]["id"].as_str().unwrap();
        let (thread, number) = id.split_once('-').unwrap();
        let next = &mut next[thread.parse::<usize>().unwrap()];
        assert_eq!(number, next.to_string(), "of thread {thread}");
        *next += 1;
    }
    assert_eq!(next.iter().sum::<usize>(), all.into_inner(), "each once");
    let outcome = Command::new(verifier).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert!(outcome.status.success(), "{said}");
}

/// Without its debug information: 50 copies stay in memory.
fn library() -> Vec<u8> {
    let (library, _) = audit_log();
    let dir = tempfile::tempdir().unwrap();
    let stripped = dir.path().join("stripped");
    let strip = Command::new("strip")
        .arg("-o")
        .args([&stripped, &library])
        .status();
    assert!(strip.unwrap().success());
    fs::read(stripped).unwrap()
}

fn entry(more: &str) -> String {
    // A record takes longer than the budget on a busy machine.
    format!(
        "[[listener]]\nplugin = \"audit-log\"\nbudget_ms = 60000\n[listener.config]\npath = \"audit.ndjson\"\n{more}"
    )
}

#[test]
fn another_copy_of_the_library_takes_over_50_times_under_load() {
    let bytes = library();
    replaced_under_load(50, |stage, round| {
        let mut bytes = bytes.clone();
        bytes.extend_from_slice(format!("version {round}").as_bytes());
        stage.put("audit", &bytes);
        entry("")
    });
}

#[test]
fn other_settings_take_over_20_times_under_load() {
    let bytes = library();
    replaced_under_load(20, |stage, round| {
        if round == 0 {
            stage.put("audit", &bytes);
        }
        // By turns what concerns the file, so that it is opened anew, and what does not.
        match round % 3 {
            0 => entry("fsync = \"never\""),
            1 => entry("fsync = \"interval\"\nfsync_interval = \"10ms\""),
            _ => entry("fsync = \"interval\"\nfsync_interval = \"10ms\"\nclaims = [\"sub\"]"),
        }
    });
}
