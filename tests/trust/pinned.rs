//! `trust = "pinned"`: only the bytes in the lock file are loaded.

use std::fs;
use std::os::unix::fs::symlink;

use crate::stage::{Stage, VERSION, plugin_of_version, rebuilt, set_mode};

/// With the audit log, pinned.
fn pinned() -> Stage {
    let stage = Stage::trusting("trust = \"pinned\"");
    let done = stage.call(&["pin", "--config", "op-listener.toml", "--yes"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    stage
}

fn command(stage: &Stage) -> String {
    format!(
        "`op-listener pin {:?} --pins {:?}`",
        stage.plugins(),
        stage.path("plugins.lock")
    )
}

#[test]
fn what_is_pinned_is_loaded() {
    let stage = pinned();
    stage.loads("pinned");
    let listed = stage.listed();
    assert_eq!(listed["trust"], "pinned");
    assert_eq!(listed["loads"], true);
}

#[test]
fn a_file_replaced_after_it_was_pinned_is_refused_with_both_hashes() {
    let stage = pinned();
    let pinned = stage.listed()["sha256"].as_str().unwrap().to_owned();
    stage.put("audit", &rebuilt());
    let found = stage.listed()["sha256"].as_str().unwrap().to_owned();
    assert_ne!(found, pinned);
    stage.refuses(&format!(
        "is not trusted: its sha256 is {}…, and {}… is pinned (audit-log {VERSION}): if the change is meant, run {}",
        &found[..12],
        &pinned[..12],
        command(&stage)
    ));
    // That command.
    let (plugins, lock) = (stage.plugins(), stage.path("plugins.lock"));
    let (plugins, lock) = (plugins.to_str().unwrap(), lock.to_str().unwrap());
    let done = stage.call(&["pin", plugins, "--pins", lock, "--yes"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    stage.loads("pinned");
}

#[test]
fn a_file_that_is_not_in_the_lock_file_is_refused() {
    let stage = pinned();
    fs::rename(stage.file("audit"), stage.path("kept")).unwrap();
    let lock = fs::read_to_string(stage.path("plugins.lock")).unwrap();
    let lock = &lock[..lock.find("[[file]]").unwrap()];
    fs::write(stage.path("plugins.lock"), lock).unwrap();
    fs::rename(stage.path("kept"), stage.file("audit")).unwrap();
    stage.refuses(&format!(
        "is not trusted: it is not pinned: if it is meant to be here, run {}",
        command(&stage)
    ));
}

#[test]
fn a_pinned_file_under_another_name_is_another_file() {
    let stage = pinned();
    fs::rename(stage.file("audit"), stage.file("other")).unwrap();
    let done = stage.run();
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(
        done.stderr
            .contains("libother.so\": is not trusted: it is not pinned")
    );
    assert!(done.stderr.contains("libaudit.so\": is pinned (audit-log "));
}

#[test]
fn without_a_lock_file_nothing_is_loaded() {
    let stage = Stage::trusting("trust = \"pinned\"");
    let lock = stage.path("plugins.lock");
    stage.refuses(&format!(
        "is not trusted: it is not pinned, there is no lock file {lock:?}: run {}",
        command(&stage)
    ));
}

#[test]
fn a_pinned_file_that_is_gone_keeps_the_host_from_starting() {
    let stage = pinned();
    fs::remove_file(stage.file("audit")).unwrap();
    let why = format!(
        "is pinned (audit-log {VERSION}) but not there: put it back, or, if it is meant to be gone, run {}",
        command(&stage)
    );
    let done = stage.run();
    assert_eq!(done.code, Some(3), "{done:?}");
    assert_eq!(
        done.line("OPL0102"),
        format!("{:?}: {why}", stage.file("audit"))
    );
    let listed = stage.listed();
    assert_eq!(listed["file"], "libaudit.so");
    assert_eq!(listed["reason"], why);
    assert_eq!(listed["size"], serde_json::Value::Null);
}

#[test]
fn a_lock_file_that_others_could_have_written_is_not_relied_on() {
    let stage = pinned();
    let lock = stage.path("plugins.lock");
    let refused = |why: &str| {
        for done in [
            stage.run(),
            stage.call(&["list", "--config", "op-listener.toml"]),
            stage.call(&["pin", "--config", "op-listener.toml", "--yes"]),
        ] {
            assert_eq!(done.code, Some(2), "{done:?}");
            assert_eq!(
                done.stderr.lines().last().unwrap(),
                format!(
                    "op-listener: the lock file {lock:?} cannot be relied on: {why} can be written by everybody: `chmod o-w`"
                )
            );
        }
    };
    set_mode(&lock, 0o666);
    refused("it");
    set_mode(&lock, 0o644);
    set_mode(lock.parent().unwrap(), 0o777);
    refused("its directory");
    set_mode(lock.parent().unwrap(), 0o755);
    stage.loads("pinned");
}

#[test]
fn a_lock_file_that_cannot_be_understood_is_an_error_with_its_line() {
    let stage = pinned();
    let lock = stage.path("plugins.lock");
    let good = fs::read_to_string(&lock).unwrap();
    let refused = |text: &str, said: &str| {
        fs::write(&lock, text).unwrap();
        let done = stage.run();
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(done.stderr.contains(said), "{}", done.stderr);
        assert!(!done.stderr.contains("[OP0211]"), "{}", done.stderr);
    };
    refused(
        &good.replace("format = 1", "format = 7"),
        "is wrong in line 3: it has format 7, and this host knows format 1",
    );
    refused(
        &good.replace("sha256 = \"", "sha256 = \"x"),
        "is wrong in line 7: `sha256` is not of 64 hexadecimal digits",
    );
    refused(&good.replace("[[file]]", "[[fiel]]"), "is wrong in line ");
    refused("", "is wrong in line 1: missing field `format`");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let done = stage.run();
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(
        done.stderr.contains("is no regular file"),
        "{}",
        done.stderr
    );
}

#[test]
fn who_could_write_a_pinned_file_does_not_matter() {
    let stage = pinned();
    set_mode(&stage.file("audit"), 0o666);
    set_mode(&stage.plugins(), 0o777);
    stage.loads("pinned");
}

#[test]
fn a_link_to_other_bytes_is_refused_and_one_to_the_pinned_bytes_is_not() {
    let stage = pinned();
    fs::rename(stage.file("audit"), stage.path("real")).unwrap();
    symlink("../real", stage.file("audit")).unwrap();
    stage.loads("pinned");
    fs::write(stage.path("real"), rebuilt()).unwrap();
    let done = stage.run();
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.line("OPL0102").contains("… is pinned (audit-log "));
}

#[test]
fn the_lock_file_may_lie_elsewhere() {
    let stage = Stage::trusting("trust = \"pinned\"\npins = \"locks.toml\"");
    let done = stage.call(&["pin", "--config", "op-listener.toml", "--yes"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(stage.path("locks.toml").exists() && !stage.path("plugins.lock").exists());
    stage.loads("pinned");
}

#[test]
fn what_a_file_says_of_itself_does_no_harm() {
    let stage = Stage::trusting("trust = \"pinned\"");
    let pin = ["pin", "--config", "op-listener.toml", "--yes"];
    let version = format!("\\n{}", &VERSION[2..]);
    stage.put("audit", &plugin_of_version(&version));
    let done = stage.call(&pin);
    assert_eq!(done.code, Some(0), "{done:?}");
    let start = format!("added   \"libaudit.so\": audit-log {version}, sha256 ");
    assert!(done.stdout.starts_with(&start), "{done:?}");
    stage.loads("pinned");
}

#[test]
fn an_untrusted_file_does_not_take_a_plugins_place() {
    let stage = pinned();
    stage.configure("trust = \"pinned\"\non_failure = \"skip\"");
    // Before the pinned one in the order of names.
    stage.put("aaa", &rebuilt());
    let done = stage.run();
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.line("OPL0102").contains("libaaa.so\": is not trusted"));
    assert!(done.line("OPL0101").contains("libaudit.so\": sha256 "));
    let loads: Vec<_> = stage
        .all_listed()
        .iter()
        .map(|listed| listed["loads"] == true)
        .collect();
    assert_eq!(loads, [false, true]);
}

#[test]
fn the_check_of_a_configuration_looks_at_the_lock_file() {
    let stage = pinned();
    let check = ["config", "check", "--config", "op-listener.toml"];
    assert_eq!(stage.call(&check).code, Some(0));
    fs::write(stage.path("plugins.lock"), "format = 2").unwrap();
    let done = stage.call(&check);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("it has format 2"), "{done:?}");
    fs::remove_file(stage.path("plugins.lock")).unwrap();
    let done = stage.call(&check);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("there is no lock file"), "{done:?}");
}
