//! `op-listener queue` with more than is done in a moment: what it says meanwhile, and what is left when
//! it is interrupted.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use op_listener_host::Host;
use op_listener_host::delivery::admin::{Admin, QueueState};
use op_listener_tests::{Finished, Running, host_binary, start};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::yard::{DEADLINE, Yard, dispatch, eventually, queue};

const MANY: u64 = 50_000;
/// Of one event.
const AT_ONCE: u64 = 1000;

/// A courier that pushes as much, and delivers it in as large batches.
const SETTINGS: &str = "push = 1000\nbatch_messages = 1000";

fn begin(yard: &Yard, arguments: &[&str]) -> Running {
    let mut command = Command::new(host_binary());
    command.arg("queue").args(arguments);
    start(command.current_dir(yard.path()))
}

fn state(yard: &Yard) -> QueueState {
    let admin = Admin::open(&yard.store()).unwrap();
    admin.queue("courier").unwrap().unwrap()
}

/// Interrupts as soon as something is done, and more than a second after it has said how much.
fn interrupted(yard: &Yard, working: Running, done: impl Fn(&QueueState) -> u64) -> Finished {
    let admin = Admin::open(&yard.store()).unwrap();
    let deadline = Instant::now() + DEADLINE;
    while done(&admin.queue("courier").unwrap().unwrap()) == 0 {
        assert!(Instant::now() < deadline, "nothing is done");
        thread::sleep(Duration::from_millis(1));
    }
    let id = Pid::from_raw(working.id().cast_signed()).unwrap();
    kill_process(id, Signal::STOP).unwrap();
    thread::sleep(Duration::from_millis(1100));
    kill_process(id, Signal::INT).unwrap();
    kill_process(id, Signal::CONT).unwrap();
    working.finish()
}

/// How many of so many it says it has done; all else that it says is as it has to be.
fn told(finished: &Finished, verb: &str, of: u64) -> u64 {
    let said: Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}: {:?} {}", finished.stdout, finished.stderr));
    let done = said[verb].as_u64().unwrap();
    let log = &finished.stderr;
    // It may have been done just before.
    let interrupted = finished.status.signal() == Some(Signal::INT.as_raw());
    assert!(interrupted || finished.code() == Some(0), "{log}");
    assert_eq!(said["interrupted"], interrupted, "{said}");
    assert_eq!(log.contains("interrupted"), interrupted, "{log}");
    if done < of {
        assert!(interrupted, "{log}");
        assert!(log.contains(&format!("{done} so far")), "{log}");
    }
    done
}

/// What a command does to a queue with very much in it: interrupted while the host runs, interrupted when
/// it has stopped, and to the end.
fn works_off(yard: &Yard, host: &Host, command: &[&str], verb: &str, left: fn(&QueueState) -> u64) {
    let with_json = [command, &["--json"]].concat();
    let mut before = MANY;
    for running in [true, false] {
        if !running {
            host.shutdown();
        }
        if before == 0 {
            continue;
        }
        let working = begin(yard, &with_json);
        let finished = interrupted(yard, working, |state| before - left(state));
        let done = told(&finished, verb, before);
        before -= done;
        assert_eq!(left(&state(yard)), before, "running: {running}");
    }
    let finished = begin(yard, command).finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert!(
        finished.stdout.starts_with(&format!("{before} messages ")),
        "{before}: {}",
        finished.stdout
    );
    assert_eq!(left(&state(yard)), 0);
}

fn pushed(yard: &Yard, script: &str) -> Host {
    yard.script(script);
    let host = yard.host(SETTINGS);
    for event in 0..MANY / AT_ONCE {
        dispatch(&host, &event.to_string());
    }
    host
}

#[test]
fn dropping_that_is_interrupted_has_dropped_what_it_says() {
    let yard = Yard::new();
    let host = pushed(&yard, "busy 86400000");
    assert_eq!(state(&yard).waiting, MANY);
    let command = ["purge", "courier", "--waiting", "--yes"];
    works_off(&yard, &host, &command, "purged", |state| state.waiting);
    assert_eq!(state(&yard).waiting_bytes, 0);
}

#[test]
fn trying_again_that_is_interrupted_has_done_what_it_says() {
    let yard = Yard::new();
    let host = pushed(&yard, "gone");
    eventually(|| queue(&host, "courier").dead == MANY);
    yard.script("busy 86400000");
    works_off(&yard, &host, &["retry", "courier"], "retried", |state| {
        state.dead
    });
    // All of them are delivered.
    assert_eq!(state(&yard).waiting, MANY);
    yard.script("");
    let host = yard.host(SETTINGS);
    let done = begin(&yard, &["retry", "courier", "--waiting"]).finish();
    assert_eq!(done.code(), Some(0), "{}", done.stderr);
    eventually(|| queue(&host, "courier").waiting == 0);
    let mut payloads = yard.payloads();
    payloads.sort();
    payloads.dedup();
    assert_eq!(payloads.len() as u64, MANY);
    host.shutdown();
}
