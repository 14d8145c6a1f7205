//! A receiver on npm `jose`, with the keys that the host publishes.

use std::fs;
use std::process::Command;

use op_listener_tests::peers::npm_packages;
use op_listener_tests::{access_token, id_token, or_say, start, subject};
use serde_json::{Value, json};

use super::{Polled, TOKEN};
use crate::receiver_sources;
use crate::stage::{AUDIENCE, ISSUER};

#[test]
fn a_receiver_that_polls_verifies_what_it_gets_and_acknowledges_it() {
    let node = or_say(
        "a receiver that polls",
        npm_packages("set-receiver", &receiver_sources()),
    );
    let Some(node) = node else { return };
    let host = Polled::start("wait = 20", "claims = \"iat\"");
    let script = node.join("poller.mjs");
    fs::copy(receiver_sources().join("poller.mjs"), &script).unwrap();
    let config = json!({
        "base": format!("http://{}", host.address),
        "stream": "/set/push",
        "token": TOKEN,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "algorithm": "ES256",
        "wanted": 3,
    });
    let config = host.setup.secret("poller.json", &config.to_string());
    let poller = start(Command::new("node").arg(script).arg(config));
    host.wait_for_polls(1);
    let mut inside = host.inside();
    for event in [id_token("e1"), access_token("e2"), subject("e3")] {
        assert_eq!(inside.post(&event).status, 204);
    }
    let ended = poller.finish();
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let mut taken: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    taken.sort_by_key(|claims| claims["jti"].to_string());
    let ids: Vec<_> = taken.iter().map(|claims| claims["jti"].clone()).collect();
    assert_eq!(ids, ["e1", "e2", "e3"]);
    assert_eq!(host.queue()["delivered"], 3);
    assert_eq!(host.queue()["waiting"], 0);
}
