//! Events that come twice.

use op_listener_tests::{access_token, id_token};
use serde_json::json;

use crate::stage::{Service, in_flight, until};

#[test]
fn an_event_is_dispatched_once_and_its_repetition_is_told() {
    let service = Service::on_unix("");
    let mut client = service.client();
    assert_eq!(client.post(&id_token("e1")).status, 204);
    let again = service.client().post(&id_token("e1"));
    assert_eq!(again.status, 200, "{again:?}");
    let counts = again.json();
    assert_eq!(
        (&counts["dispatched"], &counts["duplicates"]),
        (&json!(0), &json!(1))
    );
    // Another type or issuer makes it another event.
    assert_eq!(client.post(&access_token("e1")).status, 204);
    let elsewhere = id_token("e1").replace("op.example.com", "other.example.com");
    assert_eq!(client.post(&elsewhere).status, 204);
    let batch = client.post_lines(&[id_token("e2"), id_token("e2"), id_token("e1")]);
    assert_eq!(
        (batch.status, &batch.json()["duplicates"]),
        (200, &json!(2))
    );
    assert_eq!(service.seen(), ["e1", "e1", "e1", "e2"]);
}

#[test]
fn events_without_an_id_cannot_be_told_apart() {
    let service = Service::on_unix("");
    let event = id_token("e1").replace("\"id\":\"e1\",", "");
    assert!(!event.contains("\"id\""));
    let mut client = service.client();
    for _ in 0..2 {
        assert_eq!(client.post(&event).status, 204);
    }
    assert_eq!(service.seen().len(), 2);
}

#[test]
fn facts_are_known_again_as_events_are() {
    let service = Service::on_unix("");
    let completed = r#"{"type":"authorization_completed","id":"a1","issuer":"https://op.example.com","client_id":"c","subject":"s","response_type":"code","code":"k1"}"#;
    let exchanged =
        r#"{"type":"code_exchanged","id":"x1","issuer":"https://op.example.com","code":"k1"}"#;
    let mut client = service.client();
    for fact in [completed, exchanged] {
        assert_eq!(client.post(fact).status, 204);
        let again = client.post(fact);
        assert_eq!(
            (again.status, &again.json()["duplicates"]),
            (200, &json!(1))
        );
    }
    assert_eq!(service.seen(), ["a1"]);
}

#[test]
fn what_was_refused_is_not_remembered() {
    let service = Service::on_unix("");
    let mut client = service.client();
    let bad = id_token("e1").replace("alice", "");
    assert_eq!(client.post(&bad).status, 400);
    assert_eq!(client.post(&id_token("e1")).status, 204);
}

#[test]
fn ids_are_remembered_for_their_time_or_not_at_all() {
    let service = Service::on_unix("remember = 0");
    let mut client = service.client();
    for _ in 0..2 {
        assert_eq!(client.post(&id_token("e1")).status, 204);
    }
    let service = Service::on_unix("remember = 1");
    let mut client = service.client();
    assert_eq!(client.post(&id_token("e1")).status, 204);
    until("forgetting", || {
        (client.post(&id_token("e1")).status == 204).then_some(())
    });
    assert_eq!(service.seen(), ["e1", "e1"]);
}

#[test]
fn no_more_ids_are_remembered_than_allowed() {
    let service = Service::on_unix("max_remembered = 32");
    let mut client = service.client();
    let lines: Vec<_> = (0..1000).map(|n| id_token(&format!("e{n}"))).collect();
    assert_eq!(client.post_lines(&lines).status, 204);
    assert_eq!(client.post(&id_token("e999")).status, 200, "the newest is");
    assert_eq!(
        client.post(&id_token("e0")).status,
        204,
        "the oldest is not"
    );
}

#[test]
fn while_the_first_is_under_way_the_second_is_sent_back() {
    let service = Service::start(
        "[intake]\nunix = \"s\"\n[[listener]]\nplugin = \"puppet\"\nconfig = { record = \"record.ndjson\", gate = \"gate\", only_for = \"slow\" }\n",
    );
    let mut first = service.client();
    let event = id_token("slow");
    first.send_event(&event);
    let mut client = service.client();
    until("the event", || {
        (in_flight(&mut client, "id_token_issue") == 1).then_some(())
    });
    let second = client.post(&event);
    assert_eq!((second.status, &*second.problem().0), (503, "in-flight"));
    assert_eq!(second.field("retry-after"), Some("1"));
    let batch = client.post_lines(&[event.clone(), id_token("other")]);
    assert_eq!(
        (batch.status, &batch.json()["refusals"][0]["retry"]),
        (207, &json!(true))
    );
    service.open_gate();
    assert_eq!(first.answer().status, 204);
    let again = until("the answer", || {
        let answer = client.post(&event);
        (answer.status != 503).then_some(answer)
    });
    assert_eq!(
        (again.status, &again.json()["duplicates"]),
        (200, &json!(1))
    );
    let slow = service.seen().into_iter().filter(|id| id == "slow");
    assert_eq!(slow.count(), 1);
}

#[test]
fn many_senders_of_one_event_have_it_dispatched_once() {
    let service = Service::on_unix("");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let mut client = service.client();
            scope.spawn(move || {
                for n in 0..100 {
                    let event = id_token(&format!("e{n}"));
                    until("the end of the others", || {
                        match client.post(&event).status {
                            200 | 204 => Some(()),
                            503 => None,
                            other => panic!("{other}"),
                        }
                    });
                }
            });
        }
    });
    let mut seen = service.seen();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), service.seen().len()), (100, 100));
}
