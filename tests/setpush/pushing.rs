//! What arrives when all is well, and when it is not for a while.

use op_listener_tests::{access_token, id_token, subject};
use serde_json::{Value, json};

use crate::receiver::{answer, eventually};
use crate::stage::{Stage, Wanted};

#[test]
fn every_kind_of_event_arrives_as_a_set_that_jose_verifies() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let wanted = Wanted {
            algorithm,
            ..Wanted::default()
        };
        let Some(stage) = Stage::with("set push", &wanted) else {
            return;
        };
        stage.setup.secret("token", "Bearer t0ken-of-mine\n");
        let mut host = stage.start("authorization_file = \"token\"\nclaims = \"iat, jti\"");
        host.send(&format!(
            "{}\n{}\n{}\n",
            id_token("e1"),
            access_token("e2"),
            subject("e3")
        ));
        let mut taken = stage.receiver.wait_for_taken(3);
        taken.sort_by_key(|claims| claims["jti"].to_string());
        let payload = |index: usize| {
            let events = taken[index]["events"].as_object().unwrap();
            events
                .iter()
                .next()
                .map(|(name, payload)| (name.clone(), payload.clone()))
                .unwrap()
        };
        for (index, (id, name, claims)) in [
            ("e1", "id-token-issued", json!({ "iat": 1_523_304_728 })),
            ("e2", "access-token-issued", json!({ "jti": "j-1" })),
            ("e3", "subject-authenticated-and-consented", json!({})),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(taken[index]["jti"], id);
            assert_eq!(
                taken[index]["sub_id"],
                json!({ "format": "iss_sub", "iss": "https://op.example.com", "sub": "alice" })
            );
            let expected = json!({ "client_id": "000123", "claims": claims });
            assert_eq!(
                payload(index),
                (format!("urn:op-listener:event-type:{name}"), expected)
            );
        }
        for request in stage.receiver.requests() {
            assert_eq!(request["header"]["typ"], "secevent+jwt");
            assert_eq!(request["header"]["alg"], algorithm);
            assert_eq!(request["headers"]["authorization"], "Bearer t0ken-of-mine");
        }
        stage.wait_for_queue(0, 0);
        assert_eq!(stage.queue()["delivered"], 3);
        let ended = host.finish();
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
        assert!(!ended.stderr.contains("t0ken"), "{}", ended.stderr);
        let mut said = ended.stderr.lines();
        assert!(
            !said.any(|line| line.contains(" op_listener_set_push - ")),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn what_is_sent_again_is_the_same_to_the_byte() {
    let Some(mut stage) = Stage::new("the same bytes again") else {
        return;
    };
    stage.receiver.plan(&json!([
        answer(500),
        { "do": "cut" },
        { "do": "answer", "status": 429, "headers": { "Retry-After": "1" } },
        answer(503),
        answer(401),
        { "do": "hang" },
        { "do": "slow", "status": 202 },
        { "do": "huge", "status": 500 },
        answer(204),
        answer(404),
    ]));
    let mut host = stage.start("timeout_ms = 4000");
    host.send(&format!("{}\n", id_token("e1")));
    let taken = stage.receiver.wait_for_taken(1);
    assert_eq!(taken[0]["jti"], "e1");
    let requests = stage.receiver.requests();
    assert_eq!(requests.len(), 11);
    assert!(
        requests
            .iter()
            .all(|request| request["sha256"] == requests[0]["sha256"])
    );
    assert!(
        requests
            .iter()
            .all(|request| request["claims"] == requests[0]["claims"])
    );
    stage.wait_for_queue(0, 0);
    let log = host.finish().stderr;
    for said in ["it answered 401", "it answered 204", "it answered 404"] {
        assert_eq!(log.matches(said).count(), 1, "{said}: {log}");
    }
}

#[test]
fn an_event_is_answered_while_nobody_receives_and_arrives_after_a_restart() {
    let Some(mut stage) = Stage::new("nobody receives") else {
        return;
    };
    let steps: Vec<Value> = (0..10_000).map(|_| answer(503)).collect();
    stage.receiver.plan(&steps.into());
    let mut host = stage.start("");
    for number in 0..20 {
        host.send(&format!("{}\n", id_token(&format!("e{number}"))));
    }
    stage.wait_for_queue(20, 0);
    let ended = host.finish();
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!(stage.receiver.taken().len(), 0);

    // Another one at another port: what waits goes where the configuration now says.
    let Some(other) = Stage::with(
        "nobody receives",
        &Wanted {
            but: json!({ "jwks": stage.setup.path().join("jwks.json") }),
            ..Wanted::default()
        },
    ) else {
        return;
    };
    stage.configure(&other.url(), "allow_hosts = [\"127.0.0.1\"]");
    let host = stage.run();
    let taken = other.receiver.wait_for_taken(20);
    let mut ids: Vec<_> = taken
        .iter()
        .map(|claims| claims["jti"].to_string())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    stage.wait_for_queue(0, 0);
    assert_eq!(host.finish().code(), Some(0));
}

#[test]
fn in_order_nothing_overtakes_what_is_tried_again() {
    let Some(mut stage) = Stage::new("in order") else {
        return;
    };
    stage
        .receiver
        .plan(&json!([answer(500), answer(500), { "do": "cut" }]));
    let mut host = stage.start("order = \"all\"");
    for number in 0..30 {
        if number % 10 == 5 {
            stage.receiver.plan(&json!([answer(503)]));
        }
        host.send(&format!("{}\n", id_token(&format!("e{number:02}"))));
    }
    let taken = stage.receiver.wait_for_taken(30);
    let ids: Vec<_> = taken
        .iter()
        .map(|claims| claims["jti"].as_str().unwrap())
        .collect();
    let expected: Vec<_> = (0..30).map(|number| format!("e{number:02}")).collect();
    assert_eq!(ids, expected);
    host.finish();
}

#[test]
fn connections_are_used_again() {
    let Some(stage) = Stage::new("connections") else {
        return;
    };
    let mut host = stage.start("");
    for number in 0..200 {
        host.send(&format!("{}\n", id_token(&format!("e{number}"))));
    }
    stage.receiver.wait_for_taken(200);
    let mut ports: Vec<_> = stage
        .receiver
        .requests()
        .iter()
        .map(|it| it["port"].to_string())
        .collect();
    ports.sort();
    ports.dedup();
    // As many as SETs are on their way at a time.
    assert!(ports.len() <= 4, "{ports:?}");
    host.finish();
}

#[test]
fn two_receivers_are_two_listeners_and_one_does_not_wait_for_the_other() {
    let Some(mut stage) = Stage::new("two receivers") else {
        return;
    };
    let Some(other) = Stage::with(
        "two receivers",
        &Wanted {
            but: json!({ "jwks": stage.setup.path().join("jwks.json"), "audience": "https://other.example.com" }),
            ..Wanted::default()
        },
    ) else {
        return;
    };
    stage
        .receiver
        .plan(&json!([{ "do": "hang" }, { "do": "hang" }, { "do": "hang" }, { "do": "hang" }]));
    let second = format!(
        "allow_hosts = \"127.0.0.1\"\njti = \"instance\"\n[[listener]]\nplugin = \"set-push\"\nname = \"other\"\n\
         [listener.config]\nenable = true\nendpoint = \"{}\"\naudience = \"https://other.example.com\"\n\
         jti = \"instance\"\nallow_hosts = \"127.0.0.1\"",
        other.url()
    );
    stage.configure(&stage.url(), &second);
    let mut host = stage.run();
    host.send(&format!("{}\n", id_token("e1")));
    assert_eq!(other.receiver.wait_for_taken(1)[0]["jti"], "e1:other");
    eventually(
        || (stage.receiver.requests().len() == 1).then_some(()),
        || "the first receiver has it too".to_owned(),
    );
    assert_eq!(stage.receiver.requests()[0]["claims"]["jti"], "e1:push");
}
