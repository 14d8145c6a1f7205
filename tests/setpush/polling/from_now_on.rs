//! What outlives a process, a listener, and a change of mind.

use op_listener_tests::Door;
use rustix::process::Signal;
use serde_json::json;

use super::{Polled, TOKEN, config, fields, ids, pushing, setup};
use crate::receiver::eventually;

#[test]
fn a_killed_host_hands_out_again_what_was_not_acknowledged_and_nothing_else() {
    let settings = config("redeliver = 1", "");
    let host = Polled::start_in(setup(), &settings);
    host.events(&["e1", "e2", "e3"]);
    let mut receiver = host.client();
    assert_eq!(receiver.look(), ["e1", "e2", "e3"]);
    receiver.acknowledge(&["e1", "e3"]);
    host.signal(Signal::KILL);
    let host = host.again(&settings);
    let mut receiver = host.client();
    assert_eq!(receiver.get(&json!({})), ["e2"]);
    receiver.acknowledge(&["e2"]);
    host.signal(Signal::KILL);
    let host = host.again(&settings);
    assert!(host.client().look().is_empty());
    assert_eq!(host.queue()["delivered"], 3);
}

#[test]
fn a_listener_that_changes_its_method_takes_along_what_waits() {
    let mut host = Polled::start_in(setup(), &pushing());
    host.events(&["e1"]);
    // It has been tried, and is to wait for a while.
    eventually(
        || (host.queue()["retried"].as_u64() > Some(0)).then_some(()),
        || host.say(&["list"]),
    );
    assert_eq!(host.queue()["polled"], false);
    host.reload(&config("redeliver = 600", ""));
    let mut receiver = host.client();
    let first = eventually(
        || {
            let answer = receiver.ask(&json!({ "returnImmediately": true }));
            let sets = (answer.status == 200).then(|| ids(&answer));
            sets.filter(|sets| !sets.is_empty())
        },
        || host.say(&["list"]),
    );
    assert_eq!(first, ["e1"]);
    host.events(&["e2"]);

    host.reload(&pushing());
    let tried = |number: &str| {
        let shown = host.say(&["show", "push", "--json"]);
        shown.matches(number).count()
    };
    // Both are with the sink again.
    eventually(
        || (tried("nobody") == 0 && host.queue()["polled"] == false).then_some(()),
        || host.say(&["list"]),
    );
    assert_eq!(host.queue()["waiting"], 2);
    assert_eq!(receiver.ask(&json!({})).status, 401, "nobody may fetch now");
}

#[test]
fn a_listener_that_is_gone_leaves_what_waits_and_no_stream() {
    let mut host = Polled::start("wait = 600", "");
    host.events(&["e1"]);
    let mut receiver = host.client();
    assert_eq!(receiver.look(), ["e1"]);
    receiver.begin(&json!({}));
    host.wait_for_polls(2);
    host.reload(&config("wait = 600", "").replace("enable = true", "enable = false"));
    assert!(ids(&receiver.0.answer()).is_empty());
    let answer = eventually(
        || {
            let answer = receiver.ask(&json!({ "ack": ["e1"], "returnImmediately": true }));
            (answer.status == 404).then_some(answer)
        },
        || "the stream is served".to_owned(),
    );
    assert_eq!(answer.problem().0, "not-found");
    assert_eq!(host.queue()["waiting"], 1);
    host.reload(&config("wait = 600", ""));
    eventually(
        || {
            (receiver
                .ask(&json!({ "ack": ["e1"], "maxEvents": 0 }))
                .status
                == 200)
                .then_some(())
        },
        || "the stream is not served".to_owned(),
    );
    assert_eq!(host.queue()["waiting"], 0);
}

#[test]
fn over_the_unix_socket_the_token_is_needed_as_well() {
    let host = Polled::start("", "");
    host.events(&["e1"]);
    let door = Door::Unix(host.setup.path().join("s"));
    let mut client = op_listener_tests::Client::connect(&door);
    let media = "Content-Type: application/json\r\n";
    let answer = client.request("POST", "/set/push", media, "{}");
    assert_eq!(answer.status, 401);
    let answer = client.request("POST", "/set/push", &fields(TOKEN), "{}");
    assert_eq!(ids(&answer), ["e1"]);
}
