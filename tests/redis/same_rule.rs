//! Whatever facts come, in memory and in Redis the same comes of them.

use op_listener_host::flow::Outcome;
use op_listener_host::intake::{Pipeline, Refusal};
use serde_json::{Value, json};

use crate::hosts::{at, library};
use crate::server::Redis;

/// What comes of a fact, in short; the event whole.
fn came(pipeline: &Pipeline, fact: &Value) -> String {
    let text = fact.to_string();
    match pipeline.process(text.as_bytes(), None) {
        Ok(decision) => match &decision.outcome {
            Outcome::Dispatch(event) => format!(
                "{} {:?} {} {} {} {:?} {:?} {:?} {:?}",
                event.id(),
                event.txn(),
                event.time(),
                event.issuer(),
                event.client_id(),
                event.subject(),
                event.claims(),
                event.client(),
                event.more(),
            ),
            Outcome::Held => "held".to_owned(),
            Outcome::NothingDue => "nothing due".to_owned(),
            Outcome::Ignored(ignored) => ignored.to_string(),
        },
        Err(Refusal::CodeStillPending(error)) => error.to_string(),
        Err(other) => panic!("{fact}: {other}"),
    }
}

/// Numbers that only look random, so that a failure comes again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }

    fn one_of<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        let bound = u64::try_from(values.len()).unwrap();
        &values[usize::try_from(self.below(bound)).unwrap()]
    }
}

fn fact(n: &mut Numbers, serial: usize) -> Value {
    let code = format!("c{}", n.below(12));
    let issuer = n.one_of(&["https://op.example.com", "https://op.example.com/2"]);
    let client = *n.one_of(&["a", "a", "a", "b \"q\" \u{e9}"]);
    let time = 1000 + n.below(400);
    let mut fact =
        json!({"id": format!("f{serial}"), "time": time, "issuer": issuer, "code": code});
    if n.below(2) == 0 {
        fact["type"] = "authorization_completed".into();
        fact["client_id"] = client.into();
        fact["subject"] = "alice \u{1F600}\\\"".into();
        let types = ["code", "code", "code", "code token", "id_token code"];
        fact["response_type"] = (*n.one_of(&types)).into();
        fact["code_expires_at"] = json!(time + n.below(200));
        fact["authz_data"] = json!({"big": 123_456_789_012_345_678_u64, "x": [1.50, null]});
        if n.below(2) == 0 {
            fact["session"] = json!({"sid": "s", "expires_at": time + n.below(100)});
        }
        if n.below(2) == 0 {
            fact["id_token_claims"] = json!({"own": serial});
            fact["txn"] = json!(format!("t{serial}"));
        }
    } else {
        fact["type"] = "code_exchanged".into();
        if n.below(4) > 0 {
            fact["client_id"] = client.into();
        }
        if n.below(2) == 0 {
            fact["id_token_claims"] = json!({"theirs": serial});
            fact["client"] = json!({"client_id": client, "client_name": "C"});
        }
    }
    fact
}

#[test]
fn what_comes_of_facts_is_the_same_in_memory_and_in_redis() {
    let Some(redis) = Redis::start("the same rule") else {
        return;
    };
    let mut numbers = Numbers(7);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..10 {
        redis.ask(&["FLUSHALL"]);
        let (_, in_memory) = library("");
        let (_, in_redis) = library(&at(&redis.url()));
        for serial in 0..100 {
            let fact = fact(&mut numbers, serial);
            let expected = came(&in_memory, &fact);
            // An event is marked as dispatched behind the caller's back; to the same host that makes
            // no difference.
            assert_eq!(came(&in_redis, &fact), expected, "{fact}");
            let kind = if expected.starts_with('f') {
                "event"
            } else {
                &expected
            };
            seen.insert(kind.split(", issuer").next().unwrap().to_owned());
        }
    }
    // Held, dispatched, nothing due, still pending, and each of the four reasons to ignore.
    assert_eq!(seen.len(), 8, "{seen:?}");
}

#[test]
fn a_fact_that_is_sent_again_is_no_second_one() {
    let Some(redis) = Redis::start("facts sent again") else {
        return;
    };
    let (_, one) = library(&at(&redis.url()));
    let (_, other) = library(&at(&redis.url()));
    let authorization = json!({"type": "authorization_completed", "id": "a1", "time": 1, "code": "c",
        "issuer": "https://op.example.com", "client_id": "a", "subject": "s", "response_type": "code"});
    let exchange = json!({"type": "code_exchanged", "id": "x1", "time": 2, "code": "c",
        "issuer": "https://op.example.com"});
    for pipeline in [&one, &other, &one] {
        assert_eq!(came(pipeline, &authorization), "held");
    }
    let mut second = authorization.clone();
    second["id"] = "a2".into();
    assert!(came(&other, &second).contains("still pending"));
    assert!(came(&one, &exchange).starts_with("a1 "));
    for pipeline in [&one, &one] {
        assert_eq!(came(pipeline, &exchange), "nothing due");
    }
    let mut second = exchange.clone();
    second["id"] = "x2".into();
    assert!(came(&one, &second).contains("exchanged before"));
    assert_eq!(came(&one, &authorization), "nothing due");
    // The other host learns it as soon as it is marked, and waits until then.
    assert_eq!(came(&other, &exchange), "nothing due");
    assert!(came(&other, &second).contains("exchanged before"));
}
