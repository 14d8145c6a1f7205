//! What becomes of sign-ins while listeners are slow, or fail.

use serde_json::{Value, json};

use crate::expected::{assert_seen, assert_seen_in_any_order, assert_well, count};
use crate::world::{RECORDING, World, stop};

fn sign_ins() -> Value {
    json!([
        { "user": "alice", "client": "web", "response_type": "code", "then": ["exchange", "refresh"] },
        { "user": "bob", "client": "pairwise", "response_type": "code id_token token", "then": ["exchange"] },
        { "user": "carol", "client": "every-flow", "response_type": "id_token" },
        { "client": "machine" },
    ])
}

#[test]
fn an_answer_is_late_by_as_long_as_a_listener_sleeps() {
    let config = format!("{RECORDING}\nsleep_ms = 300\n").replace(
        "plugin = \"puppet\"",
        "plugin = \"puppet\"\nspi = [\"access_token_issue\", \"id_token_issue\"]",
    );
    let Some(world) = World::new(&config) else {
        return;
    };
    let (host, _) = world.host();
    let provider = world.provider(json!({ "timeout": 30_000 }));
    let done = world.drive(&provider, &sign_ins());
    assert_well(&done);
    for response in done
        .iter()
        .flat_map(|flow| flow["responses"].as_array().unwrap())
    {
        let tokens = ["access_token", "id_token"];
        let tokens = tokens.iter().filter(|name| response.get(**name).is_some());
        // One after the other.
        let least = 300.0 * f64::from(u32::try_from(tokens.count()).unwrap());
        assert!(response["ms"].as_f64().unwrap() >= least, "{response}");
    }
    let (_, counts) = provider.end();
    assert_eq!((counts.late, counts.lost), (0, 0));
    stop(host);
}

#[test]
fn sign_ins_do_not_notice_a_listener_that_fails_or_panics() {
    for event in ["fail", "panic"] {
        let config = format!(
            r#"
            intake = {{ unix = "events.sock" }}
            [[listener]]
            plugin = "puppet"
            name = "bad"
            config = {{ event = "{event}" }}
            [[listener]]
            plugin = "puppet"
            name = "good"
            config = {{ record = "record.ndjson" }}
            "#
        );
        let Some(world) = World::new(&config) else {
            return;
        };
        let (host, _) = world.host();
        let provider = world.provider(json!({ "onFailure": "refuse" }));
        let done = world.drive(&provider, &sign_ins());
        assert_well(&done);
        assert_seen(&done, &world.events());
        let (said, counts) = provider.end();
        assert!(!said.contains("op-listener bridge"), "{said}");
        assert_eq!(counts.lost, 0);
        let log = stop(host);
        let code = if event == "fail" {
            "OPL0201"
        } else {
            "OPL0202"
        };
        assert_eq!(log.matches(code).count(), count(&done), "{log}");
    }
}

/// The bridge gives the host less time than the listener takes, so that it asks again while the
/// event is with the listener, and after.
#[test]
fn a_listener_that_outlasts_the_time_limit_delays_nothing_and_is_called_once() {
    let config = format!("{RECORDING}\nsleep_ms = 1500\n");
    let Some(world) = World::new(&config) else {
        return;
    };
    let (host, _) = world.host();
    let mut provider = world.provider(json!({ "timeout": 100 }));
    let flow = json!([
        { "user": "carol", "client": "every-flow", "response_type": "id_token token" },
    ]);
    let done = world.drive(&provider, &flow);
    assert_well(&done);
    let line = provider.wait_for("could not be told");
    assert!(line.contains("no answer in time"), "{line}");
    let line = provider.wait_for("the host is back");
    assert!(line.contains("3 events were told late"), "{line}");
    assert_seen(&done, &world.events());
    provider.end();
    stop(host);
}

#[test]
fn a_host_with_too_much_to_do_is_asked_again() {
    let config = format!("{RECORDING}\nsleep_ms = 300\n").replace(
        "unix = \"events.sock\"",
        "unix = \"events.sock\", concurrency = 1",
    );
    let Some(world) = World::new(&config) else {
        return;
    };
    let (host, _) = world.host();
    let provider =
        world.provider(json!({ "timeout": 30_000, "retries": 1000, "onFailure": "refuse" }));
    let users = (0..4).map(|user| {
        json!({ "user": format!("user {user}"), "client": "every-flow", "response_type": "id_token" })
    });
    let done = world.drive_together(&provider, &users.collect());
    assert_well(&done);
    assert_seen_in_any_order(&done, &world.events());
    let (_, counts) = provider.end();
    assert_eq!((counts.posted, counts.lost), (8, 0));
    let log = stop(host);
    assert!(log.contains("[OPL0511]"), "{log}");
}
