//! The flow rule, fact by fact.

use super::*;
use crate::event::{Defaults, Event, Message, parse};
use serde_json::{Value, json};

fn authorization(code: &str) -> Value {
    json!({"type": "authorization_completed", "id": format!("event-of-{code}"), "time": 1000,
        "issuer": "https://op.example.com", "client_id": "c1", "subject": "alice",
        "response_type": "code", "code": code})
}

fn exchange(code: &str, time: f64) -> Value {
    json!({"type": "code_exchanged", "id": "x", "time": time, "issuer": "https://op.example.com",
        "client_id": "c1", "code": code})
}

fn with(mut fact: Value, name: &str, value: Value) -> Value {
    fact[name] = value;
    fact
}

/// What comes of a fact, in short.
#[derive(Debug, PartialEq)]
enum Came {
    Dispatched(Box<Event<'static>>),
    Held,
    Nothing,
    Ignored(IgnoredReason),
    StillPending,
}

fn take_all(rule: &FlowRule, fact: &Value) -> (Came, Option<Evicted>) {
    let text = fact.to_string();
    let decision = match parse(text.as_bytes(), None, &Defaults::default()).unwrap() {
        Message::AuthorizationCompleted(fact) => rule.authorization_completed(fact, Patience::NONE),
        Message::CodeExchanged(fact) => Ok(rule
            .code_exchanged(fact, Patience::NONE)
            .expect("memory answers")),
        Message::Event(_) => panic!("a fact is wanted"),
    };
    let Ok(Decision {
        outcome, evicted, ..
    }) = decision
    else {
        return (Came::StillPending, None);
    };
    let came = match outcome {
        Outcome::Dispatch(event) => Came::Dispatched(Box::new(event.into_owned())),
        Outcome::Held => Came::Held,
        Outcome::NothingDue => Came::Nothing,
        Outcome::Ignored(ignored) => {
            assert!(!ignored.to_string().contains("s3cr3t"));
            Came::Ignored(ignored.reason)
        }
    };
    (came, evicted)
}

fn take(rule: &FlowRule, fact: &Value) -> Came {
    let (came, evicted) = take_all(rule, fact);
    assert_eq!(evicted, None);
    came
}

#[track_caller]
fn dispatched(came: Came) -> Box<Event<'static>> {
    match came {
        Came::Dispatched(event) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_code_flow_dispatches_once_when_the_code_is_exchanged() {
    let rule = FlowRule::default();
    assert_eq!(take(&rule, &authorization("a")), Came::Held);
    assert_eq!(rule.pending(), Some(1));
    let event = dispatched(take(&rule, &exchange("a", 1001.0)));
    assert_eq!(event.id(), "event-of-a");
    assert_eq!(event.time().to_string(), "1000");
    assert_eq!(rule.pending(), Some(0));
    let again = take(&rule, &exchange("a", 1002.0));
    assert_eq!(again, Came::Ignored(IgnoredReason::SecondUse));
}

#[test]
fn claims_come_from_the_exchange_and_the_client_where_there_was_none() {
    let rule = FlowRule::default();
    let claims = |n: i32| json!({ "n": n });
    for (ours, theirs, expected) in [
        (None, None, None),
        (Some(claims(1)), None, Some(claims(1))),
        (None, Some(claims(2)), Some(claims(2))),
        (Some(claims(1)), Some(claims(2)), Some(claims(2))),
    ] {
        let mut fact = authorization("a");
        let mut exchanged = exchange("a", 1001.0);
        exchanged["txn"] = json!("other");
        exchanged["x"] = json!("other");
        if let Some(ours) = &ours {
            fact["id_token_claims"] = ours.clone();
            fact["client"] = ours.clone();
        }
        if let Some(theirs) = &theirs {
            exchanged["id_token_claims"] = theirs.clone();
            exchanged["client"] = theirs.clone();
        }
        take(&rule, &fact);
        let event = dispatched(take(&rule, &exchanged));
        let read = |text: Option<&str>| text.map(|text| serde_json::from_str(text).unwrap());
        assert_eq!(read(event.claims()), expected);
        assert_eq!(read(event.client()), ours.or(theirs));
        assert_eq!((event.txn(), event.more()), (None, None));
    }
}

#[test]
fn hybrid_and_implicit_flows_dispatch_at_once_and_only_once() {
    for response_type in [
        "code token",
        "token code",
        "code id_token",
        "id_token code",
        "code id_token token",
        "token id_token code",
    ] {
        let rule = FlowRule::default();
        let fact = with(authorization("a"), "response_type", json!(response_type));
        dispatched(take(&rule, &fact));
        assert_eq!(take(&rule, &fact), Came::StillPending);
        assert_eq!(take(&rule, &exchange("a", 1001.0)), Came::Nothing);
        let again = take(&rule, &exchange("a", 1001.0));
        assert_eq!(again, Came::Ignored(IgnoredReason::SecondUse));
    }
    for response_type in ["token", "id_token", "id_token token", "token id_token"] {
        let rule = FlowRule::default();
        let mut fact = with(authorization("a"), "response_type", json!(response_type));
        fact.as_object_mut().unwrap().remove("code");
        dispatched(take(&rule, &fact));
        dispatched(take(&rule, &fact));
        assert_eq!(rule.pending(), Some(0));
    }
}

#[test]
fn a_code_expires_from_its_very_moment_on() {
    let rule = FlowRule::default();
    for (code, expires_at) in [("default", None), ("given", Some(1060.5))] {
        let mut fact = authorization(code);
        let end = expires_at.unwrap_or(1600.0);
        if let Some(expires_at) = expires_at {
            fact["code_expires_at"] = json!(expires_at);
        }
        take(&rule, &fact);
        let late = take(&rule, &exchange(code, end));
        assert_eq!(late, Came::Ignored(IgnoredReason::Expired));
        // The facts' own time counts, not the order in which they come.
        dispatched(take(&rule, &exchange(code, end - 0.000_1)));
    }
}

#[test]
fn unknown_codes_other_issuers_and_other_clients_dispatch_nothing() {
    let rule = FlowRule::default();
    take(&rule, &authorization("s3cr3t"));
    let unknown = Came::Ignored(IgnoredReason::UnknownCode);
    assert_eq!(take(&rule, &exchange("s3cr3t2", 1001.0)), unknown);
    assert_eq!(take(&rule, &exchange("", 1001.0)), unknown);
    let other = json!("https://op.example.com/2");
    assert_eq!(
        take(
            &rule,
            &with(exchange("s3cr3t", 1001.0), "issuer", other.clone())
        ),
        unknown
    );
    let wrong = with(exchange("s3cr3t", 1001.0), "client_id", json!("c2"));
    assert_eq!(
        take(&rule, &wrong),
        Came::Ignored(IgnoredReason::WrongClient)
    );
    // The same code of another issuer is another code.
    let twin = with(authorization("s3cr3t"), "issuer", other);
    assert_eq!(take(&rule, &twin), Came::Held);
    // The client it belongs to can still use it, and need not be named.
    let mut unnamed = exchange("s3cr3t", 1001.0);
    unnamed.as_object_mut().unwrap().remove("client_id");
    dispatched(take(&rule, &unnamed));
}

#[test]
fn a_code_that_is_still_pending_cannot_be_issued_again() {
    let rule = FlowRule::default();
    take(&rule, &authorization("a"));
    let second = with(authorization("a"), "id", json!("second"));
    assert_eq!(take(&rule, &second), Came::StillPending);
    assert_eq!(
        dispatched(take(&rule, &exchange("a", 1001.0))).id(),
        "event-of-a"
    );
    // Exchanged or expired, it is not pending.
    assert_eq!(take(&rule, &second), Came::Held);
    let third = with(
        with(authorization("a"), "id", json!("third")),
        "time",
        json!(1600),
    );
    assert_eq!(take(&rule, &third), Came::Held);
    assert_eq!(rule.pending(), Some(1));
    assert_eq!(
        dispatched(take(&rule, &exchange("a", 1601.0))).id(),
        "third"
    );
}

#[test]
fn a_session_is_judged_when_the_event_is_due() {
    let session = json!({"sid": "s", "expires_at": 1005});
    let rule = FlowRule::default();
    for (time, shown) in [(1004.9, true), (1005.0, false)] {
        let fact = with(
            with(authorization("a"), "session", session.clone()),
            "x",
            json!(1),
        );
        take(&rule, &fact);
        let event = dispatched(take(&rule, &exchange("a", time)));
        let more: Value = serde_json::from_str(event.more().unwrap()).unwrap();
        assert_eq!(more.get("session"), shown.then_some(&session));
        assert_eq!(more["x"], 1);
    }
    let fact = with(
        with(authorization("b"), "session", session),
        "response_type",
        json!("code token"),
    );
    assert!(dispatched(take(&rule, &fact)).more().is_some());
    let late = with(with(fact, "time", json!(1005)), "code", json!("c"));
    assert!(dispatched(take(&rule, &late)).more().is_none());
}

fn small(bound: usize) -> FlowRule {
    FlowRule::new(NonZeroUsize::new(bound).unwrap())
}

fn expiring(code: &str, expires_at: i32) -> Value {
    with(authorization(code), "code_expires_at", json!(expires_at))
}

#[test]
fn beyond_the_bound_the_code_that_expires_first_goes_and_is_reported() {
    let rule = small(2);
    take(&rule, &expiring("late", 3000));
    take(&rule, &expiring("early", 2000));
    let (came, evicted) = take_all(&rule, &expiring("middle", 2500));
    assert_eq!(came, Came::Held);
    let evicted = evicted.unwrap();
    assert_eq!(evicted.lost_event.as_deref(), Some("event-of-early"));
    assert_eq!((evicted.bound, &*evicted.client_id), (2, "c1"));
    assert_eq!(rule.pending(), Some(2));
    let gone = take(&rule, &exchange("early", 1001.0));
    assert_eq!(gone, Came::Ignored(IgnoredReason::UnknownCode));
    // The newest one goes itself when it is the one that expires first.
    let (came, evicted) = take_all(&rule, &expiring("soon", 1500));
    assert_eq!(came, Came::Held);
    assert_eq!(
        evicted.unwrap().lost_event.as_deref(),
        Some("event-of-soon")
    );
    dispatched(take(&rule, &exchange("late", 1001.0)));
    dispatched(take(&rule, &exchange("middle", 1001.0)));
}

#[test]
fn of_codes_that_expire_together_the_oldest_goes() {
    let rule = small(3);
    for code in ["a", "b", "c"] {
        take(&rule, &authorization(code));
    }
    for (code, gone) in [("d", "event-of-a"), ("e", "event-of-b")] {
        let (_, evicted) = take_all(&rule, &authorization(code));
        assert_eq!(evicted.unwrap().lost_event.as_deref(), Some(gone));
    }
}

#[test]
fn expired_codes_make_room_first_and_exchanged_ones_silently() {
    let rule = small(2);
    take(&rule, &expiring("a", 1100));
    take(&rule, &expiring("b", 5000));
    let later = with(expiring("c", 5000), "time", json!(1100));
    let (came, evicted) = take_all(&rule, &later);
    assert_eq!(came, Came::Held);
    // It could not come any more by the times of the facts; but those are what senders say.
    assert!(evicted.unwrap().lost_event.is_some());
    dispatched(take(&rule, &exchange("b", 1101.0)));
    // What is known of `b` is only that it was exchanged.
    assert_eq!(take(&rule, &expiring("d", 1200)), Came::Held);
    assert_eq!(rule.pending(), Some(2));
    dispatched(take(&rule, &exchange("c", 1101.0)));
    dispatched(take(&rule, &exchange("d", 1101.0)));
}

#[test]
fn a_fact_that_is_ignored_does_not_make_others_expire() {
    let rule = small(2);
    take(&rule, &expiring("a", 1100));
    let (came, _) = take_all(&rule, &exchange("nobody's", 253_402_300_799.0));
    assert_eq!(came, Came::Ignored(IgnoredReason::UnknownCode));
    take(&rule, &expiring("b", 5000));
    let (_, evicted) = take_all(&rule, &expiring("c", 900));
    assert!(evicted.unwrap().lost_event.is_some(), "`c` expires first");
    dispatched(take(&rule, &exchange("a", 1050.0)));
}

#[test]
fn a_dropped_code_whose_event_was_dispatched_loses_none() {
    let rule = small(1);
    take(
        &rule,
        &with(authorization("a"), "response_type", json!("code token")),
    );
    let (_, evicted) = take_all(&rule, &expiring("b", 5000));
    assert_eq!(evicted.unwrap().lost_event, None);
}

#[test]
fn what_is_known_stays_bounded_and_consistent_over_many_facts() {
    let rule = small(50);
    let mut lost = 0;
    for n in 0..2000 {
        let fact = expiring(&format!("c{n}"), 2000 + (n * 37) % 500);
        lost += usize::from(take_all(&rule, &fact).1.is_some());
        if n % 3 == 0 {
            take(&rule, &exchange(&format!("c{n}"), 1001.0));
        }
    }
    assert!(rule.pending().unwrap() <= 50);
    let left = (0..2000).filter(|n| {
        matches!(
            take(&rule, &exchange(&format!("c{n}"), 1001.0)),
            Came::Dispatched(_)
        )
    });
    let left = left.count();
    assert!(left > 0 && left <= 50);
    assert_eq!(rule.pending(), Some(0));
    assert!(lost > 0);
}

#[test]
fn many_threads_dispatch_each_event_once() {
    let rule = FlowRule::default();
    let dispatches = std::sync::atomic::AtomicUsize::new(0);
    for n in 0..200 {
        take(&rule, &authorization(&format!("c{n}")));
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..200 {
                    let came = take(&rule, &exchange(&format!("c{n}"), 1001.0));
                    if matches!(came, Came::Dispatched(_)) {
                        dispatches.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(dispatches.into_inner(), 200);
}
