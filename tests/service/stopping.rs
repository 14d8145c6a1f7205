//! Stopping under way, and the stream of events beside what is posted.

use op_listener_tests::{Client, Library, Setup, access_token, id_token, start};
use rustix::process::Signal;

use crate::stage::{RECORDING, Service, in_flight, until};

#[test]
fn a_request_that_has_begun_is_answered_before_the_host_stops() {
    let mut service = Service::start(
        "[intake]\nunix = \"s\"\n[[listener]]\nplugin = \"puppet\"\n\
         config = { record = \"record.ndjson\", gate = \"gate\" }\n",
    );
    let mut client = service.client();
    let mut idle = service.client();
    let event = id_token("e1");
    client.send_event(&event);
    until("the event", || {
        (in_flight(&mut idle, "id_token_issue") == 1).then_some(())
    });
    service.signal(Signal::TERM);
    service.running.wait_for("[OPL0003]");
    service.open_gate();
    assert_eq!(client.answer().status, 204);
    assert!(client.is_closed() && idle.is_closed());
    let finished = service.running.finish();
    let log = &finished.stderr;
    assert_eq!(finished.code(), Some(0), "{log}");
    assert!(
        log.contains("[OPL0502]") && log.contains("Stopped: 1 events dispatched"),
        "{log}"
    );
    assert!(!service.setup.path().join("s").exists());
    let ends = service.setup.record("record.ndjson").into_iter();
    assert_eq!(ends.filter(|line| line["call"] == "drop").count(), 3);
}

#[test]
fn a_second_signal_ends_a_host_that_waits_for_a_listener() {
    use std::os::unix::process::ExitStatusExt as _;

    let service = Service::start(
        "[intake]\nunix = \"s\"\n[[listener]]\nplugin = \"puppet\"\nconfig = { quiet = true, sleep_ms = 600000 }\n",
    );
    let mut stuck = service.client();
    let event = id_token("e1");
    stuck.send_event(&event);
    let mut client = service.client();
    until("the event", || {
        (in_flight(&mut client, "id_token_issue") == 1).then_some(())
    });
    service.signal(Signal::TERM);
    until("the end of the door", || {
        Client::try_connect(&service.door()).is_err().then_some(())
    });
    service.signal(Signal::INT);
    let finished = service.running.finish();
    assert!(finished.status.signal().is_some(), "{:?}", finished.status);
}

#[test]
fn a_stream_is_read_beside_what_is_posted_and_serving_goes_on_after_it() {
    let setup =
        Setup::with(&[Library::Puppet]).config(&format!("[intake]\nunix = \"s\"\n{RECORDING}"));
    setup.file(
        "events.ndjson",
        format!("{}\nnonsense\n", id_token("from-file")),
    );
    let arguments = [
        "run",
        "--config",
        "op-listener.toml",
        "--events",
        "events.ndjson",
    ];
    let mut running = start(&mut setup.command(&arguments));
    running.wait_for("[OPL0501]");
    running.wait_for("[OPL0301]");
    let service = Service { setup, running };
    assert_eq!(service.client().post(&access_token("posted")).status, 204);
    assert_eq!(service.seen(), ["from-file", "posted"]);
    let (_, finished) = service.stop();
    assert_eq!(finished.code(), Some(1), "a line was refused");
    assert!(
        finished.stderr.contains("Stopped: 2 events dispatched"),
        "{}",
        finished.stderr
    );
}

#[test]
fn standard_input_is_not_read_where_events_are_posted() {
    let mut service = Service::on_unix("");
    service
        .running
        .send(&format!("{}\n", id_token("nobody reads it")));
    assert_eq!(service.client().post(&id_token("e1")).status, 204);
    let (setup, finished) = service.stop();
    assert_eq!(finished.code(), Some(0));
    assert_eq!(
        setup
            .record("record.ndjson")
            .iter()
            .filter(|line| line["call"] == "event")
            .count(),
        1
    );
    assert!(finished.stderr.contains(
        "Stopped: 1 events dispatched, 0 facts held, 0 exchanges ignored, 0 lines refused"
    ));
}
