//! Listeners that are slow or do not come back: what is turned away, and what is not.

use op_listener_tests::{Client, access_token, id_token, subject};
use serde_json::json;

use crate::stage::{Service, in_flight, until};

/// A puppet that does not come back from ID token events whose id is "stuck", beside one that
/// records.
fn service(intake: &str) -> Service {
    Service::start(&format!(
        "[intake]\nunix = \"s\"\n{intake}\n\
         [[listener]]\nplugin = \"puppet\"\nname = \"stuck\"\nspi = [\"id_token_issue\"]\n\
         config = {{ quiet = true, sleep_ms = 600000 }}\n\
         [[listener]]\nplugin = \"puppet\"\nname = \"recording\"\n\
         spi = [\"access_token_issue\", \"subject_auth_and_consent\"]\n\
         config = {{ record = \"record.ndjson\" }}\n"
    ))
}

/// Posts so many events that do not come back, each when the one before is with its listener.
fn get_stuck(service: &Service, events: u64) -> Vec<Client> {
    let mut client = service.client();
    let mut stuck = Vec::new();
    for n in 0..events {
        let mut client_of_one = service.client();
        client_of_one.send_event(&id_token(&format!("stuck-{n}")));
        stuck.push(client_of_one);
        until("the event", || {
            (in_flight(&mut client, "id_token_issue") == n + 1).then_some(())
        });
    }
    stuck
}

#[test]
fn a_listener_that_does_not_come_back_holds_up_its_own_spi_alone() {
    let service = service("concurrency = 12");
    // More than there are threads that drive sockets.
    let _stuck = get_stuck(&service, 12);
    let mut client = service.client();
    for n in 0..20 {
        assert_eq!(client.get("/healthz").status, 200);
        assert_eq!(client.post(&access_token(&format!("a{n}"))).status, 204);
        assert_eq!(client.post(&subject(&format!("s{n}"))).status, 204);
        assert_eq!(service.client().get("/.well-known/jwks.json").status, 200);
    }
    let answer = client.post(&id_token("e1"));
    assert_eq!((answer.status, &*answer.problem().0), (503, "overloaded"));
    assert_eq!(answer.field("retry-after"), Some("1"));
    assert_eq!(answer.problem().1["retry"], true);
    let batch = client.post_lines(&[access_token("a"), id_token("e1"), subject("s")]);
    assert_eq!(batch.status, 207, "{batch:?}");
    assert_eq!(batch.field("retry-after"), Some("1"));
    let counts = batch.json();
    assert_eq!(
        (&counts["dispatched"], &counts["refused"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(counts["refusals"][0]["line"], 2);
    let batch = client.post_lines(&[id_token("e1"), "x".to_owned()]);
    assert_eq!((batch.status, &*batch.problem().0), (503, "not-now"));
    assert_eq!(service.seen().len(), 42);
}

#[test]
fn readiness_tells_of_an_spi_without_room() {
    let service = service("concurrency = 1");
    let mut client = service.client();
    assert_eq!(client.get("/readyz").status, 200);
    let stuck = get_stuck(&service, 1);
    let answer = until("being not ready", || {
        let answer = client.get("/readyz");
        (answer.status == 503).then_some(answer)
    });
    let state = answer.json();
    assert_eq!(
        (&state["ready"], &state["reasons"][0]["reason"]),
        (&json!(false), &json!("saturated"))
    );
    assert_eq!(state["reasons"][0]["spi"], "id_token_issue");
    assert_eq!(state["spi"]["access_token_issue"]["in_flight"], 0);
    // Who sent it may go away; the listener is where it is.
    drop(stuck);
    assert_eq!(client.post(&id_token("e1")).status, 503);
    assert_eq!(client.get("/healthz").status, 200);
}

#[test]
fn what_is_turned_away_is_as_good_as_never_sent() {
    let service = Service::start(
        "[intake]\nunix = \"s\"\nconcurrency = 1\n[[listener]]\nplugin = \"puppet\"\n\
         config = { record = \"record.ndjson\", gate = \"gate\", only_for = \"slow\" }\n",
    );
    let mut client = service.client();
    let completed = r#"{"type":"authorization_completed","id":"a1","issuer":"https://op.example.com","client_id":"c","subject":"s","response_type":"code","code":"k1"}"#;
    let exchanged =
        r#"{"type":"code_exchanged","id":"x1","issuer":"https://op.example.com","code":"k1"}"#;
    assert_eq!(client.post(completed).status, 204);
    let mut slow = service.client();
    slow.send_event(&subject("slow"));
    until("the event", || {
        (in_flight(&mut client, "subject_auth_and_consent") == 1).then_some(())
    });
    assert_eq!(client.post(exchanged).problem().0, "overloaded");
    assert_eq!(
        client.post(completed).status,
        200,
        "known, so there is nothing to turn away"
    );
    service.open_gate();
    assert_eq!(slow.answer().status, 204);
    // Its code was not used up, nor is its id taken.
    let answer = until("room", || {
        let answer = client.post(exchanged);
        (answer.status != 503).then_some(answer)
    });
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(service.seen(), ["slow", "a1"]);
    let (_, finished) = service.stop();
    let lines = op_listener_tests::parse_lines(&finished.stderr);
    let line = lines.iter().find(|line| line.is("OPL0511")).unwrap();
    assert!(line.message.contains("the code_exchanged x1"), "{line:?}");
}

#[test]
fn slow_listeners_are_waited_for_by_as_many_as_allowed_at_once() {
    let service = Service::start(
        "[intake]\nunix = \"s\"\nconcurrency = 20\n[[listener]]\nplugin = \"puppet\"\n\
         spi = [\"id_token_issue\"]\nconfig = { record = \"record.ndjson\", gate = \"gate\" }\n",
    );
    std::thread::scope(|scope| {
        for n in 0..20 {
            let mut client = service.client();
            scope.spawn(move || {
                for turn in 0..3 {
                    let answer = client.post(&id_token(&format!("e{n}-{turn}")));
                    assert_eq!(answer.status, 204, "{answer:?}");
                }
            });
        }
        let mut client = service.client();
        until("all of them at once", || {
            (in_flight(&mut client, "id_token_issue") == 20).then_some(())
        });
        service.open_gate();
    });
    assert_eq!(service.seen().len(), 60);
}

#[test]
fn a_long_body_is_dispatched_like_a_short_one() {
    let service = Service::start(
        "[intake]\nunix = \"s\"\n[[listener]]\nplugin = \"puppet\"\nspi = [\"access_token_issue\"]\n\
         config = { record = \"record.ndjson\" }\n",
    );
    let ids: Vec<_> = (0..5000).map(|n| format!("e{n}")).collect();
    let lines: Vec<_> = ids.iter().map(|id| access_token(id)).collect();
    let answer = service.client().post_lines(&lines);
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(service.seen(), ids);
}

#[test]
fn lines_go_on_elsewhere_where_a_listener_is_slow() {
    let service = Service::start(
        "[intake]\nunix = \"s\"\n[[listener]]\nplugin = \"puppet\"\n\
         config = { record = \"record.ndjson\", sleep_ms = 10 }\n",
    );
    let ids: Vec<_> = (0..40).map(|n| format!("e{n}")).collect();
    let mut lines: Vec<_> = ids.iter().map(|id| id_token(id)).collect();
    lines.insert(11, "x".to_owned());
    let answer = service.client().post_lines(&lines);
    assert_eq!(answer.status, 207);
    let counts = answer.json();
    assert_eq!(
        (&counts["dispatched"], &counts["refusals"][0]["line"]),
        (&json!(40), &json!(12))
    );
    assert_eq!(service.seen(), ids, "each once, in order");
}
