//! The verification event.

use op_listener_api::testing::{Host, read_jwt};
use op_listener_set_push::SetPush;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::{NAME, deliver, enabled, listener, to};

fn settings(receiver: &Receiver, state: &str) -> Value {
    let mut settings = to(receiver);
    settings["audience"] = "https://receiver.example.com".into();
    settings["verify"] = json!({
        "state": state,
        "issuer": "https://op.example.com",
        "stream_id": "stream-1",
    });
    settings
}

#[test]
fn one_is_pushed_for_each_new_state() {
    let (host, receiver) = (Host::new(), Receiver::new());
    let queue = host.queue(NAME);
    let push = listener(&host, &settings(&receiver, "first"));
    let queued = queue.waiting().remove(0);
    let set = read_jwt(&String::from_utf8(queued.payload).unwrap()).unwrap();
    assert_eq!(set.header["typ"], "secevent+jwt");
    let claims = Value::Object(set.claims);
    assert!(claims["iat"].is_u64());
    assert_eq!(claims["jti"].as_str(), queued.id.as_deref());
    assert_eq!(
        claims,
        json!({
            "iss": "https://op.example.com",
            "iat": claims["iat"],
            "jti": claims["jti"],
            "aud": "https://receiver.example.com",
            "sub_id": { "format": "opaque", "id": "stream-1" },
            "events": {
                "https://schemas.openid.net/secevent/ssf/event-type/verification": { "state": "first" },
            },
        })
    );
    assert!(deliver(&queue).is_delivered());
    push.shutdown().unwrap();

    // The same again, as after a restart, and for another SPI of the entry.
    let _again = listener(&host, &settings(&receiver, "first"));
    let same = enabled(&settings(&receiver, "first"));
    let _other = host.access_token_issue::<SetPush>(NAME, &same).unwrap();
    assert!(queue.waiting().is_empty());

    let _second = listener(&host, &settings(&receiver, "second"));
    assert_eq!(queue.waiting().len(), 1);
    let mut other_stream = settings(&receiver, "second");
    other_stream["verify"]["stream_id"] = "stream-2".into();
    let _third = listener(&host, &other_stream);
    assert_eq!(queue.waiting().len(), 2);
}

#[test]
fn one_that_could_not_be_queued_is_pushed_at_the_next_start() {
    let (host, receiver) = (Host::new(), Receiver::new());
    host.refuse_pushes(Some("the queue is full"));
    let wanted = enabled(&settings(&receiver, "first"));
    let failure = host.id_token_issue::<SetPush>(NAME, &wanted).unwrap_err();
    assert!(
        failure
            .message()
            .contains("the verification event: the queue is full")
    );
    host.refuse_pushes(None);
    let _push = listener(&host, &settings(&receiver, "first"));
    assert_eq!(host.queue(NAME).waiting().len(), 1);
}
