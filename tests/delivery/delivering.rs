//! Pushes, batches, failures, order and bounds.

use serde_json::json;

use crate::yard::{Yard, courier, dispatch, event_of, eventually, queue};

#[test]
fn what_listeners_push_during_an_event_is_stored_in_one_transaction_and_delivered() {
    let yard = Yard::new();
    yard.script("hang");
    let config = ["a", "b"]
        .map(|name| courier(name, "push = 3\nbatch_messages = 4"))
        .concat();
    let host = yard.try_host(&config).unwrap();
    let before = host.delivery().commits.messages;
    dispatch(&host, "e1");
    let after = host.delivery().commits;
    assert_eq!(after.messages - before, 6);
    assert_eq!(after.groups[3], 1, "one commit of six: {after:?}");
    assert_eq!(queue(&host, "a").waiting, 3);
    yard.script("");
    let delivered = yard.wait_for(6);
    assert_eq!(delivered.iter().filter(|it| *it == "e1/2").count(), 2);
    let first = &yard.delivered()[0];
    assert_eq!(first["id"], "e1");
    assert_eq!(first["key"], "000123");
    assert_eq!(first["type"], "text/plain");
    assert_eq!(first["headers"], json!({ "subject": "alice" }));
    eventually(|| queue(&host, "a").waiting == 0 && queue(&host, "b").waiting == 0);
    assert_eq!(queue(&host, "a").delivered, 3);
    host.shutdown();
}

#[test]
fn what_waits_is_delivered_after_a_restart() {
    let yard = Yard::new();
    yard.script("fail");
    let host = yard.host("");
    for id in ["e1", "e2", "e3"] {
        dispatch(&host, id);
    }
    host.shutdown();
    assert_eq!(host.dispatch(&event_of("late", "000123")).calls, 0);
    assert!(yard.delivered().is_empty());
    yard.script("");
    let host = yard.host("");
    let mut delivered = yard.wait_for(3);
    delivered.sort();
    assert_eq!(delivered, ["e1/0", "e2/0", "e3/0"]);
    eventually(|| queue(&host, "courier").waiting == 0);
}

#[test]
fn what_a_listener_pushed_before_it_failed_is_delivered_all_the_same() {
    let yard = Yard::new();
    let host = yard.host("then_fail = true");
    assert_eq!(host.dispatch(&event_of("e1", "c")).failures, 1);
    assert_eq!(yard.wait_for(1), ["e1/0"]);
}

#[test]
fn a_push_from_a_thread_of_the_listeners_own_is_delivered() {
    let yard = Yard::new();
    let host = yard.host("thread = true\npush = 2");
    dispatch(&host, "e1");
    assert_eq!(yard.wait_for(2).len(), 2);
}
