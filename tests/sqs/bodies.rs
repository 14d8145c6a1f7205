//! What arrives is what is to arrive, to the letter.

use std::fs;

use op_listener_tests::repository;
use serde_json::{Map, Value, json};

use crate::aws::{Aws, Received, Server};
use crate::stage::{Stage, publisher};

/// The events of a certified provider.
fn recording() -> Vec<String> {
    let file = repository().join("tests/recording/events.ndjson");
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn claims_of(event: &Value) -> &Value {
    match event.get("claims") {
        Some(claims) => claims,
        None => &event["id_token_claims"],
    }
}

fn attribute<'r>(received: &'r Received, name: &str) -> &'r str {
    received.attributes[name]["StringValue"]
        .as_str()
        .unwrap_or_default()
}

fn the_recording_arrives(server: Server) {
    let Some(aws) = Aws::start("the recording in SQS", server) else {
        return;
    };
    let (claims, whole, clouds, sets) = (
        aws.create("claims"),
        aws.create("whole"),
        aws.create("clouds"),
        aws.create("sets"),
    );
    let stage = Stage::new(&[
        publisher(&aws, "claims", &claims, "claims = [\"sub\", \"iat\"]"),
        publisher(
            &aws,
            "whole",
            &whole,
            "body = \"event\"\nconstants = { stage = \"test\" }",
        ),
        publisher(&aws, "clouds", &clouds, "body = \"cloudevents\""),
        publisher(
            &aws,
            "sets",
            &sets,
            "body = \"set\"\naudience = \"https://a.example.com\"",
        ),
    ]);
    let mut host = stage.start();
    let events = recording();
    host.send(&(events.join("\n") + "\n"));
    let events: Vec<Value> = events
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let event = |id: &str| events.iter().find(|event| event["id"] == id).unwrap();

    for received in aws.receive_all(&claims, events.len()) {
        let event = event(attribute(&received, "id"));
        assert_eq!(attribute(&received, "type"), event["type"]);
        let members = ["sub", "iat"].into_iter().filter_map(|name| {
            let value = claims_of(event).get(name)?;
            Some(format!("\"{name}\":{value}"))
        });
        let members: Vec<_> = members.collect();
        assert_eq!(received.body, format!("{{{}}}", members.join(",")));
    }
    for received in aws.receive_all(&whole, events.len()) {
        let mut body: Map<String, Value> = serde_json::from_str(&received.body).unwrap();
        assert_eq!(body.remove("stage"), Some("test".into()));
        let mut event = event(attribute(&received, "id"))
            .as_object()
            .unwrap()
            .clone();
        // That is the registry's, and no listener's business to pass on.
        event.remove("client");
        // Who has no subject has none.
        event.retain(|_, value| !value.is_null());
        // A session that has ended by the time of its event is withheld.
        if !body.contains_key("session") {
            event.remove("session");
        }
        assert_eq!(body, event);
    }
    for received in aws.receive_all(&clouds, events.len()) {
        assert_eq!(
            attribute(&received, "content_type"),
            "application/cloudevents+json"
        );
        let body: Value = serde_json::from_str(&received.body).unwrap();
        let event = event(body["id"].as_str().unwrap());
        assert_eq!(body["source"], event["issuer"]);
        assert_eq!(body["data"]["client_id"], event["client_id"]);
    }
    for received in aws.receive_all(&sets, events.len()) {
        assert_eq!(
            attribute(&received, "content_type"),
            "application/secevent+jwt"
        );
        assert_eq!(received.body.split('.').count(), 3);
    }
    aws.assert_signatures();
    assert_eq!(host.finish().code(), Some(0));
}

#[test]
fn the_recording_arrives_at_moto() {
    the_recording_arrives(Server::Moto);
}

#[test]
fn the_recording_arrives_at_fauxqs() {
    the_recording_arrives(Server::Fauxqs);
}

fn event(id: &str, subject: &str, claims: &str) -> String {
    let subject = Value::from(subject);
    format!(
        "{{\"type\":\"id_token_issue\",\"id\":\"{id}\",\"client_id\":\"000123\",\"subject\":{subject},\"claims\":{claims}}}\n"
    )
}

fn characters_come_through(server: Server, last: u32) {
    let Some(aws) = Aws::start("characters in SQS", server) else {
        return;
    };
    let queue = aws.create("characters");
    let settings = "attributes = [\"id\", \"subject\"]";
    let stage = Stage::new(&[publisher(&aws, "sqs", &queue, settings)]);
    let mut host = stage.start();
    let all: String = (0..=last).filter_map(char::from_u32).collect();
    let claims = format!(
        r#"{{"iat":1523304728,"large":123456789012345678901234567890.10,"small":1E-400,"all":{}}}"#,
        Value::from(&*all)
    );
    host.send(&event("e-1", "a\u{0}\u{FFFE}b", &claims));
    let received = aws.receive_all(&queue, 1).remove(0);
    assert!(received.body.starts_with(
        r#"{"iat":1523304728,"large":123456789012345678901234567890.10,"small":1E-400,"#
    ));
    let body = received.body.replace("1E-400", "0");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["all"], *all);
    assert_eq!(attribute(&received, "subject"), "a\\u0000\\ufffeb");
    assert_eq!(host.finish().code(), Some(0));
}

#[test]
fn characters_and_numbers_come_through_whatever_they_are_at_moto() {
    characters_come_through(Server::Moto, 0x11_000);
}

/// It refuses what AWS refuses, and what is beyond the basic plane, which AWS takes.
#[test]
fn characters_and_numbers_come_through_whatever_they_are_at_fauxqs() {
    characters_come_through(Server::Fauxqs, 0xFFFF);
}

/// A mebibyte, with `{"x":"…"}` and the attribute `id` of three characters.
fn sized(id: &str, more: usize) -> String {
    let around = 8 + "id".len() + "String".len() + id.len();
    event(
        id,
        "alice",
        &json!({ "x": "x".repeat((1 << 20) - around + more) }).to_string(),
    )
}

#[test]
fn a_mebibyte_arrives_and_a_byte_more_is_a_dead_letter_that_says_why() {
    let Some(aws) = Aws::start("large messages in SQS", Server::Fauxqs) else {
        return;
    };
    let queue = aws.create("large");
    let stage = Stage::new(&[publisher(&aws, "sqs", &queue, "attributes = [\"id\"]")]);
    let mut host = stage.start();
    host.send(&sized("e-1", 0));
    host.send(&sized("e-2", 1));
    host.send(&event("e-3", "alice", "{}"));
    let received = aws.receive_all(&queue, 2);
    let ids: Vec<_> = received
        .iter()
        .map(|received| attribute(received, "id"))
        .collect();
    assert!(ids.contains(&"e-1") && ids.contains(&"e-3"), "{ids:?}");
    assert_eq!(host.finish().code(), Some(0));
    let dead = stage.queue(&["show", "sqs", "--dead"]);
    let text = dead.to_string();
    assert!(
        text.contains("e-2") && text.contains("1048577 bytes"),
        "{text:.2000}"
    );
}
