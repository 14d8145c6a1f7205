//! A file that is changed while its bytes are being probed: what is loaded afterwards is what was
//! read, hashed, judged and probed.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use op_listener_host::library::Sha256;

use crate::site::{Site, finish, wait_until};

/// Starts a host, changes the file of the good listener once its probe is under way, and sees it
/// called.
fn changed_under_way(change: impl FnOnce(&Path, &Path)) {
    let site = Site::new();
    let (go, other) = (site.path("go"), site.path("other.so"));
    // A library of the same plugin that takes down whoever loads it.
    fs::rename(site.add("good", &["-DACT=crash"]), &other).unwrap();
    let awaited = format!("-DAWAITED=\"{}\"", go.display());
    let file = site.add("good", &["-DACT=await", &awaited]);
    let sha256 = Sha256::of(&fs::read(&file).unwrap()).short();
    site.configure("probe_timeout_ms = 60000");
    let mut host = site.start();
    wait_until("the probe is under way", || site.trace("good").len() == 1);
    change(&file, &other);
    fs::write(&go, "").unwrap();
    let event =
        r#"{"type":"id_token_issue","id":"e1","client_id":"c","subject":"s","claims":{"sub":"s"}}"#;
    writeln!(host.stdin.as_mut().unwrap(), "{event}").unwrap();
    let outcome = finish(host);
    assert_eq!(outcome.code, Some(0), "{}", outcome.log);
    assert_eq!(site.lines("good.record"), ["e1"], "{}", outcome.log);
    assert_eq!(site.trace("good").len(), 2, "once probed, once loaded");
    let loaded = outcome.line("good");
    assert!(
        loaded.contains("[OPL0101]") && loaded.contains(&sha256),
        "{loaded}"
    );
}

#[test]
fn what_was_probed_is_loaded_though_the_file_is_replaced() {
    changed_under_way(|file, other| fs::rename(other, file).unwrap());
}

#[test]
fn what_was_probed_is_loaded_though_the_file_is_overwritten() {
    changed_under_way(|file, other| fs::write(file, fs::read(other).unwrap()).unwrap());
}

#[test]
fn what_was_probed_is_loaded_though_the_file_is_cut_short() {
    changed_under_way(|file, _| {
        let opened = fs::OpenOptions::new().write(true).open(file).unwrap();
        opened.set_len(1000).unwrap();
    });
}

#[test]
fn what_was_probed_is_loaded_though_the_file_is_deleted() {
    changed_under_way(|file, _| fs::remove_file(file).unwrap());
}
