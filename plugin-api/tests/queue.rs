//! A listener with a delivery queue, tried with the test kit.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Mutex;
use std::time::Duration;

use op_listener_api::testing::{Failure, Host, IdTokenIssue, Instance};
use op_listener_api::{
    Batch, Error, EventContext, IdTokenIssueEvent, IdTokenIssueEventListener, InitContext,
    Lifecycle, Message, Outcome, Outcomes, Queue, QueueOptions, Sink,
};
use serde_json::json;

/// Pushes the subject; its sink does what the payload says.
struct Publisher {
    queue: Queue,
}

#[derive(Default)]
struct Obedient {
    batches: Mutex<usize>,
}

impl Sink for Obedient {
    fn deliver(&self, batch: &Batch<'_>) -> Outcomes {
        *self.batches.lock().unwrap() += 1;
        let outcome = |payload: &[u8]| match payload {
            b"busy" => Outcome::retry("busy")
                .after(Duration::from_secs(7))
                .status(503)
                .answer("come back"),
            b"refused" => Outcome::dead("refused").status(400).answer("no"),
            b"panic" => panic!("as it was told"),
            _ => Outcome::delivered(),
        };
        if batch.messages()[0].payload() == b"short" {
            return [Outcome::delivered()].into_iter().collect();
        }
        batch
            .iter()
            .map(|message| outcome(message.payload()))
            .collect()
    }
}

impl Lifecycle for Publisher {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        let config: serde_json::Value = context.config()?;
        let mut options = QueueOptions::new().batch_messages(3).attempts(2);
        if config["ordered"] == true {
            options = options.ordered_by_key();
        }
        if let Some(name) = config["queue"].as_str() {
            options = options.name(name);
        }
        Ok(Self {
            queue: context.queue(options, Obedient::default())?,
        })
    }
}

impl IdTokenIssueEventListener for Publisher {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        let message = Message::new(event.subject().as_bytes());
        let message = message.id(event.id()).key(event.client_id());
        self.queue
            .push(&message.content_type("text/plain").header("x", "y\"z"))
    }
}

fn publisher(host: &Host, config: &serde_json::Value) -> Instance<IdTokenIssue> {
    host.id_token_issue::<Publisher>("publisher", config)
        .unwrap()
}

fn push(instance: &Instance<IdTokenIssue>, subjects: &[&str]) {
    for subject in subjects {
        instance
            .call(&IdTokenIssue::new().subject(subject))
            .unwrap();
    }
}

#[test]
fn what_was_pushed_is_what_is_delivered_in_batches() {
    let host = Host::new();
    let instance = publisher(&host, &json!({}));
    let queue = host.queue("publisher");
    push(&instance, &["a", "b", "c", "d"]);
    let waiting = queue.waiting();
    assert_eq!(waiting[0].payload, b"a");
    assert_eq!(waiting[0].headers["x"], "y\"z");
    assert_eq!(waiting[0].content_type.as_deref(), Some("text/plain"));
    assert_eq!(queue.deliver().len(), 3);
    assert_eq!(queue.deliver().len(), 1);
    assert_eq!(queue.deliver().len(), 0);
    assert!(queue.waiting().is_empty() && queue.dead().is_empty());
}

#[test]
fn a_failure_is_tried_again_until_its_attempts_are_used_up_and_a_refusal_is_dead_at_once() {
    let host = Host::new();
    let instance = publisher(&host, &json!({}));
    let queue = host.queue("publisher");
    push(&instance, &["busy", "refused", "fine"]);
    let became = queue.deliver();
    assert_eq!(became[0].1.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(became[0].1.reason(), Some("busy"));
    assert!(became[1].1.is_dead() && became[2].1.is_delivered());
    assert_eq!(queue.waiting().len(), 1);
    assert_eq!(queue.deliver()[0].0.attempts, 1);
    let dead: Vec<_> = queue.dead().into_iter().map(|dead| dead.payload).collect();
    assert_eq!(dead, [b"refused".to_vec(), b"busy".to_vec()]);
}

#[test]
fn a_panic_and_missing_outcomes_are_failures_to_be_tried_again() {
    let host = Host::new();
    let instance = publisher(&host, &json!({}));
    let queue = host.queue("publisher");
    push(&instance, &["panic", "x"]);
    let became = queue.deliver();
    assert!(became.iter().all(|(_, outcome)| {
        outcome.is_retry() && outcome.reason().unwrap().contains("as it was told")
    }));
    push(&instance, &["short"]);
    let queue_of_short = host.queue("publisher");
    assert_eq!(queue_of_short.deliver().len(), 3);
    assert_eq!(queue.dead().len(), 2, "their attempts were two");

    push(&instance, &["y"]);
    let became = queue.deliver();
    assert!(became[0].1.is_delivered() && became[1].1.is_retry());
}

#[test]
fn in_an_ordered_queue_a_batch_has_one_message_of_each_key() {
    let host = Host::new();
    let instance = publisher(&host, &json!({ "ordered": true, "queue": "second" }));
    push(&instance, &["a", "b"]);
    let other = IdTokenIssue::new().client_id("000456").subject("c");
    instance.call(&other).unwrap();
    let queue = host.queue("publisher/second");
    let payloads = |became: Vec<(op_listener_api::testing::Queued, Outcome)>| {
        let messages = became.into_iter().map(|(message, _)| message.payload);
        messages
            .map(|payload| String::from_utf8(payload).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(payloads(queue.deliver()), ["a", "c"]);
    assert_eq!(payloads(queue.deliver()), ["b"]);
}

#[test]
fn a_push_that_is_refused_fails_the_call() {
    let host = Host::new();
    let instance = publisher(&host, &json!({}));
    host.refuse_pushes(Some("the queue is full"));
    let refused = instance.call(&IdTokenIssue::new());
    assert_eq!(refused, Err(Failure::Error("the queue is full".to_owned())));
    host.refuse_pushes(None);
    push(&instance, &["a"]);
    instance.shutdown().unwrap();
    // The next instance of the name takes over what waits.
    let _next = publisher(&host, &json!({}));
    assert_eq!(host.queue("publisher").deliver().len(), 1);
}

/// Has the subject fetched, as what it says it is.
struct Fetched {
    queue: Queue,
}

impl Lifecycle for Fetched {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self {
            queue: context.polled_queue(QueueOptions::new())?,
        })
    }
}

impl IdTokenIssueEventListener for Fetched {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        let message = Message::new(event.subject().as_bytes()).id(event.id());
        self.queue.push(&message.content_type(event.client_id()))
    }
}

#[test]
fn a_queue_without_a_sink_takes_sets_alone_and_gives_them_out_until_they_are_acknowledged() {
    let host = Host::new();
    let instance = host
        .id_token_issue::<Fetched>("fetched", &json!({}))
        .unwrap();
    let queue = host.queue("fetched");
    for (subject, media) in [("a.b.c", "text/plain"), ("a b", "application/secevent+jwt")] {
        let event = IdTokenIssue::new().subject(subject).client_id(media);
        let refused = instance.call(&event).unwrap_err();
        assert!(
            refused.message().contains("Security Event Tokens"),
            "{refused}"
        );
    }
    let set = IdTokenIssue::new()
        .subject("a.b.c")
        .client_id("application/secevent+jwt")
        .id("e-1");
    instance.call(&set).unwrap();
    assert_eq!(queue.fetch(0).len(), 0);
    assert_eq!(queue.fetch(5)[0].attempts, 1);
    assert_eq!(queue.fetch(5)[0].attempts, 2);
    assert!(queue.acknowledge("e-1") && !queue.acknowledge("e-1"));
    assert!(queue.fetch(5).is_empty());
}
