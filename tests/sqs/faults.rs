//! What goes wrong with SQS, and that nothing is lost of it, doubled or put out of order.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use crate::aws::{Aws, Received, Server, eventually};
use crate::stage::{Stage, publisher};

/// A host answers each line of its input, one after the other, so a line is dispatched when a later one
/// was read; how many have arrived is for the queue to say.
fn event(number: usize, subject: &str) -> String {
    format!(
        "{{\"type\":\"id_token_issue\",\"id\":\"e-{number}\",\"client_id\":\"000123\",\"subject\":\"{subject}\",\"claims\":{{\"n\":{number}}}}}\n"
    )
}

fn number(received: &Received) -> usize {
    let body: Value = serde_json::from_str(&received.body).unwrap();
    usize::try_from(body["n"].as_u64().unwrap()).unwrap()
}

fn order_and_once(server: Server) {
    const EVENTS: usize = 120;
    const SUBJECTS: [&str; 4] = ["alice", "bob", "a name with spaces", "чарли"];

    let Some(aws) = Aws::start("FIFO queues in SQS", server) else {
        return;
    };
    let queue = aws.create("events.fifo");
    let stage = Stage::new(&[publisher(&aws, "sqs", "events.fifo", "")]);
    // Answers that get lost make messages come twice, which the queue tells by their ids.
    aws.faults(&json!([
        { "refuse": "RequestThrottled" },
        { "lose": true },
        {},
        { "cut": true },
        { "fail": "InternalError", "fault": false, "entries": 1 },
        { "lose": true },
        { "refuse": "InternalFailure", "status": 500 },
        { "fail": "ServiceUnavailable", "fault": false, "entries": 2 },
        { "lose": true },
    ]));
    let mut host = stage.start();
    for number in 0..EVENTS {
        host.send(&event(number, SUBJECTS[number % SUBJECTS.len()]));
    }
    // What was received and deleted moto does not know any more when it comes again.
    eventually("all messages", || aws.depth(&queue) >= EVENTS);
    let received = aws.receive_all(&queue, EVENTS);
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for received in &received {
        assert_eq!(
            received.deduplication.as_deref(),
            Some(&*format!("e-{}", number(received)))
        );
        let group = received.group.clone().unwrap();
        groups.entry(group).or_default().push(number(received));
    }
    assert_eq!(groups.len(), SUBJECTS.len(), "{:?}", groups.keys());
    assert!(groups.contains_key("alice") && groups.contains_key("bob"));
    for (group, numbers) in &groups {
        assert!(numbers.is_sorted(), "{group}: {numbers:?}");
    }
    let lost = aws
        .seen()
        .iter()
        .filter(|seen| seen["fault"]["lose"] == true)
        .count();
    assert_eq!(lost, 3, "what was to go wrong went wrong");
    aws.assert_signatures();
    assert_eq!(host.finish().code(), Some(0));
}

#[test]
fn a_fifo_queue_gets_each_message_once_and_in_order_at_moto() {
    order_and_once(Server::Moto);
}

#[test]
fn a_fifo_queue_gets_each_message_once_and_in_order_at_fauxqs() {
    order_and_once(Server::Fauxqs);
}

/// The server that is gone for a while, in the middle of it, twice; the host is killed in between.
fn nothing_lost(server: Server) {
    const EVENTS: usize = 300;

    let Some(mut aws) = Aws::start("outages of SQS", server) else {
        return;
    };
    let queue = aws.create("events");
    let stage = Stage::new(&[publisher(&aws, "sqs", &queue, "")]);
    let mut host = stage.start();
    let send = |host: &mut op_listener_tests::Running, from: usize, to: usize| {
        for number in from..to {
            host.send(&event(number, "alice"));
        }
    };
    send(&mut host, 0, 100);
    eventually("the first batch", || !aws.seen().is_empty());
    aws.go_away();
    send(&mut host, 100, 200);
    aws.come_back();
    let before = aws.seen().len();
    eventually("deliveries after the outage", || aws.seen().len() > before);
    aws.go_away();
    send(&mut host, 200, EVENTS);
    // The end of the input: what could not be delivered stays for the next run.
    assert_eq!(host.finish().code(), Some(0));
    aws.come_back();
    let host = stage.start();
    // At least once: those whose answer was lost with the server may be there twice.
    let mut numbers = HashSet::new();
    eventually("all events", || {
        numbers.extend(aws.receive(&queue).iter().map(number));
        numbers.len() == EVENTS
    });
    assert_eq!(host.finish().code(), Some(0));
    let dead = stage.queue(&["show", "sqs", "--dead"]);
    assert!(!dead.to_string().contains("e-"), "{dead}");
}

#[test]
fn nothing_is_lost_when_the_server_goes_and_comes_back_at_moto() {
    nothing_lost(Server::Moto);
}

#[test]
fn nothing_is_lost_when_the_server_goes_and_comes_back_at_fauxqs() {
    nothing_lost(Server::Fauxqs);
}

#[test]
fn an_entry_that_is_at_fault_is_a_dead_letter_and_the_others_arrive() {
    let Some(aws) = Aws::start("entries that SQS refuses", Server::Moto) else {
        return;
    };
    let queue = aws.create("events");
    let stage = Stage::new(&[publisher(&aws, "sqs", &queue, "")]);
    aws.faults(&json!([{ "fail": "InvalidMessageContents", "fault": true, "entries": 1 }]));
    let mut host = stage.start();
    for number in 0..5 {
        host.send(&event(number, "alice"));
    }
    let received: HashSet<_> = aws.receive_all(&queue, 4).iter().map(number).collect();
    assert_eq!(received.len(), 4);
    assert_eq!(host.finish().code(), Some(0));
    let dead = stage.queue(&["show", "sqs", "--dead"]).to_string();
    assert!(dead.contains("InvalidMessageContents: because"), "{dead}");
}

/// An operator's mistake, mended later, has cost time and no message.
#[test]
fn wrong_keys_kill_no_message() {
    let Some(aws) = Aws::start("wrong keys in SQS", Server::Moto) else {
        return;
    };
    let queue = aws.create("events");
    let stage = Stage::new(&[publisher(&aws, "sqs", &queue, "")]);
    let mut host = stage.start_with_secret("a wrong key");
    for number in 0..15 {
        host.send(&event(number, "alice"));
    }
    // The front knows a wrong signature.
    let wrong = || {
        aws.seen()
            .iter()
            .filter(|seen| seen["signature"] == "wrong")
            .count()
    };
    eventually("refusals", || wrong() > 10);
    assert_eq!(host.finish().code(), Some(0));
    let host = stage.start();
    let received: HashSet<_> = aws.receive_all(&queue, 15).iter().map(number).collect();
    assert_eq!(received.len(), 15);
    assert_eq!(host.finish().code(), Some(0));
    let dead = stage.queue(&["show", "sqs", "--dead"]).to_string();
    assert!(!dead.contains("e-"), "{dead}");
}
