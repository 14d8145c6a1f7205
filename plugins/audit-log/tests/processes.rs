//! Processes that are killed, that run out of space, or that write the same log: this test runs
//! itself as the writer.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "test code outside of test functions, too"
)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use op_listener_audit_log::config::{FileSettings, Fsync};
use support::{append, assert_intact, files_in, ids, open, report, settings};

const PATH: &str = "AUDIT_LOG_TEST_PATH";

fn bounded() -> FileSettings {
    FileSettings {
        max_size: Some(50_000),
        fsync: Fsync::Interval(Duration::from_millis(3)),
        ..settings()
    }
}

/// The writer: appends a record for each line that it gets, and answers with a line.
#[test]
#[ignore = "run by the others as a process of its own"]
fn writer() {
    let path = std::env::var_os(PATH).unwrap();
    let log = match open(Path::new(&path), &bounded()) {
        Ok(log) => log,
        Err(error) => {
            println!("refused {error}");
            return;
        }
    };
    println!("ready");
    for line in std::io::stdin().lines() {
        match append(&log, &line.unwrap()) {
            Ok(()) => println!("ok"),
            Err(error) => println!("error {error}"),
        }
    }
}

/// What runs this test program as the writer, from a shell so that limits can be set first.
fn writer_after(setup: &str, path: &Path) -> Child {
    let program = std::env::current_exe().unwrap();
    let script = format!("{setup} exec \"$0\" --exact writer --ignored --nocapture -q");
    Command::new("sh")
        .args(["-c", &script])
        .arg(program)
        .env(PATH, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The writer's next answer; what the test harness prints is passed over. Only how a line begins
/// tells: an error names a path, and by chance that has any word in it.
fn answer(out: &mut impl BufRead) -> Option<String> {
    out.lines().map(Result::unwrap).find(|line| {
        ["ready", "refused ", "ok", "error "]
            .iter()
            .any(|word| line.starts_with(word))
    })
}

#[test]
fn a_killed_writer_loses_no_record_that_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let mut acknowledged = Vec::new();
    for round in 0..6_u32 {
        let mut child = writer_after("", &path);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut stdin = child.stdin.take().unwrap();
        assert_eq!(answer(&mut out).as_deref(), Some("ready"));
        let feeder = std::thread::spawn(move || {
            // Until the writer is gone.
            for number in 0.. {
                if writeln!(stdin, "{round}-{number}").is_err() {
                    return;
                }
            }
        });
        for number in 0..200 * (round + 1) {
            assert_eq!(answer(&mut out).as_deref(), Some("ok"));
            acknowledged.push(format!("{round}-{number}"));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        drop(out);
        feeder.join().unwrap();
    }
    drop(open(&path, &bounded()).unwrap());
    let ids = ids(&path);
    let mut found = ids.iter();
    for id in &acknowledged {
        assert!(found.any(|found| found == id), "{id} is there, in order");
    }
    assert_intact(&path, ids.len() as u64);
    assert!(files_in(dir.path()).len() > 3, "it was rotated in between");
}

#[test]
fn two_processes_do_not_write_one_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    let log = open(&path, &settings()).unwrap();
    let mut child = writer_after("", &path);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let answer = answer(&mut out).unwrap();
    let expected = format!(
        "refused process {} writes this audit log",
        std::process::id()
    );
    assert!(answer.starts_with(&expected), "{answer}");
    child.wait().unwrap();
    append(&log, "1").unwrap();
    drop(log);
    assert_intact(&path, 1);
}

/// Feeds lines until the first error; how many were acknowledged, and the error.
fn feed_until_error(child: &mut Child, out: &mut impl BufRead) -> (usize, String) {
    let stdin = child.stdin.as_mut().unwrap();
    for number in 0..10_000 {
        writeln!(stdin, "{number}").unwrap();
        let answer = answer(out).unwrap();
        if answer != "ok" {
            return (number, answer);
        }
    }
    panic!("no error came");
}

#[test]
fn a_file_size_limit_is_an_error_per_event() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.ndjson");
    // In blocks of 512 bytes; the signal is ignored, so that the write fails instead.
    let mut child = writer_after("trap '' XFSZ; ulimit -f 16;", &path);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(answer(&mut out).as_deref(), Some("ready"));
    let (written, error) = feed_until_error(&mut child, &mut out);
    assert!(written > 5, "{written}");
    assert!(error.contains("audit.ndjson"), "{error}");
    for _ in 0..3 {
        writeln!(child.stdin.as_mut().unwrap(), "lost").unwrap();
        let answer = answer(&mut out).unwrap();
        assert!(answer.starts_with("error "), "{answer}");
    }
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_intact(&path, written as u64);
    // Without the limit it goes on.
    append(&open(&path, &bounded()).unwrap(), "after").unwrap();
    assert_intact(&path, written as u64 + 1);
}

/// Runs a shell script on a file system of 64 KiB, in a mount namespace of its own: `$1` is its
/// directory, `$2` this program, `$3` a directory with space. Where the machine allows no such
/// thing, `None`.
fn on_a_small_disk(script: &str) -> Option<std::process::Output> {
    let small = tempfile::tempdir().unwrap();
    let large = tempfile::tempdir().unwrap();
    let unshare = |script: &str| {
        let mount = "mount -t tmpfs -o size=64k audit-log-test \"$1\"";
        Command::new("unshare")
            .args([
                "-rm",
                "sh",
                "-ec",
                &format!("{mount}; cd \"$1\"; {script}"),
                "sh",
            ])
            .args([
                small.path(),
                &std::env::current_exe().unwrap(),
                large.path(),
            ])
            .env(PATH, small.path().join("audit.ndjson"))
            .output()
    };
    if !unshare("").is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no file system can be mounted here");
        return None;
    }
    Some(unshare(script).unwrap())
}

#[test]
fn a_full_disk_is_an_error_per_event_until_there_is_space() {
    // The filler goes when the writer has met the end, which its 100th answer tells.
    let script = r#"
        head -c 40960 /dev/zero >filler
        mkfifo "$3/lines"
        "$2" --exact writer --ignored --nocapture -q <"$3/lines" >"$3/answers" &
        exec 3>"$3/lines"
        for i in $(seq 100); do echo before-$i >&3; done
        for i in $(seq 600); do
            if [ $(grep -cE '^(ok|error)' "$3/answers") -ge 100 ]; then break; fi
            sleep 0.1
        done
        rm filler
        for i in $(seq 20); do echo after-$i >&3; done
        exec 3>&-
        wait
        cat audit.ndjson
        cat "$3/answers" >&2"#;
    let Some(output) = on_a_small_disk(script) else {
        return;
    };
    let answers = String::from_utf8_lossy(&output.stderr).into_owned();
    // The rest of the last page takes a part of a record.
    let errors = answers.lines().filter(|line| line.starts_with("error "));
    assert!(errors.clone().count() > 1, "{answers}");
    for error in errors {
        assert!(
            error.contains("disk full") || error.contains("make space"),
            "{error}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.ndjson");
    fs::write(&copy, &output.stdout).unwrap();
    let report = report(&copy, &[]);
    assert!(report.intact, "{report:?}");
    let ids = ids(&copy);
    let count = |start| ids.iter().filter(|id| id.starts_with(start)).count();
    assert!((1..100).contains(&count("before")), "{ids:?}");
    assert_eq!(count("after"), 20, "{ids:?}");
}

#[test]
fn a_full_disk_is_an_error_at_the_start() {
    let script = r#"
        head -c 100000 /dev/zero >filler 2>/dev/null || true
        "$2" --exact writer --ignored --nocapture -q </dev/null"#;
    let Some(output) = on_a_small_disk(script) else {
        return;
    };
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(answer.contains("refused cannot"), "{answer}");
    assert!(answer.contains("No space left on device"), "{answer}");
}
