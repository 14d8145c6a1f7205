//! What is named like a library and is no sound regular file, and files that are changed under a
//! host that has loaded them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use op_listener_tests::{Finish as _, Library, id_token};
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::stage::{listed, shipped, survived, with_good_listener};

const SOON: Duration = Duration::from_mins(2);
/// The most memory that the host may take, in KiB.
const MOST_MEMORY: u64 = 64 << 10;

#[test]
fn whatever_is_no_regular_file_is_passed_over_without_waiting_and_lost_links_are_told_of() {
    let setup = with_good_listener("");
    let named = |name: &str| setup.plugins().join(name);
    fs::create_dir(named("dir.so")).unwrap();
    mkfifoat(CWD, named("fifo.so"), Mode::RUSR | Mode::WUSR).unwrap();
    let _socket = UnixListener::bind(named("socket.so")).unwrap();
    for (target, name) in [
        ("/dev/zero", "endless.so"),
        ("/dev/tty", "terminal.so"),
        ("nowhere", "dangling.so"),
        ("cycle.so", "cycle.so"),
        ("fifo.so", "to-fifo.so"),
        ("/", "to-dir.so"),
    ] {
        symlink(target, named(name)).unwrap();
    }
    let all = listed(&setup, MOST_MEMORY);
    // A link that leads nowhere stands for a plugin that should be there.
    let found: Vec<_> = all.iter().map(|file| file["file"].as_str()).collect();
    assert_eq!(
        found,
        [Some("cycle.so"), Some("dangling.so"), Some("libpuppet.so")]
    );
    let run = survived(&setup, MOST_MEMORY, SOON);
    let refused = run.log.lines().filter(|line| line.contains("[OPL0102]"));
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len(), 2, "{}", run.log);
    assert!(refused[0].contains("cycle.so"), "{}", run.log);
    assert!(refused[1].contains("dangling.so"), "{}", run.log);
}

#[test]
fn files_that_are_too_large_or_not_what_they_seem_are_refused() {
    let setup = with_good_listener("");
    let sparse = File::create(setup.plugins().join("sparse.so")).unwrap();
    sparse.set_len(3 << 30).unwrap();
    // Regular files that say that they are empty, and are not.
    symlink("/proc/self/maps", setup.plugins().join("maps.so")).unwrap();
    symlink("/proc/self/mem", setup.plugins().join("mem.so")).unwrap();
    let all = listed(&setup, MOST_MEMORY);
    let reasons: Vec<_> = all.iter().map(|file| file["reason"].as_str()).collect();
    assert_eq!(reasons.len(), 4, "{all:?}");
    assert_eq!(reasons[0], None, "{all:?}");
    assert!(reasons[1].unwrap().starts_with("is no shared library"));
    assert!(reasons[2].unwrap().starts_with("cannot be read: "));
    assert_eq!(
        reasons[3],
        Some("is 3221225472 bytes long, more than any plugin should be: remove it")
    );
    let run = survived(&setup, MOST_MEMORY, SOON);
    assert_eq!(run.log.matches("[OPL0102]").count(), 3, "{}", run.log);
}

#[test]
fn names_cannot_forge_lines_of_the_log_or_of_the_list() {
    let setup = with_good_listener("");
    let names: [&[u8]; 6] = [
        b"a\n2026-11-21T19:00:00,123 ERROR main MAIN - [OPL0102] forged.so",
        b"b\r\x1b[2Jcleared.so",
        b"c\xff\xfe\x80.so",
        "d\u{202e}\u{2028}\u{85}turned.so".as_bytes(),
        b"e\x07\x08\x7f.so",
        b"f \"quoted\" \\ .so",
    ];
    for name in names {
        fs::write(setup.plugins().join(OsStr::from_bytes(name)), "no library").unwrap();
    }
    assert_eq!(listed(&setup, MOST_MEMORY).len(), names.len() + 1);
    let text = setup.call(&["list"]).stdout;
    let harmless = |text: &str| {
        let bad = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2028}\u{85}".contains(c);
        assert!(!text.contains(bad), "{text:?}");
    };
    harmless(&text);
    let files = text.lines().filter(|line| !line.starts_with("  ")).count();
    assert_eq!(files, names.len() + 1, "{text}");
    // The layout of each line is checked there.
    let run = survived(&setup, MOST_MEMORY, SOON);
    harmless(&run.log);
    let refused = run.log.lines().filter(|line| line.contains("[OPL0102] \""));
    assert_eq!(refused.count(), names.len(), "{}", run.log);
}

#[test]
fn a_thousand_files_are_no_burden() {
    let setup = with_good_listener("");
    let bytes = &shipped()[..16 << 10];
    for number in 0..1000 {
        let name = format!("plugin-{number:04}.so");
        fs::write(setup.plugins().join(name), bytes).unwrap();
    }
    assert_eq!(listed(&setup, MOST_MEMORY).len(), 1001);
    let run = survived(&setup, MOST_MEMORY, SOON);
    assert_eq!(run.log.matches("[OPL0102]").count(), 1000);
}

/// Delivers events while the library's file is changed, over and over, and checks that none is lost.
fn events_flow_while(change: impl Fn(&Path, usize)) {
    const ROUNDS: usize = 20;
    const EVENTS: usize = 25;

    let setup = with_good_listener("");
    let file = setup.plugins().join("libpuppet.so");
    let mut running = setup.start();
    running.wait_for("[OPL0001]");
    let event = |n: usize| id_token(&format!("e{n}")) + "\n";
    for round in 0..ROUNDS {
        // They are called on the host's threads while the file changes here.
        let events: String = (0..EVENTS).map(|n| event(round * EVENTS + n)).collect();
        running.send(&events);
        change(&file, round);
    }
    let run = running.finish().of(&setup).ended(0);
    let expected: Vec<_> = (0..ROUNDS * EVENTS).map(|n| format!("e{n}")).collect();
    assert_eq!(run.event_ids(), expected, "{}", run.log);
}

#[test]
fn no_event_is_lost_while_the_file_is_replaced() {
    events_flow_while(|file, round| {
        let new = file.with_extension("new");
        fs::write(&new, round.to_string()).unwrap();
        fs::rename(new, file).unwrap();
    });
}

#[test]
fn no_event_is_lost_while_the_file_is_truncated() {
    events_flow_while(|file, round| {
        let file = File::options().write(true).open(file).unwrap();
        file.set_len([0, 4096, 1 << 20][round % 3]).unwrap();
    });
}

#[test]
fn no_event_is_lost_while_the_file_is_overwritten_in_place() {
    let other = fs::read(Library::Chorus.file()).unwrap();
    events_flow_while(|file, round| {
        // As `cp` does: the same file, emptied and filled anew.
        if round % 2 == 0 {
            fs::write(file, &other).unwrap();
        } else {
            fs::write(file, vec![0xcc; 1 << 20]).unwrap();
        }
    });
}

#[test]
fn no_event_is_lost_once_the_file_is_deleted() {
    events_flow_while(|file, round| {
        if round == 0 {
            fs::remove_file(file).unwrap();
        }
    });
}
