//! The listener with the test kit as its host, and a receiver that answers as a test tells it.
#![allow(
    clippy::unwrap_used,
    reason = "test code outside of test functions, too"
)]

mod attempts;
mod configuration;
mod contents;
mod polling;
mod receiver;
mod verification;

use op_listener_api::Outcome;
use op_listener_api::testing::{Host, IdTokenIssue, Instance, TestQueue};
use op_listener_set_push::SetPush;
use serde_json::{Value, json};

use receiver::Receiver;

/// The instance's name, and so the queue's.
const NAME: &str = "push";

/// A listener for ID tokens with these settings beside `enable`.
fn listener(host: &Host, settings: &Value) -> Instance<IdTokenIssue> {
    let listener = host.id_token_issue::<SetPush>(NAME, &enabled(settings));
    listener.unwrap_or_else(|failure| panic!("{settings}: {failure}"))
}

fn enabled(settings: &Value) -> Value {
    let mut settings = settings.clone();
    settings["enable"] = true.into();
    settings
}

/// What leads to a receiver on this machine.
fn to(receiver: &Receiver) -> Value {
    json!({ "endpoint": receiver.url("/set"), "allow_hosts": ["127.0.0.1"] })
}

/// Delivers one message, and says what came of it.
#[track_caller]
fn deliver(queue: &TestQueue) -> Outcome {
    let mut outcomes = queue.deliver();
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes.remove(0).1
}

/// All that an outcome says, as it goes to the host.
fn said(outcome: &Outcome) -> Value {
    let said = serde_json::to_value(outcome).unwrap();
    let said = said.as_object().unwrap();
    said.values().next().unwrap().clone()
}
