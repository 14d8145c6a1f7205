//! The event format, sentence by sentence, at the parser and at the builder.

use super::*;
use serde_json::{Value, json};

mod build;
mod header;
mod random;
mod text;
mod types;

const ISSUER: &str = "https://op.example.com";

fn fixed_clock() -> Timestamp {
    "1700000000.25".parse().unwrap()
}

fn defaults() -> Defaults<'static> {
    Defaults {
        clock: fixed_clock,
        ..Defaults::default()
    }
}

fn read(text: &str) -> Result<Event<'_>, EventError> {
    match parse(text.as_bytes(), Some(7), &defaults())? {
        Message::Event(event) => Ok(event),
        other => panic!("{other:?}"),
    }
}

fn error(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    match parse(text.as_bytes(), Some(7), &defaults()) {
        Ok(_) => panic!("taken: {text}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn assert_refused(text: impl AsRef<str>, parts: &[&str]) {
    let error = error(text.as_ref());
    for part in ["line 7: "].iter().chain(parts) {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    assert!(!error.contains("s3cr3t"), "{error}");
}

fn id_token() -> Value {
    json!({"type": "id_token_issue", "id": "e1", "txn": "t1", "time": 1_795_291_073.677,
        "issuer": ISSUER, "client_id": "c1", "subject": "alice", "claims": {"sub": "a"}})
}

fn access_token() -> Value {
    json!({"type": "access_token_issue", "issuer": ISSUER, "client_id": "c1", "claims": {}})
}

fn subject_event() -> Value {
    json!({"type": "subject_auth_and_consent", "time": 1000, "issuer": ISSUER, "client_id": "c1",
        "subject": "alice"})
}

fn authorization() -> Value {
    json!({"type": "authorization_completed", "time": 1000, "issuer": ISSUER, "client_id": "c1",
        "subject": "alice", "response_type": "code", "code": "s3cr3t"})
}

fn exchange() -> Value {
    json!({"type": "code_exchanged", "time": 1001, "issuer": ISSUER, "code": "s3cr3t"})
}

fn with(mut event: Value, name: &str, value: Value) -> String {
    event[name] = value;
    event.to_string()
}

fn without(mut event: Value, name: &str) -> String {
    event.as_object_mut().unwrap().remove(name).unwrap();
    event.to_string()
}
