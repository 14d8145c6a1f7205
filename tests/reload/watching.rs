//! Files that change are noticed without anybody saying so.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use op_listener_tests::id_token;

use crate::stage::{Stage, TALLY, of, replace, version};

/// Told by the system, and looked at only after an hour.
const TOLD: &str = "[plugins]\nprobe = false\n[reload]\ndebounce_ms = 200\nrescan = 3600\n";
/// Looked at each second.
const LOOKED: &str = "[plugins]\nprobe = false\n[reload]\ndebounce_ms = 50\nrescan = 1\n";

#[test]
fn plugins_and_settings_that_change_are_taken_up() {
    let stage = Stage::new();
    stage.configure(TOLD);
    let mut running = stage.start();
    stage.put("tally", &version(0));
    running.wait_for("[OPL0609] Reloading, as there is a change in");
    running.wait_for("[OPL0601] Reloaded: 1 added");
    stage.configure(&[TOLD, TALLY, &stage.settings("")].concat());
    running.wait_for("[OPL0601] Reloaded: 0 added, 1 replaced");
    running.send(&format!("{}\n", id_token("e1")));
    stage.wait_for("event", "e1");
    stage.put("tally", &version(1));
    running.wait_for("[OPL0601] Reloaded: 0 added, 1 replaced");
    stage.remove("tally");
    running.wait_for("[OPL0601] Reloaded: 0 added, 0 replaced, 0 kept, 1 removed");
    assert_eq!(running.finish().code(), Some(0));
}

#[test]
fn a_slow_copy_is_one_reload_and_no_refusal() {
    let stage = Stage::new();
    // No pause of the copy is as long as that, whatever else the machine does.
    stage.configure(&TOLD.replace("debounce_ms = 200", "debounce_ms = 5000"));
    let mut running = stage.start();
    let bytes = version(0);
    let mut copy = File::create(stage.plugin("tally")).unwrap();
    for part in bytes.chunks(bytes.len() / 20) {
        copy.write_all(part).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    drop(copy);
    running.wait_for("[OPL0601] Reloaded: 1 added, 0 replaced, 0 kept, 0 removed, 0 refused");
    let finished = running.finish();
    assert!(
        !finished.stderr.contains("[OPL0102]"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_directory_that_is_replaced_as_a_whole_is_noticed() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    stage.configure(&[LOOKED, TALLY, &stage.settings("")].concat());
    let mut running = stage.start();
    for number in 1..4 {
        let next = stage.path("next");
        fs::create_dir(&next).unwrap();
        fs::write(next.join("tally.so"), version(number)).unwrap();
        fs::rename(stage.path("plugins"), stage.path(&format!("old-{number}"))).unwrap();
        fs::rename(&next, stage.path("plugins")).unwrap();
        running.wait_for("[OPL0601] Reloaded: 0 added, 1 replaced");
    }
    running.finish();
}

#[test]
fn files_that_nobody_loads_are_no_reason() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let config = [LOOKED, TALLY, &stage.settings("")].concat();
    stage.configure(&config);
    let mut running = stage.start();
    fs::write(stage.path("plugins/README"), "a").unwrap();
    fs::write(stage.path("plugins/.tally.so.swp"), "a").unwrap();
    fs::write(stage.path("notes.txt"), "a").unwrap();
    // The record and the gate are in a directory that is watched.
    running.send(&format!("{}\n", id_token("e1")));
    stage.wait_for("event", "e1");
    // Several looks later there is a reason.
    thread::sleep(Duration::from_secs(3));
    let mut file = OpenOptions::new()
        .append(true)
        .open(stage.path("op-listener.toml"))
        .unwrap();
    file.write_all(b"\n# the end\n").unwrap();
    drop(file);
    running.wait_for("[OPL0601] Reloaded: 0 added, 0 replaced, 1 kept");
    let finished = running.finish();
    assert_eq!(
        finished.stderr.matches("[OPL0609]").count(),
        1,
        "{}",
        finished.stderr
    );
    assert_eq!(of(&stage.record(), "init").len(), 1);
}

#[test]
fn clients_and_keys_are_watched_too() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    replace(&stage.path("clients.json"), b"[]");
    let config = format!("clients = \"clients.json\"\n{TOLD}");
    stage.configure(&config);
    let mut running = stage.start();
    replace(&stage.path("clients.json"), b"[");
    let line = running.wait_for("[OPL0606]");
    assert!(line.contains("clients.json"), "{line}");
    running.wait_for("[OPL0601]");
    running.finish();
}

#[test]
fn without_watching_nothing_is_noticed() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    stage.configure(
        "[plugins]\nprobe = false\n[reload]\nwatch = false\nrescan = 1\ndebounce_ms = 10\n",
    );
    let mut running = stage.start();
    stage.put("tally", &version(1));
    thread::sleep(Duration::from_secs(3));
    running.send(&format!("{}\n", id_token("e1")));
    let finished = running.finish();
    assert!(!finished.stderr.contains("[OPL06"), "{}", finished.stderr);
}
