//! What is handed out, again, and no more.

use std::collections::HashSet;
use std::thread;

use serde_json::json;

use super::{Polled, ids};
use crate::receiver::eventually;

#[test]
fn what_is_acknowledged_never_comes_again_and_what_is_not_does() {
    let host = Polled::start("redeliver = 1", "");
    host.events(&["e1", "e2"]);
    let mut receiver = host.client();
    let first = receiver.ask(&json!({}));
    assert_eq!(ids(&first), ["e1", "e2"]);
    assert_eq!(first.json()["moreAvailable"], false);
    // Whoever has it has time to say so.
    let got = receiver.get(&json!({ "ack": ["e1", "e1", "unknown"], "returnImmediately": true }));
    assert!(got.is_empty() || got == ["e2"], "{got:?}");
    let again = receiver.ask(&json!({}));
    if got.is_empty() {
        assert_eq!(ids(&again), ["e2"]);
        assert_eq!(again.json()["sets"]["e2"], first.json()["sets"]["e2"]);
    }
    receiver.acknowledge(&["e2"]);
    receiver.acknowledge(&["e1", "e2"]);
    assert!(receiver.look().is_empty());
    let queue = host.queue();
    assert_eq!(
        (&queue["waiting"], &queue["delivered"]),
        (&0.into(), &2.into())
    );
    assert!(queue["retried"].as_u64().unwrap() >= 1, "{queue}");
    assert_eq!(queue["polled"], true);
    assert!(queue["polled_ms"].as_i64().unwrap() > 1_000_000, "{queue}");
    let listed = host.say(&["list"]);
    assert!(listed.contains("by its receiver: last "), "{listed}");
    let ended = host.stop();
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains(super::TOKEN), "{}", ended.stderr);
}

#[test]
fn an_answer_has_no_more_than_wanted_and_says_that_there_are_others() {
    let host = Polled::start("max_events = 3", "");
    let all: Vec<_> = (0..8).map(|n| format!("e{n}")).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    host.events(&all);
    let mut receiver = host.client();
    let nothing = receiver.ask(&json!({ "maxEvents": 0 }));
    assert!(ids(&nothing).is_empty() && nothing.json()["moreAvailable"] == true);
    for (most, expected, more) in [
        (json!(2), &["e0", "e1"][..], true),
        (json!(1000), &["e2", "e3", "e4"], true),
        (json!(null), &["e5", "e6", "e7"], false),
    ] {
        let answer = receiver.ask(&json!({ "maxEvents": most }));
        assert_eq!(ids(&answer), expected);
        assert_eq!(answer.json()["moreAvailable"], more);
    }
    let nothing = receiver.ask(&json!({ "maxEvents": 0, "ack": all }));
    assert_eq!(
        nothing.json(),
        json!({ "sets": {}, "moreAvailable": false })
    );
}

#[test]
fn what_a_receiver_refuses_is_a_dead_letter_with_its_words() {
    let host = Polled::start("", "");
    host.events(&["e1", "e2", "e3"]);
    let mut receiver = host.client();
    let errors = json!({
        "e1": { "err": "invalid_audience", "description": "not\u{1b}mine" },
        "e2": { "err": "invalid_key" },
        "unknown": { "err": "invalid_key" },
    });
    receiver.acknowledge(&[]);
    let refused = json!({ "maxEvents": 0, "setErrs": errors });
    assert!(receiver.get(&refused).is_empty());
    assert_eq!(host.queue()["dead"], 0, "nothing of it was handed out yet");
    assert_eq!(receiver.look().len(), 3);
    // What is both acknowledged and refused has not been taken.
    let mut both = refused;
    both["ack"] = json!(["e2", "e3"]);
    assert!(receiver.get(&both).is_empty());
    let queue = host.queue();
    let counts = ["waiting", "dead", "died", "delivered"].map(|key| queue[key].as_u64().unwrap());
    assert_eq!(counts, [0, 2, 2, 1], "{queue}");
    let shown = host.say(&["show", "push", "--dead"]);
    for said in ["invalid_audience", "not mine", "invalid_key"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    // An operator can have it fetched once more.
    host.say(&["retry", "push"]);
    let mut again = HashSet::new();
    eventually(
        || {
            again.extend(receiver.look());
            (again.len() == 2).then_some(())
        },
        || host.say(&["list"]),
    );
    let ended = host.stop();
    assert_eq!(
        ended.stderr.matches("[OPL0803]").count(),
        1,
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("'push' has refused SETs"),
        "{}",
        ended.stderr
    );
}

#[test]
fn polls_that_come_together_share_what_there_is() {
    let host = Polled::start("", "");
    let all: Vec<_> = (0..200).map(|n| format!("e{n:03}")).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    host.events(&all);
    let mut got = Vec::new();
    thread::scope(|scope| {
        let receivers: Vec<_> = (0..8)
            .map(|_| {
                let mut receiver = host.client();
                scope.spawn(move || {
                    let mut got = Vec::new();
                    let asked = json!({ "maxEvents": 7, "returnImmediately": true });
                    loop {
                        let some = receiver.get(&asked);
                        if some.is_empty() {
                            return got;
                        }
                        got.extend(some);
                    }
                })
            })
            .collect();
        for receiver in receivers {
            got.extend(receiver.join().unwrap());
        }
    });
    got.sort_unstable();
    assert_eq!(got, all, "each once, and all of them");
    let page = String::from_utf8(host.inside().get("/metrics").body).unwrap();
    let handed_out = "op_listener_queue_handed_out_total{queue=\"push\"} 200\n";
    assert!(page.contains(handed_out), "{page}");
}

#[test]
fn a_paused_queue_hands_out_nothing_and_takes_acknowledgements() {
    let host = Polled::start("wait = 600", "");
    host.events(&["e1", "e2"]);
    let mut receiver = host.client();
    assert_eq!(receiver.get(&json!({ "maxEvents": 1 })), ["e1"]);
    host.say(&["pause", "push"]);
    // The running host notices within a fraction of a second.
    eventually(
        || {
            let page = String::from_utf8(host.inside().get("/metrics").body).unwrap();
            let paused = "op_listener_queue_paused{queue=\"push\"} 1";
            page.contains(paused).then_some(())
        },
        || host.say(&["list"]),
    );
    assert!(receiver.look().is_empty());
    receiver.acknowledge(&["e1"]);
    assert_eq!(host.queue()["waiting"], 1);
    host.events(&["e3"]);
    receiver.begin(&json!({}));
    host.wait_for_polls(4);
    host.say(&["resume", "push"]);
    assert_eq!(ids(&receiver.0.answer()), ["e2", "e3"]);
}
