//! The flow rule through the whole host: facts in, subject events out.

use std::fs;
use std::path::PathBuf;

use op_listener_tests::{Library, Setup, repository};
use serde_json::Value;

fn recording(file: &str) -> PathBuf {
    repository().join("tests/recording").join(file)
}

fn lines(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(recording(file)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn listening(config: &str) -> Setup {
    Setup::with(&[Library::Puppet]).config(&format!(
        "{config}\n[[listener]]\nplugin = \"puppet\"\nconfig = {{ record = \"record.ndjson\" }}"
    ))
}

/// Replays a file of the recording and gives the code and what the listener saw.
fn replay(file: &str) -> (Option<i32>, Vec<Value>) {
    let clients = recording("clients.json");
    let setup = listening(&format!("clients = {clients:?}"));
    let run = setup.run_bytes(&fs::read(recording(file)).unwrap());
    (run.code, run.events())
}

#[test]
fn a_recording_is_passed_on_whole_and_in_order() {
    let (code, seen) = replay("events.ndjson");
    assert_eq!(code, Some(0));
    let sent = lines("events.ndjson");
    assert_eq!(seen.len(), sent.len());
    let texts = fs::read_to_string(recording("events.ndjson")).unwrap();
    for ((seen, sent), text) in seen.iter().zip(&sent).zip(texts.lines()) {
        assert_eq!(seen["spi"], sent["type"]);
        for same in ["id", "txn", "client_id", "subject", "issuer"] {
            assert_eq!(seen[same], sent[same], "{same} of {sent}");
        }
        if let Some(claims) = seen["claims_json"].as_str() {
            assert!(text.contains(claims), "verbatim: {claims}\nin {text}");
        }
        if sent["type"] == "subject_auth_and_consent" {
            assert_eq!(
                seen["claims_json"].is_null(),
                sent["id_token_claims"].is_null()
            );
            for same in ["scope", "consented_claims"] {
                assert_eq!(seen[same], sent[same], "{same} of {sent}");
            }
        }
        assert!(seen["client"].is_string(), "sent with it or registered");
    }
}

#[test]
fn facts_give_exactly_the_subject_events_of_the_same_recording_in_order() {
    let (_, from_facts) = replay("facts.ndjson");
    let (_, from_events) = replay("events.ndjson");
    assert_eq!(from_facts.len(), from_events.len());
    let mut withheld = 0;
    for (mut fact, mut event) in from_facts.into_iter().zip(from_events) {
        if fact["session"].is_null() && !event["session"].is_null() {
            // It expired between the authorisation and the exchange.
            assert_eq!(fact["id"], "a40ed64c-ac02-71c6-867d-3ed335b25e34");
            withheld += 1;
            for side in [&mut fact, &mut event] {
                let mut more: Value = serde_json::from_str(side["more"].as_str().unwrap()).unwrap();
                more.as_object_mut().unwrap().remove("session");
                side["more"] = more;
                side["session"] = Value::Null;
            }
        }
        for side in [&mut fact, &mut event] {
            // Members may stand in another order.
            for object in ["more", "client"] {
                if let Some(text) = side[object].as_str() {
                    side[object] = serde_json::from_str(text).unwrap();
                }
            }
            if let Some(members) = side["session"]["members"].as_str() {
                side["session"]["members"] = serde_json::from_str(members).unwrap();
            }
        }
        assert_eq!(fact, event);
    }
    assert_eq!(withheld, 1);
}

const AUTHORIZATION: &str = r#"{"type":"authorization_completed","id":"a1","txn":"t1","time":1000,"issuer":"https://op.example.com","client_id":"000123","subject":"alice","response_type":"code","code":"c0de-secret","session":{"sid":"s1","expires_at":1500}}"#;
const EXCHANGE: &str = r#"{"type":"code_exchanged","time":1001,"issuer":"https://op.example.com","client_id":"000123","code":"c0de-secret","id_token_claims":{"sub":"pairwise-of-alice"}}"#;

#[test]
fn a_pairwise_client_in_the_code_flow_still_gives_the_local_subject() {
    let run = listening("");
    let run = run.run([AUTHORIZATION, EXCHANGE]).ended(0);
    let events = run.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["subject"], "alice");
    assert_eq!(events[0]["claims_json"], r#"{"sub":"pairwise-of-alice"}"#);
    assert_eq!(
        (&events[0]["id"], &events[0]["txn"]),
        (&"a1".into(), &"t1".into())
    );
    assert_eq!(
        events[0]["time_micros"], 1_000_000_000_u64,
        "the authorisation's"
    );
    assert_eq!(events[0]["session"]["sid"], "s1");
}

#[test]
fn the_event_is_due_at_once_or_at_the_exchange_and_only_once() {
    for (response_type, at_once) in [
        ("code", false),
        ("id_token", true),
        ("token", true),
        ("token id_token", true),
        ("code id_token", true),
        ("token code", true),
        ("code token id_token", true),
    ] {
        let with_code = response_type.contains("code");
        let mut authorization = AUTHORIZATION.replace(
            r#""response_type":"code""#,
            &format!(r#""response_type":"{response_type}""#),
        );
        if !with_code {
            authorization = authorization.replace(r#","code":"c0de-secret""#, "");
        }
        let setup = listening("");
        let run = setup.run([&authorization]).ended(0);
        assert_eq!(run.events().len(), usize::from(at_once), "{response_type}");
        if with_code {
            let setup = listening("");
            let run = setup.run([&*authorization, EXCHANGE]).ended(0);
            assert_eq!(run.events().len(), 1, "{response_type}");
            assert_eq!(
                run.messages("OPL0302"),
                [""; 0],
                "no warning: {response_type}"
            );
        }
    }
}

#[test]
fn exchanges_that_give_nothing_are_warnings_that_do_not_show_the_code() {
    let late = EXCHANGE.replace("1001", "1600");
    let other = EXCHANGE.replace("000123", "thief");
    let elsewhere = EXCHANGE.replace("op.example", "two.example");
    for (lines, events, warning) in [
        (vec![EXCHANGE], 0, "not known"),
        (vec![AUTHORIZATION, &late], 0, "expired"),
        (vec![AUTHORIZATION, &other], 0, "another client"),
        (vec![AUTHORIZATION, &other, EXCHANGE], 1, "another client"),
        (
            vec![AUTHORIZATION, EXCHANGE, EXCHANGE],
            1,
            "exchanged before",
        ),
        (vec![AUTHORIZATION, &elsewhere], 0, "not known"),
    ] {
        let setup = listening("[log]\nlevel = \"trace\"");
        let run = setup.run(&lines).ended(0);
        assert_eq!(run.events().len(), events, "{lines:?}");
        let message = run.message("OPL0302");
        assert!(message.contains(warning), "{message}");
        assert!(!run.log.contains("c0de-secret"), "{}", run.log);
        assert!(
            run.message("OPL0002")
                .contains("1 exchanges ignored, 0 lines refused")
        );
    }
}

#[test]
fn a_code_that_is_still_pending_is_refused_and_the_first_authorisation_stays() {
    let second = AUTHORIZATION
        .replace("alice", "mallory")
        .replace("a1", "a2");
    let setup = listening("");
    let run = setup.run([AUTHORIZATION, &second, EXCHANGE]).ended(1);
    assert_eq!(run.events()[0]["subject"], "alice");
    let message = run.message("OPL0301");
    assert!(
        message.starts_with("line 2: member `code`: belongs to an earlier"),
        "{message}"
    );
    assert!(!run.log.contains("c0de-secret"), "{}", run.log);
}

#[test]
fn a_session_that_expires_before_the_exchange_is_withheld() {
    let late = EXCHANGE.replace("1001", "1500");
    let setup = listening("");
    let run = setup.run([AUTHORIZATION, &late]).ended(0);
    assert_eq!(run.events()[0]["session"], Value::Null);
    assert!(!run.events()[0].to_string().contains("s1"));
}

#[test]
fn pending_codes_are_bounded_and_the_loss_is_told() {
    let second = AUTHORIZATION
        .replace("c0de-secret", "another")
        .replace("1000", "1010")
        .replace("a1", "a2");
    let setup = listening("[flow]\nmax_pending = 1");
    let run = setup.run([AUTHORIZATION, &second, EXCHANGE]).ended(0);
    assert_eq!(
        run.message("OPL0303"),
        "more than 1 codes are pending: dropped the one that expires first, of client \"000123\"; \
         its event a1 will not be dispatched"
    );
    assert_eq!(run.events().len(), 0);
}

#[test]
fn codes_live_as_long_as_the_configuration_says() {
    let at = |time: &str| EXCHANGE.replace("1001", time);
    for (config, time, dispatched) in [
        ("", "1599.9", 1),
        ("", "1600", 0),
        ("[flow]\ncode_lifetime = 60", "1059.9", 1),
        ("[flow]\ncode_lifetime = 60", "1060", 0),
        ("[flow]\ncode_lifetime = 3600", "4599", 1),
    ] {
        let setup = listening(config);
        let run = setup.run([AUTHORIZATION, &at(time)]).ended(0);
        assert_eq!(run.events().len(), dispatched, "{config:?} at {time}");
    }
    // What the fact says goes before.
    let said = AUTHORIZATION.replace(r#""code":"#, r#""code_expires_at":1100,"code":"#);
    let setup = listening("[flow]\ncode_lifetime = 60");
    assert_eq!(setup.run([&*said, &at("1099")]).ended(0).events().len(), 1);
}
