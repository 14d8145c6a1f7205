//! What is sent, and what comes of it.

use std::fs;
use std::time::Duration;

use op_listener_api::testing::{Host, IdTokenIssue, Level};
use serde_json::json;

use crate::receiver::{Receiver, Reply, answer};
use crate::{NAME, deliver, listener, said, to};

#[test]
fn a_set_is_posted_as_rfc_8935_has_it() {
    let (host, receiver) = (Host::new(), Receiver::new());
    fs::write(host.base_dir().join("token"), "Bearer t0ken-of-mine\n").unwrap();
    let mut settings = to(&receiver);
    settings["authorization_file"] = "token".into();
    let push = listener(&host, &settings);
    push.call(&IdTokenIssue::new()).unwrap();
    let queue = host.queue(NAME);
    let queued = queue.waiting().remove(0);
    assert_eq!(
        queued.content_type.as_deref(),
        Some("application/secevent+jwt")
    );
    assert!(
        receiver.requests().is_empty(),
        "the event's call sends nothing"
    );
    assert!(deliver(&queue).is_delivered());
    let request = receiver.requests().remove(0);
    assert_eq!(request.line, "POST /set HTTP/1.1");
    assert_eq!(
        request.header("content-type"),
        Some("application/secevent+jwt")
    );
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(
        request.header("authorization"),
        Some("Bearer t0ken-of-mine")
    );
    assert_eq!(request.header("accept-encoding"), None);
    assert_eq!(request.body, queued.payload);
    assert!(queue.waiting().is_empty() && queue.dead().is_empty());
}

#[test]
fn the_same_bytes_are_sent_again_until_they_are_received() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let push = listener(&host, &to(&receiver));
    push.call(&IdTokenIssue::new()).unwrap();
    let queue = host.queue(NAME);
    for reply in [
        answer(500, "", "no"),
        Reply::Cut,
        answer(429, "retry-after: 7\r\n", ""),
        Reply::Last(b"HTTP/1.1 202".to_vec()),
        answer(503, "", ""),
        Reply::Last(b"garbage\r\n\r\n".to_vec()),
    ] {
        receiver.will(reply);
        let outcome = deliver(&queue);
        assert!(outcome.is_retry(), "{outcome:?}");
    }
    assert!(deliver(&queue).is_delivered());
    let requests = receiver.requests();
    assert_eq!(requests.len(), 7);
    assert!(
        requests
            .iter()
            .all(|request| request.body == requests[0].body)
    );
}

#[test]
fn connections_are_kept_open() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let push = listener(&host, &to(&receiver));
    let queue = host.queue(NAME);
    for number in 0..10 {
        push.call(&IdTokenIssue::new()).unwrap();
        match number {
            3 => receiver.will(answer(
                400,
                "",
                r#"{"err":"invalid_request","description":"x"}"#,
            )),
            5 => receiver.will(answer(500, "", &"x".repeat(1000))),
            _ => {}
        }
        deliver(&queue);
    }
    assert_eq!(receiver.connections(), 1);
}

#[test]
fn a_refusal_is_a_dead_letter_that_says_why() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let push = listener(&host, &to(&receiver));
    push.call(&IdTokenIssue::new()).unwrap();
    let body = r#"{"err":"invalid_audience","description":"Nicht für mich"}"#;
    receiver.will(answer(
        400,
        "content-type: application/json\r\ncontent-language: de\r\n",
        body,
    ));
    let queue = host.queue(NAME);
    let outcome = deliver(&queue);
    assert!(outcome.is_dead());
    assert_eq!(
        said(&outcome),
        json!({
            "reason": "refused as invalid_audience: Nicht für mich (in the language de)",
            "status": 400,
            "answer": body,
        })
    );
    assert_eq!(queue.dead().len(), 1);
}

#[test]
fn a_credential_that_was_renewed_meanwhile_is_used_at_once() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let file = host.base_dir().join("token");
    fs::write(&file, "Bearer of-yesterday").unwrap();
    let mut settings = to(&receiver);
    settings["authorization_file"] = "token".into();
    let push = listener(&host, &settings);
    let queue = host.queue(NAME);
    push.call(&IdTokenIssue::new()).unwrap();
    let renewed = file.clone();
    receiver.will_do(move || {
        fs::write(renewed, "Bearer of-today").unwrap();
        answer(401, "", "")
    });
    assert!(deliver(&queue).is_delivered());
    let seen = receiver.requests().into_iter();
    let seen: Vec<_> = seen
        .map(|it| it.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(seen, ["Bearer of-yesterday", "Bearer of-today"]);

    // The same one twice would come to the same.
    push.call(&IdTokenIssue::new()).unwrap();
    receiver.will(answer(401, "", "who is Bearer of-today?"));
    let outcome = deliver(&queue);
    assert!(outcome.is_retry());
    assert_eq!(said(&outcome)["answer"], "who is ***?");
    assert_eq!(receiver.requests().len(), 3);

    fs::remove_file(&file).unwrap();
    let outcome = deliver(&queue);
    assert!(
        outcome.reason().unwrap().contains("cannot read"),
        "{outcome:?}"
    );
    assert_eq!(receiver.requests().len(), 3, "nothing is sent without it");
    fs::write(&file, "Bearer of-today").unwrap();
    assert!(deliver(&queue).is_delivered());
}

#[test]
fn redirects_are_not_followed() {
    let (host, receiver, other) = (Host::new(), Receiver::new(), Receiver::new());
    let push = listener(&host, &to(&receiver));
    push.call(&IdTokenIssue::new()).unwrap();
    let queue = host.queue(NAME);
    for status in [301, 302, 303, 307, 308] {
        receiver.will(answer(
            status,
            &format!("location: {}\r\n", other.url("/")),
            "",
        ));
        let outcome = deliver(&queue);
        assert!(outcome.is_retry());
        assert!(
            outcome
                .reason()
                .unwrap()
                .contains("redirects are not followed")
        );
    }
    assert_eq!(other.connections(), 0);
    assert_eq!(receiver.requests().len(), 5);
}

#[test]
fn what_takes_too_long_is_given_up() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let mut settings = to(&receiver);
    settings["timeout_ms"] = 3000.into();
    let push = listener(&host, &settings);
    push.call(&IdTokenIssue::new()).unwrap();
    let queue = host.queue(NAME);
    receiver.will(Reply::Hang);
    let outcome = deliver(&queue);
    assert_eq!(outcome.reason(), Some("no answer within 3s"));
    assert!(outcome.is_retry());
    // A receipt is one, whatever follows.
    receiver.will(Reply::Endless(
        b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n",
    ));
    assert!(deliver(&queue).is_delivered());
}

#[test]
fn huge_answers_are_read_as_far_as_they_matter() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let push = listener(&host, &to(&receiver));
    push.call(&IdTokenIssue::new()).unwrap();
    let queue = host.queue(NAME);
    receiver.will(Reply::Endless(
        b"HTTP/1.1 500 X\r\ntransfer-encoding: chunked\r\n\r\n",
        b"10\r\n0123456789abcdef\r\n",
    ));
    let outcome = deliver(&queue);
    assert!(outcome.is_retry());
    assert!(said(&outcome)["answer"].as_str().unwrap().len() <= 4096);
    receiver.will(Reply::Endless(
        b"HTTP/1.1 500 X\r\n",
        b"x-more: and more\r\n",
    ));
    assert!(deliver(&queue).is_retry());
    let long = "x".repeat(100_000);
    let body = json!({ "err": "invalid_key", "description": long }).to_string();
    receiver.will(answer(400, "", &body));
    // Cut off, it is no JSON, and so no refusal.
    assert!(deliver(&queue).is_retry());
    let body = json!({ "err": "invalid_key", "description": &long[..50_000] }).to_string();
    receiver.will(answer(400, "", &body));
    let outcome = deliver(&queue);
    assert!(outcome.is_dead());
    assert!(said(&outcome).to_string().len() < 10_000);
}

#[test]
fn retry_after_is_kept() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let push = listener(&host, &to(&receiver));
    push.call(&IdTokenIssue::new()).unwrap();
    let queue = host.queue(NAME);
    receiver.will(answer(429, "retry-after: 120\r\n", ""));
    assert_eq!(deliver(&queue).retry_after(), Some(Duration::from_mins(2)));
    receiver.will(answer(503, "", ""));
    assert_eq!(deliver(&queue).retry_after(), None);
}

#[test]
fn nobody_there_is_tried_again() {
    let host = Host::new();
    // Nobody is at that port: it is no one's to choose.
    let settings = json!({ "endpoint": "http://127.0.0.1:1/set", "allow_hosts": ["127.0.0.1"] });
    let push = listener(&host, &settings);
    push.call(&IdTokenIssue::new()).unwrap();
    let outcome = deliver(&host.queue(NAME));
    assert!(outcome.is_retry(), "{outcome:?}");
    assert!(outcome.reason().unwrap().contains("the connection failed"));
}

/// The name is resolved by the system, to a loopback address.
#[test]
fn a_name_that_leads_inside_is_not_connected_to() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let endpoint = format!("https://localhost:{}/set", receiver.port());
    let push = listener(&host, &json!({ "endpoint": endpoint }));
    push.call(&IdTokenIssue::new()).unwrap();
    let outcome = deliver(&host.queue(NAME));
    assert!(outcome.is_retry());
    let reason = outcome.reason().unwrap();
    assert!(
        reason.contains("a loopback address: nothing was sent"),
        "{reason}"
    );
    assert!(
        reason.contains("\"localhost\" into `allow_hosts`"),
        "{reason}"
    );
    assert_eq!(receiver.connections(), 0);
    assert!(
        host.record("does not receive SETs: localhost resolves to")
            .is_some()
    );

    // Named, it is connected to: what fails then is the handshake.
    let named = json!({ "endpoint": endpoint, "allow_hosts": ["LOCALHOST."] });
    let _named = listener(&host, &named);
    receiver.will(Reply::Cut);
    let outcome = deliver(&host.queue(NAME));
    assert!(outcome.is_retry());
    assert_eq!(receiver.connections(), 1);
}

/// The forms that resolvers take for 127.0.0.1, and those that hide it in an IPv6 address.
#[test]
fn an_address_in_disguise_is_not_connected_to() {
    let receiver = Receiver::new();
    for disguise in ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost."] {
        let host = Host::new();
        let endpoint = format!("https://{disguise}:{}/", receiver.port());
        let push = listener(&host, &json!({ "endpoint": endpoint }));
        push.call(&IdTokenIssue::new()).unwrap();
        let outcome = deliver(&host.queue(NAME));
        let reason = outcome.reason().unwrap();
        // What a resolver does not know, it does not know.
        let expected = [
            "is a loopback address",
            "name is not known",
            "failed to lookup",
            "no connection within",
        ];
        let as_expected = expected.iter().any(|part| reason.contains(part));
        assert!(outcome.is_retry() && as_expected, "{disguise}: {reason}");
    }
    assert_eq!(receiver.connections(), 0);
}

#[test]
fn what_is_to_be_mended_is_said_once_and_so_is_its_end() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let push = listener(&host, &to(&receiver));
    push.call(&IdTokenIssue::new()).unwrap();
    let queue = host.queue(NAME);
    for status in [403, 403, 403, 404, 404, 500] {
        receiver.will(answer(status, "", ""));
        assert!(deliver(&queue).is_retry());
    }
    assert!(deliver(&queue).is_delivered());
    let records = host.take_records().into_iter();
    let said: Vec<_> = records
        .filter(|record| record.level <= Level::Info)
        .map(|record| (record.instance, record.message))
        .collect();
    let said: Vec<_> = said.iter().map(|(by, text)| (&**by, &**text)).collect();
    let url = receiver.url("/set");
    let lines = [
        format!(
            "{url} does not receive SETs: it answered 403, it knows this transmitter, and does not let it push there"
        ),
        format!("{url} does not receive SETs: it answered 404, there is no receiver at `endpoint`"),
        format!("{url} receives SETs again"),
    ];
    assert_eq!(said, lines.each_ref().map(|line| (NAME, &**line)));
}
