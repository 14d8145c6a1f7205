//! Listeners that do not come back, and a host that ends all the same.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::thread;

use op_listener_tests::id_token;
use rustix::process::Signal;

use crate::stage::{Stage, assert_orderly, counts, event, of, send, version};

fn entry(stage: &Stage, name: &str, entry: &str, more: &str) -> String {
    let settings = stage.settings(more);
    format!("[[listener]]\nplugin = \"tally\"\nname = \"{name}\"\n{entry}\n{settings}")
}

const SHORT: &str = "[shutdown]\ndrain_ms = 200\n";

#[test]
fn a_call_that_never_ends_does_not_keep_the_others_from_being_shut_down() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let entries = ["a", "b", "c"].map(|name| entry(&stage, name, "", ""));
    let host = Arc::new(stage.host(&[SHORT.to_owned(), entries.concat()].concat()));
    let stuck = {
        let host = Arc::clone(&host);
        thread::spawn(move || host.dispatch(&event("hang")))
    };
    stage.wait_for("event", "hang");
    assert_eq!(host.shutdown(), 1);
    let record = stage.record();
    let objects: Vec<_> = of(&record, "init")
        .iter()
        .map(|l| l.object.clone())
        .collect();
    let ended: Vec<_> = of(&record, "shutdown")
        .iter()
        .map(|l| l.object.clone())
        .collect();
    assert_eq!(
        ended,
        [objects[2].clone(), objects[1].clone()],
        "the reverse order"
    );
    assert_eq!(
        of(&record, "release").len(),
        0,
        "the thread may look at them yet"
    );

    stage.open_gate();
    let dispatched = stuck.join().unwrap();
    assert_eq!(
        dispatched.calls, 1,
        "those that were shut down got no event"
    );
    drop(host);
    assert_eq!(
        assert_orderly(&stage.record()),
        0,
        "all ended, once the thread was back"
    );
}

#[test]
fn a_call_that_never_ends_does_not_keep_a_reload_from_its_end() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let config = |number: &str| {
        let entries = ["a", "b"].map(|name| entry(&stage, name, "", number));
        let steady = entry(&stage, "steady", "", "");
        stage.config(&[SHORT.to_owned(), entries.concat(), steady].concat())
    };
    let builder = op_listener_host::Host::builder().config(config(""));
    let host = Arc::new(builder.build().unwrap());
    let stuck = {
        let host = Arc::clone(&host);
        thread::spawn(move || host.dispatch(&event("hang")))
    };
    stage.wait_for("event", "hang");
    let reloaded = host.reload(config("number = 1")).unwrap();
    assert_eq!(counts(&reloaded), [0, 2, 1, 0, 0]);
    assert_eq!(reloaded.left_behind, 1);
    assert_eq!(host.dispatch(&event("e1")).calls, 3);
    stage.open_gate();
    let dispatched = stuck.join().unwrap();
    // The one that stuck, and the one that was not to go.
    assert_eq!(dispatched.calls, 2);
    // What came back is ended by the next reload.
    let reloaded = host.reload(config("number = 1")).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 3, 0, 0]);
    assert_eq!(of(&stage.record(), "release").len(), 2);
    assert_eq!(host.shutdown(), 0);
    assert_eq!(assert_orderly(&stage.record()), 0);
}

#[test]
fn a_shutdown_that_never_ends_is_left_behind() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let entries = [
        entry(&stage, "a", "", ""),
        entry(&stage, "b", "shutdown_ms = 100", "slow_end = true"),
        entry(&stage, "c", "", ""),
    ];
    let host = stage.host(&entries.concat());
    assert_eq!(host.shutdown(), 1);
    let record = stage.record();
    assert_eq!(of(&record, "release").len(), 2);
    stage.open_gate();
    stage.wait_for("shutdown", "");
    crate::stage::wait_until("it comes to its end on its own", || {
        assert_orderly(&stage.record()) == 0
    });
}

#[test]
fn the_command_ends_though_a_listener_does_not_come_back() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let entries = [entry(&stage, "a", "", ""), entry(&stage, "b", "", "")];
    stage.configure(&[SHORT.to_owned(), entries.concat()].concat());
    let mut running = stage.start();
    running.send(&format!("{}\n{}\n", id_token("e1"), id_token("hang")));
    stage.wait_for("event", "hang");
    send(Signal::TERM, &running);
    running.wait_for("[OPL0003]");
    running.wait_for("[OPL0611]");
    running.wait_for("[OPL0605] Listener 'a'");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(4), "{}", finished.stderr);
    let record = stage.record();
    assert_eq!(
        of(&record, "shutdown").len(),
        1,
        "the other one was shut down"
    );
    assert_eq!(of(&record, "event").len(), 3);
}

#[test]
fn the_command_ends_though_a_listener_does_not_shut_down() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let entries = [
        entry(&stage, "a", "", ""),
        entry(&stage, "b", "", "slow_end = true"),
        entry(&stage, "c", "", ""),
    ];
    // The others come to their end in that time on a busy machine too.
    stage.configure(
        &[
            "[shutdown]\nlistener_ms = 4000\n".to_owned(),
            entries.concat(),
        ]
        .concat(),
    );
    let mut running = stage.start();
    running.send(&format!("{}\n", id_token("e1")));
    stage.wait_for("event", "e1");
    send(Signal::TERM, &running);
    running.wait_for("[OPL0605] Listener 'b'");
    let finished = running.finish();
    // A failing listener does not change it.
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert!(
        finished
            .stderr
            .contains("[OPL0002] Stopped: 1 events dispatched")
    );
    assert_eq!(of(&stage.record(), "release").len(), 2);
}

#[test]
fn a_second_signal_ends_the_command_in_the_middle_of_a_shutdown() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    stage.configure(&entry(
        &stage,
        "a",
        "shutdown_ms = 3600000",
        "slow_end = true",
    ));
    let mut running = stage.start();
    send(Signal::TERM, &running);
    running.wait_for("[OPL0003]");
    send(Signal::INT, &running);
    let finished = running.finish();
    assert!(finished.status.signal().is_some(), "{:?}", finished.status);
}

#[test]
fn a_signal_under_load_dispatches_what_was_read_and_nothing_twice() {
    const EVENTS: usize = 20_000;

    let stage = Stage::new();
    stage.put("tally", &version(0));
    stage.configure(&entry(&stage, "a", "", ""));
    let mut running = stage.start();
    let mut sent = String::new();
    for number in 0..EVENTS {
        sent.push_str(&id_token(&number.to_string()));
        sent.push('\n');
    }
    let input = running.take_stdin();
    // Until the host reads no more.
    let feeder = thread::spawn(move || {
        use std::io::Write as _;
        let mut input = input;
        let _ = input.write_all(sent.as_bytes());
    });
    stage.wait_for("event", "100");
    send(Signal::TERM, &running);
    let stopped = running.wait_for("[OPL0002]");
    let finished = running.finish();
    feeder.join().unwrap();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let record = stage.record();
    let seen: Vec<_> = of(&record, "event")
        .iter()
        .map(|l| l.what.clone())
        .collect();
    let in_order: Vec<_> = (0..seen.len()).map(|n| n.to_string()).collect();
    assert_eq!(seen, in_order);
    assert!(
        stopped.contains(&format!("Stopped: {} events", seen.len())),
        "{stopped}"
    );
    assert_eq!(assert_orderly(&record), 0);
}
