//! Files that come, change and go.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use op_listener_host::{Host, ReloadError, StartError};

use crate::stage::{Stage, TALLY, assert_orderly, counts, event, library, of, version};

const STEADY: &[&str] = &["ID=\"steady\""];

#[test]
fn plugins_that_are_added_and_removed_come_and_go() {
    let stage = Stage::new();
    stage.put("steady", &library(STEADY));
    let host = stage.host("");
    assert_eq!(host.dispatch(&event("e1")).calls, 1);
    stage.put("tally", &version(0));
    let config = [TALLY, &stage.settings("")].concat();
    let reloaded = host.reload(stage.config(&config)).unwrap();
    assert_eq!(counts(&reloaded), [1, 0, 1, 0, 0]);
    assert_eq!(host.dispatch(&event("e2")).calls, 2);
    let names: Vec<_> = host.listeners().into_iter().map(|l| l.name).collect();
    assert_eq!(names, ["tally", "steady"], "entries come first");

    // The file alone is gone; its entry is not.
    stage.remove("tally");
    let reloaded = host.reload(stage.config(&config)).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 1, 1, 0]);
    assert_eq!(host.dispatch(&event("e3")).calls, 1);
    let record = stage.record();
    assert_eq!(of(&record, "event").len(), 1);
    assert_eq!(assert_orderly(&record), 0);

    // Now the entry asks for what is not there.
    let reloaded = host.reload(stage.config(&config)).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 1, 0, 1]);
    stage.remove("steady");
    let reloaded = host.reload(stage.config("")).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 0, 1, 0]);
    assert_eq!(host.dispatch(&event("e4")).calls, 0);
}

#[test]
fn what_cannot_be_used_leaves_in_service_what_was() {
    let good = version(0);
    let cut = good[..good.len() / 2].to_vec();
    let foreign = b"#!/bin/sh\necho I am no library\n".to_vec();
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("half of it", cut),
        ("no library", foreign),
        ("one that cannot be made", library(&["INIT_FAILS"])),
        ("one that makes nothing", library(&["NULL_OBJECT"])),
    ] {
        for entry in ["", TALLY] {
            let stage = Stage::new();
            stage.put("tally", &good);
            let config = if entry.is_empty() {
                String::new()
            } else {
                [entry, &stage.settings("")].concat()
            };
            let host = stage.host(&config);
            stage.put("tally", &bytes);
            for _ in 0..2 {
                let reloaded = host.reload(stage.config(&config)).unwrap();
                assert_eq!(counts(&reloaded), [0, 0, 1, 0, 1], "{what}");
                assert_eq!(host.dispatch(&event("e")).calls, 1, "{what}");
            }
            stage.put("tally", &version(1));
            let reloaded = host.reload(stage.config(&config)).unwrap();
            assert_eq!(counts(&reloaded), [0, 1, 0, 0, 0], "{what}");
            let stats = &host.listeners()[0].stats;
            assert_eq!(stats.calls, 0, "{what}: it is a new one");
        }
    }
}

#[test]
fn a_file_that_is_not_trusted_any_more_changes_nothing() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let host = stage.host("");
    let open = fs::Permissions::from_mode(0o666);
    fs::set_permissions(stage.plugin("tally"), open).unwrap();
    let reloaded = host.reload(stage.config("")).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 1, 0, 1]);
    // How the listener in service is treated is another matter.
    let nobody = format!("{TALLY}clients = [\"nobody\"]");
    host.reload(stage.config(&nobody)).unwrap();
    assert_eq!(host.dispatch(&event("e")).calls, 0);
    host.reload(stage.config(TALLY)).unwrap();
    // Nor does one that nobody has pinned, or that is pinned and gone.
    let pinned = "[plugins]\ntrust = \"pinned\"\n";
    let reloaded = host.reload(stage.config(pinned)).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 1, 0, 1]);
    assert_eq!(host.dispatch(&event("e")).calls, 1);
    stage.remove("tally");
    let reloaded = host.reload(stage.config("")).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 0, 1, 0]);
}

#[test]
fn a_required_listener_does_not_go_with_its_file() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let config = [TALLY, "required = true\n", &stage.settings("")].concat();
    let host = stage.host(&config);
    stage.remove("tally");
    let reloaded = host.reload(stage.config(&config)).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 1, 0, 1]);
    assert_eq!(host.dispatch(&event("e")).calls, 1);
    let reloaded = host.reload(stage.config("")).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 0, 1, 0]);
}

#[test]
fn the_same_bytes_under_another_name_or_back_again_are_nothing_new() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let host = stage.host("");
    fs::rename(stage.plugin("tally"), stage.plugin("renamed")).unwrap();
    let reloaded = host.reload(stage.config("")).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 1, 0, 0]);
    // Its present name counts from now on.
    stage.put("renamed", b"damaged");
    let reloaded = host.reload(stage.config("")).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 1, 0, 1]);
    let mappings = || {
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        // Each is mapped in several parts.
        maps.lines()
            .filter(|line| line.contains("renamed") && line.contains("r-x"))
            .count()
    };
    for number in [1, 2, 1, 2, 1, 2] {
        stage.put("renamed", &version(number));
        let reloaded = host.reload(stage.config("")).unwrap();
        assert_eq!(counts(&reloaded), [0, 1, 0, 0, 0]);
    }
    if cfg!(target_os = "linux") {
        assert!(mappings() <= 2, "bytes that come back are not mapped again");
    }
}

#[test]
fn a_directory_that_cannot_be_read_changes_nothing() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let host = stage.host("");
    fs::rename(stage.path("plugins"), stage.path("elsewhere")).unwrap();
    let refused = host.reload(stage.config(""));
    assert!(
        matches!(refused, Err(ReloadError::Discover(_))),
        "{refused:?}"
    );
    assert_eq!(host.dispatch(&event("e")).calls, 1);
    host.shutdown();
    let refused = host.reload(stage.config(""));
    assert!(matches!(refused, Err(ReloadError::ShutDown)), "{refused:?}");
}

#[test]
fn the_policy_to_abort_is_one_for_the_start_alone() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let host = stage.host("");
    stage.put("broken", b"no library");
    let config = stage.config("[plugins]\non_failure = \"abort\"");
    assert_eq!(
        counts(&host.reload(config.clone()).unwrap()),
        [0, 0, 1, 0, 1]
    );
    let start = Host::builder().config(config).build();
    assert!(matches!(start, Err(StartError::Refused { count: 1, .. })));
}
