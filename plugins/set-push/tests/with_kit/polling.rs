//! What a receiver fetches.

use op_listener_api::testing::{Failure, Host, IdTokenIssue};
use op_listener_set_push::SetPush;
use serde_json::json;

use crate::{NAME, enabled, listener};

#[test]
fn with_poll_the_sets_wait_to_be_fetched_and_nothing_is_sent() {
    let host = Host::new();
    let push = listener(&host, &json!({ "method": "poll", "jti": "instance" }));
    push.call(&IdTokenIssue::new().id("e-1")).unwrap();
    push.call(&IdTokenIssue::new().id("e-2")).unwrap();
    let queue = host.queue(NAME);
    assert!(!queue.acknowledge("e-1:push"), "nobody has it yet");
    let fetched = queue.fetch(1);
    assert_eq!(fetched[0].id.as_deref(), Some("e-1:push"));
    assert_eq!(
        fetched[0].content_type.as_deref(),
        Some("application/secevent+jwt")
    );
    assert_eq!(queue.fetch(1)[0].payload, fetched[0].payload);
    assert!(queue.acknowledge("e-1:push"));
    assert_eq!(queue.fetch(9)[0].id.as_deref(), Some("e-2:push"));
}

#[test]
fn in_order_the_next_is_fetched_when_the_one_before_it_is_acknowledged() {
    let host = Host::new();
    let push = listener(&host, &json!({ "method": "poll", "order": "client" }));
    for (id, client) in [("e-1", "a"), ("e-2", "a"), ("e-3", "b")] {
        let event = IdTokenIssue::new().id(id).client_id(client);
        push.call(&event).unwrap();
    }
    let queue = host.queue(NAME);
    let fetched = || -> Vec<_> { queue.fetch(9).into_iter().filter_map(|it| it.id).collect() };
    assert_eq!(fetched(), ["e-1", "e-3"]);
    assert!(queue.acknowledge("e-1"));
    assert_eq!(fetched(), ["e-2", "e-3"]);
}

#[test]
fn keys_about_pushing_and_hosts_of_before_are_told_of() {
    let host = Host::new();
    for (key, value) in [
        ("endpoint", json!("https://receiver.example.com")),
        ("authorization_file", json!("token")),
        ("ca_file", json!("ca.pem")),
        ("client_key", json!("key.pem")),
        ("timeout_ms", json!(5)),
        ("success", json!([200])),
        ("allow_hosts", json!("127.0.0.1")),
    ] {
        let settings = enabled(&json!({ "method": "poll", key: value }));
        let failure = host.id_token_issue::<SetPush>(NAME, &settings).unwrap_err();
        let Failure::Config(message) = &failure else {
            panic!("{failure:?}")
        };
        assert!(
            message.contains(&format!("`{key}` has no effect")),
            "{message}"
        );
    }
    let method = enabled(&json!({ "method": "pull" }));
    let failure = host.id_token_issue::<SetPush>(NAME, &method).unwrap_err();
    assert!(failure.message().contains("`push` or `poll`"), "{failure}");

    host.forget_polled_queues();
    let poll = enabled(&json!({ "method": "poll" }));
    let failure = host.id_token_issue::<SetPush>(NAME, &poll).unwrap_err();
    assert!(failure.message().contains("update it"), "{failure}");
    let left = host.id_token_issue::<SetPush>(NAME, &enabled(&json!({ "method": "poll" })));
    assert!(left.is_err() && host.queue(NAME).waiting().is_empty());
}
