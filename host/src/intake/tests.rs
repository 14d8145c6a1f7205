//! From a stream's bytes to the events that are dispatched, with a recording of a real provider.

use super::ndjson::Lines;
use super::*;
use crate::Spi;
use crate::clients::ClientRegistry;
use crate::event::{Event, Limits, Timestamp};
use crate::flow::{FlowRule, IgnoredReason, Outcome};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

fn pipeline() -> Pipeline {
    Pipeline::new(Arc::default())
}

/// The events of a stream in the order of their dispatch, what was ignored, and what was refused.
fn run(
    pipeline: &Pipeline,
    stream: &[u8],
) -> (Vec<Event<'static>>, Vec<IgnoredReason>, Vec<Refusal>) {
    let (mut events, mut ignored, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut lines = Lines::new(stream, pipeline.limits().line_bytes);
    while let Some(line) = lines.next_line().unwrap() {
        match pipeline.process_line(line) {
            Ok(decision) => match decision.outcome {
                Outcome::Dispatch(event) => events.push(event.into_owned()),
                Outcome::Ignored(what) => ignored.push(what.reason),
                Outcome::Held | Outcome::NothingDue => {}
            },
            Err(refusal) => refused.push(refusal),
        }
    }
    (events, ignored, refused)
}

fn recording(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recording");
    std::fs::read(folder.join(name)).unwrap()
}

/// The event whose session has expired when its code is exchanged.
const SESSION_EXPIRED: &str = "a40ed64c-ac02-71c6-867d-3ed335b25e34";

#[test]
fn recorded_facts_give_exactly_the_recorded_events_in_their_order() {
    let clients = ClientRegistry::from_json(&recording("clients.json")).unwrap();
    for clients in [clients, ClientRegistry::default()] {
        let pipeline = pipeline().with_clients(Arc::new(clients));
        let (expected, _, refused) = run(&pipeline, &recording("events.ndjson"));
        assert_eq!((expected.len(), refused), (44, vec![]));
        let (events, ignored, refused) = run(&pipeline, &recording("facts.ndjson"));
        assert_eq!(refused, []);
        assert_eq!(ignored, []);
        assert_eq!(events.len(), expected.len());
        for (event, mut expected) in events.into_iter().zip(expected) {
            if event.id() == SESSION_EXPIRED {
                let more: Value = serde_json::from_str(expected.more().unwrap()).unwrap();
                let mut more = more.as_object().unwrap().clone();
                assert!(more.remove("session").is_some());
                let left: Value = serde_json::from_str(event.more().unwrap()).unwrap();
                assert_eq!(left, Value::Object(more));
                expected.more.clone_from(&event.more);
            }
            assert!(event == expected, "{event:?}");
        }
    }
}

#[test]
fn every_recorded_event_has_its_client_from_itself_or_the_registry() {
    let clients = Arc::new(ClientRegistry::from_json(&recording("clients.json")).unwrap());
    let pipeline = pipeline().with_clients(clients);
    let (events, ..) = run(&pipeline, &recording("events.ndjson"));
    for event in &events {
        let client: Value = serde_json::from_str(event.client().unwrap()).unwrap();
        assert_eq!(client["client_id"], event.client_id());
    }
    let bare = Pipeline::new(Arc::default());
    let (events, ..) = run(&bare, &recording("events.ndjson"));
    let own = events
        .iter()
        .filter(|event| event.client().is_some())
        .count();
    assert!(own > 0 && own < events.len());
}

#[test]
fn recorded_members_are_those_of_the_lines() {
    let text = String::from_utf8(recording("events.ndjson")).unwrap();
    let pipeline = pipeline();
    for line in text.lines() {
        let mut value: Value = serde_json::from_str(line).unwrap();
        let Ok(decision) = pipeline.process(line.as_bytes(), None) else {
            panic!("{line}")
        };
        let Outcome::Dispatch(event) = decision.outcome else {
            panic!("{line}")
        };
        let mut take = |name: &str| value.as_object_mut().unwrap().remove(name);
        let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
        assert_eq!(text(take("type")).as_deref(), Some(event.spi().name()));
        assert_eq!(text(take("id")).as_deref(), Some(event.id()));
        assert_eq!(text(take("txn")).as_deref(), event.txn());
        assert_eq!(take("time").unwrap().to_string(), event.time().to_string());
        assert_eq!(text(take("issuer")).as_deref(), Some(event.issuer()));
        assert_eq!(text(take("client_id")).as_deref(), Some(event.client_id()));
        assert_eq!(text(take("subject")).as_deref(), event.subject());
        let parsed = |text: Option<&str>| text.map(|text| serde_json::from_str(text).unwrap());
        let claims = if event.spi() == Spi::SubjectAuthAndConsent {
            "id_token_claims"
        } else {
            "claims"
        };
        assert_eq!(take(claims), parsed(event.claims()));
        assert_eq!(take("client"), parsed(event.client()));
        assert_eq!(value, parsed(event.more()).unwrap_or(json!({})));
        assert!(event.claims().is_none_or(|claims| line.contains(claims)));
    }
}

#[test]
fn a_refused_line_is_named_and_the_next_one_is_read() {
    let good = json!({"type": "access_token_issue", "issuer": "https://op.example.com",
        "client_id": "c", "claims": {}})
    .to_string();
    let mut stream = format!("\u{feff}{good}\r\n \t\n{{\n{good}\n").into_bytes();
    stream.extend_from_slice(b"\"\xff\"\n");
    stream.extend_from_slice(&vec![b'x'; 2000]);
    stream.extend_from_slice(format!("\n{good}\n\u{feff}{good}\n{good}").as_bytes());
    let limits = Limits {
        line_bytes: 1000,
        ..Limits::default()
    };
    let (events, _, refused) = run(&pipeline().with_limits(limits), &stream);
    assert_eq!(events.len(), 4);
    let lines: Vec<_> = refused.iter().map(Refusal::line).collect();
    assert_eq!(lines, [Some(3), Some(5), Some(6), Some(8)]);
    let texts: Vec<_> = refused.iter().map(ToString::to_string).collect();
    for (text, part) in texts
        .iter()
        .zip(["JSON", "UTF-8", "1000 bytes", "byte order mark"])
    {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn the_issuer_is_the_events_own_or_the_configured_one() {
    let text = json!({"type": "access_token_issue", "client_id": "c", "claims": {}}).to_string();
    let error = pipeline().process(text.as_bytes(), Some(1)).unwrap_err();
    assert_eq!(error.member(), Some("issuer"));
    assert!(error.to_string().contains("configuration"), "{error}");
    let configured = pipeline().with_issuer("https://op.example.com").unwrap();
    let (events, ..) = run(&configured, text.as_bytes());
    assert_eq!(events[0].issuer(), "https://op.example.com");
    let error = pipeline()
        .with_issuer("https://op.example.com/?x")
        .unwrap_err();
    assert!(error.to_string().contains("query"), "{error}");
}

#[test]
fn facts_without_an_issuer_belong_to_the_configured_one() {
    let fact = json!({"type": "authorization_completed", "client_id": "c", "subject": "s",
        "response_type": "code", "code": "x"});
    let exchange =
        json!({"type": "code_exchanged", "code": "x", "issuer": "https://op.example.com"});
    let configured = pipeline().with_issuer("https://op.example.com").unwrap();
    let (events, ignored, refused) = run(&configured, format!("{fact}\n{exchange}").as_bytes());
    assert_eq!((events.len(), ignored, refused), (1, vec![], vec![]));
}

#[test]
fn the_clock_fills_in_a_missing_time_and_nothing_else() {
    fn clock() -> Timestamp {
        "5000".parse().unwrap()
    }
    let event = |time: Option<i32>| {
        let mut event = json!({"type": "subject_auth_and_consent", "client_id": "c", "subject": "s",
            "issuer": "https://op.example.com", "session": {"expires_at": 5000}});
        if let Some(time) = time {
            event["time"] = json!(time);
        }
        event.to_string()
    };
    let pipeline = pipeline().with_clock(clock);
    let stream = format!("{}\n{}", event(None), event(Some(4999)));
    let (events, ..) = run(&pipeline, stream.as_bytes());
    assert_eq!(events[0].time(), clock());
    assert_eq!(events[0].more(), None);
    assert_eq!(events[1].time().to_string(), "4999");
    assert!(events[1].more().is_some());
}

#[test]
fn a_code_that_is_still_pending_is_refused_by_line() {
    let fact = json!({"type": "authorization_completed", "client_id": "c", "subject": "s",
        "issuer": "https://op.example.com", "response_type": "code", "code": "s3cr3t", "time": 1});
    let flow = Arc::new(FlowRule::default());
    let pipeline = Pipeline::new(Arc::clone(&flow));
    let (events, _, refused) = run(&pipeline, format!("{fact}\n{fact}\n").as_bytes());
    assert_eq!(
        (events.len(), refused.len(), flow.pending()),
        (0, 1, Some(1))
    );
    assert_eq!(
        (refused[0].line(), refused[0].member()),
        (Some(2), Some("code"))
    );
    assert!(!refused[0].to_string().contains("s3cr3t"));
}

#[test]
fn the_client_is_the_events_own_then_the_exchanges_then_the_registered_one() {
    let clients = br#"[{"client_id":"c","from":"registry","client_secret":"s3cr3t"}]"#;
    let clients = Arc::new(ClientRegistry::from_json(clients).unwrap());
    let from = |own: Option<&str>, exchanged: Option<&str>| {
        let mut fact = json!({"type": "authorization_completed", "client_id": "c", "subject": "s",
            "issuer": "https://op.example.com", "response_type": "code", "code": "x", "time": 1});
        let mut exchange = json!({"type": "code_exchanged", "code": "x", "time": 2,
            "issuer": "https://op.example.com"});
        if let Some(own) = own {
            fact["client"] = json!({ "from": own });
        }
        if let Some(exchanged) = exchanged {
            exchange["client"] = json!({ "from": exchanged });
        }
        let pipeline = pipeline().with_clients(Arc::clone(&clients));
        let (events, ..) = run(&pipeline, format!("{fact}\n{exchange}").as_bytes());
        let client: Value = serde_json::from_str(events[0].client().unwrap()).unwrap();
        assert_eq!(client.get("client_secret"), None);
        client["from"].as_str().unwrap().to_owned()
    };
    assert_eq!(from(None, None), "registry");
    assert_eq!(from(None, Some("exchange")), "exchange");
    assert_eq!(from(Some("own"), Some("exchange")), "own");
}
