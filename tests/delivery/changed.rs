//! Queues across reloads of the program that runs: replaced, removed and added listeners, and other
//! settings.

use op_listener_tests::Client;
use op_listener_tests::senders::event;
use rustix::process::Signal;
use serde_json::Value;

use crate::served::{build_name, ids, send, stop};
use crate::yard::{Yard, courier, eventually};

const PATIENT: &str = "attempts = 1000000\nbackoff_ms = 1\nbackoff_max_ms = 20\npause_after_ms = 0";

fn post(yard: &Yard, name: &str, count: usize) -> Vec<String> {
    let mut client = Client::connect(&yard.door());
    let ids = (0..count).map(|number| format!("{name}-{number}"));
    let post = |id: String| {
        assert_eq!(client.post(&event(&id, 0)).status, 204);
        id
    };
    ids.map(post).collect()
}

/// By which build a message was pushed, and by which it was delivered.
fn builds(line: &Value) -> (&str, &str) {
    let pushed_by = line["headers"]["pushed_by"].as_str().unwrap();
    (pushed_by, line["build"].as_str().unwrap())
}

#[test]
fn a_new_build_delivers_what_the_one_before_has_pushed_and_nothing_comes_twice() {
    for order in ["key", ""] {
        let yard = Yard::new();
        yard.script("fail");
        yard.configure(&courier(
            "courier",
            &format!("order = \"{order}\"\nbatch_messages = 4\n{PATIENT}"),
        ));
        let mut running = yard.serve("1");
        let mut all = post(&yard, "old", 50);
        // One batch is in the old one's hands when the new one comes.
        yard.script("hold");
        eventually(|| yard.path().join("script.hanging").exists());
        yard.put_build(7);
        running.wait_for("[OPL0609]");
        all.extend(post(&yard, "meanwhile", 20));
        // The new one has opened the queue, and the old one begins nothing any more.
        running.wait_for("[OP0211]");
        yard.script("");
        running.wait_for("[OPL0601] Reloaded: 0 added, 1 replaced, 0 kept, 0 removed, 0 refused");
        all.extend(post(&yard, "new", 20));
        eventually(|| yard.waiting(&["courier"]) == 0);
        stop(running);

        let delivered = yard.delivered();
        assert_eq!(delivered.len(), all.len(), "each once");
        if order == "key" {
            let in_order: Vec<_> = delivered
                .iter()
                .map(|line| line["id"].as_str().unwrap())
                .collect();
            assert_eq!(in_order, all);
        }
        let (old, new) = (build_name(0), build_name(7));
        let taken_over = delivered.iter().filter(|line| builds(line) == (&old, &new));
        let in_hand = delivered.iter().filter(|line| builds(line) == (&old, &old));
        assert!(
            in_hand.count() >= 1 && taken_over.count() >= 1,
            "{delivered:#?}"
        );
        // Nothing that the new one has pushed went to the old one.
        assert!(!delivered.iter().any(|line| builds(line) == (&new, &old)));
    }
}

#[test]
fn what_a_removed_listener_leaves_stays_until_one_of_its_name_comes() {
    let yard = Yard::new();
    yard.script("fail");
    let steady = courier(
        "steady",
        &format!("out = \"steady.ndjson\"\nscript = \"none\"\n{PATIENT}"),
    );
    let orders = courier("orders", &format!("out = \"orders.ndjson\"\n{PATIENT}"));
    yard.configure(&[&*steady, &orders].concat());
    let mut running = yard.serve("1");
    let left = post(&yard, "left", 10);
    yard.configure(&steady);
    running.wait_for("[OPL0601] Reloaded: 0 added, 0 replaced, 1 kept, 1 removed, 0 refused");
    yard.script("");
    let not_for_it = post(&yard, "gone", 5);
    // It is there and nobody has it open, while the host runs and the other one delivers.
    eventually(|| yard.waiting(&["steady"]) == 0);
    let queue = yard.listed("orders");
    assert_eq!(queue["waiting"], 10, "{queue}");
    assert_eq!(queue["open"], false, "{queue}");
    assert_eq!(yard.listed("steady")["open"], true);
    assert!(yard.delivered_to("orders.ndjson").is_empty());

    yard.configure(&[&*steady, &orders].concat());
    running.wait_for("[OPL0601] Reloaded: 1 added, 0 replaced, 1 kept, 0 removed, 0 refused");
    eventually(|| yard.waiting(&["orders"]) == 0);
    assert_eq!(yard.listed("orders")["open"], true);
    stop(running);
    assert_eq!(yard.listed("orders")["open"], false);
    let delivered = yard.delivered_to("orders.ndjson");
    assert_eq!(
        (delivered.len(), ids(&delivered)),
        (10, left.into_iter().collect())
    );
    let steady = ids(&yard.delivered_to("steady.ndjson"));
    assert!(not_for_it.iter().all(|id| steady.contains(id)));
}

#[test]
fn other_settings_of_a_queue_take_effect_at_a_reload() {
    let yard = Yard::new();
    yard.script("fail");
    let with = |queue: &str| {
        let listener = courier("courier", "backoff_ms = 3600000\nbackoff_max_ms = 3600000");
        format!("{listener}[listener.queue]\npause_after_ms = 0\n{queue}\n")
    };
    yard.configure(&with("max_messages = 3"));
    let mut running = yard.serve("1");
    post(&yard, "e", 3);
    eventually(|| yard.listed("courier")["retried"] == 3);
    // Full: the listener's call fails.
    post(&yard, "full", 1);
    running.wait_for("the queue 'courier' is full");
    assert_eq!(yard.waiting(&["courier"]), 3);

    yard.configure(&with(
        "max_messages = 100\nattempts = 1\nbatch_messages = 2",
    ));
    send(Signal::HUP, &running);
    running.wait_for("[OPL0601] Reloaded: 0 added, 1 replaced");
    post(&yard, "more", 1);
    // One attempt is all that there is now: what is tried is a dead letter.
    eventually(|| yard.listed("courier")["dead"] == 1);
    assert_eq!(yard.waiting(&["courier"]), 3);
    yard.ask(&["retry", "courier", "--waiting"]);
    eventually(|| yard.listed("courier")["dead"] == 4);

    yard.script("");
    yard.ask(&["retry", "courier"]);
    eventually(|| yard.waiting(&["courier"]) == 0);
    stop(running);
    let delivered = yard.delivered();
    assert_eq!(delivered.len(), 4);
    let largest = delivered
        .iter()
        .map(|line| line["batch"].as_u64().unwrap())
        .max();
    assert_eq!(largest, Some(2));
}
