//! What a real provider emitted, told to two hosts in turns.

use std::collections::BTreeMap;
use std::fs;

use op_listener_tests::{Finish as _, Setup, repository};
use serde_json::Value;

use crate::hosts::{Counts, at, host};
use crate::server::Redis;

fn recording(file: &str) -> String {
    fs::read_to_string(repository().join("tests/recording").join(file)).unwrap()
}

/// What the listener saw of each event, but for what differs from host to host.
fn events(hosts: &[&Setup]) -> BTreeMap<String, Value> {
    let mut events = BTreeMap::new();
    for host in hosts {
        for mut event in host.record("record.ndjson") {
            if event["call"] != "event" {
                continue;
            }
            event.as_object_mut().unwrap().remove("call_number");
            let id = event["id"].as_str().unwrap().to_owned();
            assert_eq!(events.insert(id, event), None, "twice");
        }
    }
    events
}

#[test]
fn authorisations_at_one_host_and_exchanges_at_the_other_give_the_recorded_events() {
    let Some(redis) = Redis::start("the recording at two hosts") else {
        return;
    };
    let clients = repository().join("tests/recording/clients.json");
    let with_clients = |setup: Setup| {
        fs::copy(&clients, setup.path().join("clients.json")).unwrap();
        let config = fs::read_to_string(setup.path().join("op-listener.toml")).unwrap();
        setup.config(&format!("clients = \"clients.json\"\n{config}"))
    };
    let alone = with_clients(host(""));
    let in_memory = alone
        .run_bytes(recording("facts.ndjson").as_bytes())
        .ended(0);
    assert_eq!(Counts::of(&in_memory).dispatched, 44);

    let hosts = [
        with_clients(host(&at(&redis.url()))),
        with_clients(host(&at(&redis.url()))),
    ];
    let mut running = [hosts[0].start(), hosts[1].start()];
    let mut codes = 0;
    for line in recording("facts.ndjson").lines() {
        let fact: Value = serde_json::from_str(line).unwrap();
        let kind = fact["type"].as_str().unwrap();
        // Tokens go where their exchange goes.
        let at = usize::from(kind != "authorization_completed");
        running[at].send(&format!("{line}\n"));
        if at == 0 && !fact["code"].is_null() {
            codes += 1;
            // The provider waits for its answer before it lets the client have the code.
            redis.wait_for_codes(codes);
        }
    }
    assert_eq!(codes, 13);
    let [one, other] = running.map(op_listener_tests::Running::finish);
    let counts = [
        Counts::of(&one.of(&hosts[0]).ended(0)),
        Counts::of(&other.of(&hosts[1]).ended(0)),
    ];
    assert_eq!(counts[0].dispatched + counts[1].dispatched, 44);
    assert_eq!(counts[0].ignored + counts[1].ignored, 0);
    assert_eq!(counts[0].lines() + counts[1].lines(), 55);
    let events_of_both = events(&[&hosts[0], &hosts[1]]);
    assert_eq!(events_of_both, events(&[&alone]));
    for line in recording("events.ndjson").lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(
            events_of_both.contains_key(event["id"].as_str().unwrap()),
            "{event}"
        );
    }
    // What was dispatched is not kept, only what never was.
    let facts = recording("facts.ndjson");
    let facts: Vec<Value> = facts
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let exchanged = |code: &Value| {
        let mut exchanges = facts.iter().filter(|fact| fact["type"] == "code_exchanged");
        exchanges.any(|fact| fact["code"] == *code)
    };
    let in_code_flow = facts.iter().filter(|fact| fact["response_type"] == "code");
    let left = in_code_flow
        .filter(|fact| !exchanged(&fact["code"]))
        .count();
    assert_eq!(redis.ask(&["EVAL", EVENTS_KEPT, "0"]), left.to_string());
}

/// How many codes still have their event.
const EVENTS_KEPT: &str = "local n = 0 for _, key in ipairs(redis.call('KEYS', '*code:*')) do if string.find(redis.call('HGET', key, 'record'), '\"event\":', 1, true) then n = n + 1 end end return n";
