//! The unit for systemd: well formed, closed as far as can be, and not so far that the host, its
//! plugins or its probes could not do what they do.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use op_listener_tests::{
    Setup, audit_log, host_binary, id_token, on_this_machine, or_say, output_of,
};
use tempfile::TempDir;

use crate::{dist, read};

/// The unit, with the host where it was built, in a directory of its own.
fn unit() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("op-listener.service");
    let host = host_binary().to_str().unwrap();
    fs::write(
        &file,
        read("op-listener.service").replace("/usr/bin/op-listener", host),
    )
    .unwrap();
    (dir, file)
}

fn systemd(test: &str) -> bool {
    or_say(test, on_this_machine("systemd-analyze", "--version")).is_some()
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    if !systemd("systemd-analyze verify") {
        return;
    }
    let (_dir, file) = unit();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // What is wrong with units of the machine that this one stands beside is not its fault.
    let about_it = said.lines().filter(|line| line.contains("op-listener"));
    assert_eq!(about_it.collect::<Vec<_>>(), [""; 0], "{said}");
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_service_is_exposed_to_no_more_than_it_needs() {
    if !systemd("systemd-analyze security") {
        return;
    }
    let (_dir, file) = unit();
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=20"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "more than 2.0 of 10:\n{said}");
}

/// The system calls of a set, with those of the sets in it.
fn calls_of(set: &str, calls: &mut BTreeSet<String>) {
    let listed =
        output_of(Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", set]));
    for line in listed.unwrap().lines().skip(1) {
        let line = line.trim();
        if line.starts_with('@') {
            calls_of(line, calls);
        } else if !line.is_empty() && !line.starts_with('#') {
            calls.insert(line.to_owned());
        }
    }
}

/// What `SystemCallFilter=` allows: one list of what may be done, one of what may not.
fn allowed() -> BTreeSet<String> {
    let (mut may, mut may_not) = (BTreeSet::new(), BTreeSet::new());
    let unit = read("op-listener.service");
    let filters = unit
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="));
    for filter in filters {
        match filter.strip_prefix('~') {
            Some(set) => calls_of(set, &mut may_not),
            None => calls_of(filter, &mut may),
        }
    }
    assert!(may.len() > 100 && may_not.len() > 10);
    &may - &may_not
}

/// No filter is in force here, since only systemd makes it. So every system call of a whole run, with
/// the processes of its probe, is held against what the filter allows.
#[test]
fn a_run_with_a_probe_makes_no_system_call_that_the_unit_forbids() {
    const TEST: &str = "system calls of a run";
    if !systemd(TEST) || or_say(TEST, on_this_machine("strace", "--version")).is_none() {
        return;
    }
    let (library, _) = audit_log();
    let mut setup = Setup::new();
    setup.add("audit_log", &library);
    let events = setup.file("events.ndjson", id_token("e1"));
    let trace = setup.path().join("trace");
    let mut command = Command::new("strace");
    command.arg("-f").arg("-o").arg(&trace).arg(host_binary());
    command
        .args(["run", "--plugins", "plugins", "--events"])
        .arg(events);
    let ran = op_listener_tests::start(command.current_dir(setup.path())).finish();
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    let trace = fs::read_to_string(trace).unwrap();

    let allowed = allowed();
    let mut made = BTreeSet::new();
    for line in trace.lines() {
        let call = line
            .split_once(' ')
            .map_or("", |(_, call)| call.trim_start());
        let Some((name, arguments)) = call.split_once('(') else {
            continue;
        };
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            continue;
        }
        assert!(allowed.contains(name), "{line}");
        // `MemoryDenyWriteExecute=`, as systemd.exec(5) has it.
        let denied = match name {
            "mmap" => arguments.contains("PROT_WRITE") && arguments.contains("PROT_EXEC"),
            "mprotect" | "pkey_mprotect" => arguments.contains("PROT_EXEC"),
            "shmat" => arguments.contains("SHM_EXEC"),
            _ => false,
        };
        assert!(!denied, "{line}");
        // `RestrictAddressFamilies=`.
        if name == "socket" || name == "socketpair" {
            let families = ["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"];
            assert!(
                families.iter().any(|family| arguments.starts_with(family)),
                "{line}"
            );
        }
        made.insert(name.to_owned());
    }
    // A probe took place, in a process of its own, with limits; and the library came from memory.
    for call in ["memfd_create", "clone3", "prlimit64", "prctl"] {
        assert!(made.contains(call), "no {call}: {made:?}");
    }
}

#[test]
fn the_user_of_the_service_can_be_made() {
    const TEST: &str = "systemd-sysusers";
    if or_say(TEST, on_this_machine("systemd-sysusers", "--version")).is_none() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    let output = Command::new("systemd-sysusers")
        .arg(format!("--root={}", root.path().display()))
        .arg(dist("op-listener.sysusers"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let users = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    assert!(
        users.contains("\nop-listener:") || users.starts_with("op-listener:"),
        "{users}"
    );
    assert!(
        users.contains(":/var/lib/op-listener:/usr/sbin/nologin"),
        "{users}"
    );
    let unit = read("op-listener.service");
    assert!(unit.contains("\nUser=op-listener\nGroup=op-listener\n"));
}
