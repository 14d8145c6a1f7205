//! Requests that wait for something to come.

use std::time::{Duration, Instant};

use op_listener_tests::tls::{authority, certificate, connect};
use rustix::process::Signal;
use serde_json::json;

use super::{Polled, Receiver, TOKEN, config, ids, setup};
use crate::receiver::eventually;

/// The most requests of one receiver that are under way at once.
const MOST: u64 = 16;

#[test]
fn a_request_waits_for_an_event_and_ends_with_nothing_when_none_comes() {
    let host = Polled::start("wait = 2\nredeliver = 600", "");
    let mut receiver = host.client();
    receiver.begin(&json!({}));
    host.wait_for_polls(1);
    host.events(&["e1"]);
    assert_eq!(ids(&receiver.0.answer()), ["e1"]);

    let begin = Instant::now();
    assert!(receiver.get(&json!({ "ack": ["e1"] })).is_empty());
    assert!(begin.elapsed() >= Duration::from_secs(2), "it has waited");
    assert_eq!(host.queue()["waiting"], 0);
}

#[test]
fn each_event_answers_one_of_those_who_wait() {
    let host = Polled::start("wait = 600", "");
    let mut receivers: Vec<_> = (0..4).map(|_| host.client()).collect();
    for (n, receiver) in receivers.iter_mut().enumerate() {
        receiver.begin(&json!({ "maxEvents": 1 }));
        host.wait_for_polls(n as u64 + 1);
    }
    host.events(&["e1"]);
    assert_eq!(ids(&receivers[0].0.answer()), ["e1"], "who waits longest");
    host.events(&["e2", "e3", "e4"]);
    let rest = receivers[1..].iter_mut();
    let mut got: Vec<_> = rest.flat_map(|it| ids(&it.0.answer())).collect();
    got.sort_unstable();
    assert_eq!(got, ["e2", "e3", "e4"]);
}

#[test]
fn what_another_has_not_acknowledged_in_time_answers_one_who_waits() {
    let host = Polled::start("wait = 600\nredeliver = 1", "");
    let mut waiting = host.client();
    waiting.begin(&json!({ "maxEvents": 1 }));
    host.wait_for_polls(1);
    let mut second = host.client();
    second.begin(&json!({}));
    host.wait_for_polls(2);
    host.events(&["e1"]);
    assert_eq!(ids(&waiting.0.answer()), ["e1"]);
    drop(waiting);
    assert_eq!(ids(&second.0.answer()), ["e1"]);
}

#[test]
fn whoever_goes_away_gets_nothing_and_leaves_its_place() {
    let host = Polled::start("wait = 600\nredeliver = 600", "");
    let mut gone: Vec<_> = (0..MOST).map(|_| host.client()).collect();
    for receiver in &mut gone {
        receiver.begin(&json!({}));
    }
    host.wait_for_polls(MOST);
    let mut receiver = host.client();
    let refused = receiver.ask(&json!({}));
    assert_eq!(
        (refused.status, &*refused.problem().0),
        (503, "too-many-polls")
    );
    assert_eq!(refused.field("retry-after"), Some("1"));
    // Events are taken all the same, and are those of the others.
    assert_eq!(host.inside().get("/readyz").status, 200);

    drop(gone);
    let answer = eventually(
        || {
            let answer = receiver.ask(&json!({ "returnImmediately": true }));
            (answer.status == 200).then_some(answer)
        },
        || "no place is left".to_owned(),
    );
    assert!(ids(&answer).is_empty());
    // All have noticed by then.
    wait_for_connections(&host, 1);
    host.events(&["e1"]);
    assert_eq!(receiver.get(&json!({})), ["e1"]);
}

/// Waits until so many connections are left beside that of the one who looks.
#[track_caller]
fn wait_for_connections(host: &Polled, count: u32) {
    let mut inside = host.inside();
    let mut connections = move || {
        let page = String::from_utf8(inside.get("/metrics").body).unwrap();
        let mut lines = page.lines();
        let line = lines.find_map(|line| line.strip_prefix("op_listener_http_connections "));
        line.unwrap().parse::<f64>().unwrap()
    };
    eventually(
        || (connections() < f64::from(count) + 1.5).then_some(()),
        || "connections stay".to_owned(),
    );
}

#[test]
fn over_tls_whoever_waits_is_answered_and_whoever_goes_away_gets_nothing() {
    let setup = setup();
    authority(setup.path(), "ca");
    certificate(setup.path(), "ca", "server");
    let tls = "[intake.tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n[[listener]]";
    let config = config("wait = 600\nredeliver = 600", "").replace("[[listener]]", tls);
    let host = Polled::start_in(setup, &config);
    let client = || Receiver(connect(host.setup.path(), host.address, None));
    let mut receiver = client();
    receiver.begin(&json!({}));
    host.wait_for_polls(1);
    host.events(&["e1"]);
    assert_eq!(ids(&receiver.0.answer()), ["e1"]);

    receiver.begin(&json!({ "ack": ["e1"] }));
    host.wait_for_polls(2);
    drop(receiver);
    wait_for_connections(&host, 0);
    host.events(&["e2"]);
    assert_eq!(client().get(&json!({})), ["e2"]);
}

#[test]
fn a_host_that_stops_answers_who_waits_at_once() {
    let host = Polled::start("wait = 600", "");
    let mut receiver = host.client();
    receiver.begin(&json!({}));
    host.wait_for_polls(1);
    host.signal(Signal::TERM);
    assert!(ids(&receiver.0.answer()).is_empty());
    let ended = host.running.finish();
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
}

#[test]
fn a_reload_ends_the_waiting_of_who_may_no_longer_fetch_and_of_nobody_else() {
    let mut host = Polled::start("wait = 600", "");
    let mut receiver = host.client();
    receiver.begin(&json!({}));
    host.wait_for_polls(1);
    // The listener is another one then, of the same queue.
    host.reload(&config("wait = 599", "claims = \"sub\""));
    host.events(&["e1"]);
    assert_eq!(ids(&receiver.0.answer()), ["e1"]);

    receiver.begin(&json!({}));
    host.wait_for_polls(2);
    host.setup.secret("token", "bmV3");
    host.reload(&config("wait = 599", "claims = \"sub\""));
    assert!(ids(&receiver.0.answer()).is_empty());
    let mut client = host.client().0;
    let mut status = |token: &str| {
        let body = "{\"returnImmediately\":true}";
        let fields = super::fields(token);
        client.request("POST", "/set/push", &fields, body).status
    };
    assert_eq!((status(TOKEN), status("bmV3")), (401, 200));
}
