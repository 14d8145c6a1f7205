//! What a receiver refuses, and what becomes of it.

use op_listener_tests::id_token;
use serde_json::{Value, json};

use crate::receiver::{answer, refusal};
use crate::stage::{Stage, Wanted};

#[test]
fn each_error_code_makes_a_dead_letter_that_keeps_what_the_receiver_said() {
    const CODES: [&str; 7] = [
        "invalid_request",
        "invalid_key",
        "invalid_issuer",
        "invalid_audience",
        "authentication_failed",
        "access_denied",
        "invalid_state",
    ];
    let Some(mut stage) = Stage::new("refusals") else {
        return;
    };
    stage.receiver.plan(&CODES.map(refusal).to_vec().into());
    let mut host = stage.start("order = \"all\"");
    for number in 0..=CODES.len() {
        host.send(&format!("{}\n", id_token(&format!("e{number}"))));
    }
    // What comes after is not held back.
    assert_eq!(stage.receiver.wait_for_taken(1)[0]["jti"], "e7");
    stage.wait_for_queue(0, 7);
    let dead = stage.call(&["show", "push", "--dead"]);
    for (code, letter) in CODES.iter().zip(dead.as_array().unwrap()) {
        assert_eq!(letter["status"], 400);
        assert_eq!(
            letter["reason"],
            format!("refused as {code}: this is {code} (in the language en)")
        );
        let answer: Value = serde_json::from_str(letter["answer"].as_str().unwrap()).unwrap();
        assert_eq!(
            answer,
            json!({ "err": code, "description": format!("this is {code}") })
        );
    }
    assert_eq!(
        stage.receiver.requests().len(),
        8,
        "none is tried again by itself"
    );

    assert_eq!(stage.call(&["retry", "push"])["retried"], 7);
    let taken = stage.receiver.wait_for_taken(8);
    assert_eq!(taken.len(), 8);
    let requests = stage.receiver.requests();
    for id in ["e0", "e6"] {
        let mut hashes = requests.iter().filter(|it| it["claims"]["jti"] == id);
        let hashes = [hashes.next().unwrap(), hashes.next().unwrap()];
        assert_eq!(hashes[0]["sha256"], hashes[1]["sha256"]);
    }
    stage.wait_for_queue(0, 0);
    let log = host.finish().stderr;
    assert!(log.contains("refused as invalid_"), "{log}");
}

/// The receiver expects what the host does not say, and finds it out itself.
#[test]
fn a_receiver_that_expects_another_issuer_audience_or_key_says_so() {
    for (but, code) in [
        (
            json!({ "issuer": "https://other.example.com" }),
            "invalid_issuer",
        ),
        (
            json!({ "audience": "https://other.example.com" }),
            "invalid_audience",
        ),
        (json!({ "jwks": "{dir}/stranger.json" }), "invalid_key"),
    ] {
        let stranger = |setup: &op_listener_tests::Setup| {
            let other = op_listener_tests::Setup::new();
            let generated = other
                .call(&["keys", "generate", "--algorithm", "ES256"])
                .stdout;
            let keys = other.file("keys.json", generated);
            let arguments = [
                "keys",
                "jwks",
                "--algorithm",
                "ES256",
                keys.to_str().unwrap(),
            ];
            setup.file("stranger.json", other.call(&arguments).stdout);
        };
        let Some(stage) = stage_with(&but, &stranger) else {
            return;
        };
        let mut host = stage.start("");
        host.send(&format!("{}\n", id_token("e1")));
        stage.wait_for_queue(0, 1);
        let dead = stage.call(&["show", "push", "--dead"]);
        let reason = dead[0]["reason"].as_str().unwrap();
        assert!(
            reason.starts_with(&format!("refused as {code}: ")),
            "{reason}"
        );
        host.finish();
    }
}

fn stage_with(but: &Value, prepare: &dyn Fn(&op_listener_tests::Setup)) -> Option<Stage> {
    Stage::with(
        "what a receiver expects",
        &Wanted {
            but: but.clone(),
            prepare,
            ..Wanted::default()
        },
    )
}

#[test]
fn a_redirect_is_not_followed_and_nothing_is_lost_over_it() {
    let Some(mut stage) = Stage::new("redirects") else {
        return;
    };
    let elsewhere = format!("http://127.0.0.1:{}/elsewhere", stage.receiver.port);
    let steps = [301, 302, 303, 307, 308].map(
        |status| json!({ "do": "answer", "status": status, "headers": { "Location": elsewhere } }),
    );
    stage.receiver.plan(&steps.to_vec().into());
    let mut host = stage.start("");
    host.send(&format!("{}\n", id_token("e1")));
    stage.receiver.wait_for_taken(1);
    let requests = stage.receiver.requests();
    assert_eq!(requests.len(), 6);
    assert!(
        requests.iter().all(|request| request["path"] == "/set"),
        "{requests:#?}"
    );
    let log = host.finish().stderr;
    assert!(log.contains("redirects are not followed"), "{log}");
}

#[test]
fn attempts_that_are_used_up_make_a_dead_letter_with_the_last_answer() {
    let Some(mut stage) = Stage::new("attempts") else {
        return;
    };
    let steps: Vec<Value> = (0..100).map(|_| answer(403)).collect();
    stage.receiver.plan(&steps.into());
    let settings = "allow_hosts = [\"127.0.0.1\"]";
    stage.configure(&stage.url(), settings);
    let file = stage.setup.path().join("op-listener.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let config = config.replace("attempts = 100000", "attempts = 3");
    std::fs::write(&file, config).unwrap();
    let mut host = stage.run();
    host.send(&format!("{}\n", id_token("e1")));
    stage.wait_for_queue(0, 1);
    assert_eq!(stage.receiver.requests().len(), 3);
    let dead = stage.call(&["show", "push", "--dead"]);
    assert_eq!(dead[0]["status"], 403);
    host.finish();
}
