//! Attaching the bridge: options that are wrong, and tokens that no request asks for.

use std::fs;

use op_listener_tests::peers::assert_locked;
use op_listener_tests::{repository, start};
use serde_json::json;

use crate::expected::assert_well;
use crate::world::{RECORDING, World, stop};

#[test]
fn wrong_options_are_refused_with_what_would_be_right() {
    let Some(world) = World::new(RECORDING) else {
        return;
    };
    world.file("empty", "\n");
    let cases = [
        (json!({}), "either socketPath or url"),
        (
            json!({ "socketPath": "s", "url": "http://localhost" }),
            "either socketPath or url",
        ),
        (
            json!({ "socketPath": "s", "timeOut": 1 }),
            "no option timeOut; there are",
        ),
        (
            json!({ "socketPath": "s", "timeout": "3s" }),
            "timeout must be a whole number",
        ),
        (
            json!({ "socketPath": "s", "maxKept": -1 }),
            "maxKept must be a whole number",
        ),
        (
            json!({ "socketPath": "s", "onFailure": "ignore" }),
            "'continue' or 'refuse'",
        ),
        (
            json!({ "socketPath": "s", "client": "all" }),
            "client must be",
        ),
        (
            json!({ "socketPath": "s", "tokenFile": "t" }),
            "go with url",
        ),
        (json!({ "url": "http://127.0.0.1:1" }), "name a tokenFile"),
        (
            json!({ "url": "http://op.example.com", "tokenFile": "t" }),
            "https:// or a loopback address",
        ),
        (
            json!({ "url": "http://me:it@localhost", "tokenFile": "t" }),
            "no user, query and fragment",
        ),
        (
            json!({ "url": "ftp://localhost", "tokenFile": "t" }),
            "begin with http://",
        ),
        (
            json!({ "url": "http://localhost", "tokenFile": "empty" }),
            "must hold one line, the token",
        ),
        (
            json!({ "url": "http://localhost", "tokenFile": "gone" }),
            "ENOENT",
        ),
    ];
    for (options, right) in cases {
        let done = start(&mut world.provider_command(&options)).finish();
        assert!(!done.status.success(), "{options}");
        assert!(done.stderr.contains(right), "{options}: {}", done.stderr);
    }
}

#[test]
fn tokens_that_no_request_asks_for_are_told_within_run_and_said_without() {
    let Some(world) = World::new(RECORDING) else {
        return;
    };
    let (host, _) = world.host();
    let provider = world.provider(json!({ "strayTokens": true }));
    let events = world.events();
    assert_eq!(events.len(), 1, "{events:?}");
    let claims = events[0]["claims_json"].as_str().unwrap();
    assert!(claims.contains("\"scope\":\"run\""), "{claims}");
    let (said, _) = provider.end();
    assert_eq!(
        said.matches("was issued outside of a request").count(),
        1,
        "{said}"
    );
    stop(host);
}

#[test]
fn data_that_cannot_be_made_costs_its_event_alone() {
    let Some(world) = World::new(RECORDING) else {
        return;
    };
    let (host, _) = world.host();
    let flow =
        json!([{ "user": "alice", "client": "every-flow", "response_type": "id_token token" }]);
    let provider = world.provider(json!({ "failingAuthzData": true }));
    assert_well(&world.drive(&provider, &flow));
    let seen: Vec<_> = world
        .events()
        .iter()
        .map(|event| event["spi"].clone())
        .collect();
    assert_eq!(seen, ["access_token_issue", "id_token_issue"]);
    let (said, counts) = provider.end();
    assert!(
        said.contains("the authorization_completed of a response cannot be told"),
        "{said}"
    );
    assert_eq!((counts.posted, counts.lost), (2, 1));

    let provider = world.provider(json!({ "failingAuthzData": true, "onFailure": "refuse" }));
    let done = world.drive(&provider, &flow);
    assert_eq!(done[0]["responses"][0]["error"], "temporarily_unavailable");
    assert_eq!(world.events().len(), 2);
    provider.end();
    stop(host);
}

#[test]
fn the_bridge_has_no_dependencies_and_the_provider_is_pinned() {
    let folder = repository().join("tests/oidc-provider");
    assert_locked(&folder.join("package-lock.json"));
    let package = fs::read_to_string(folder.join("bridge/package.json")).unwrap();
    let package: serde_json::Value = serde_json::from_str(&package).unwrap();
    assert_eq!(package.get("dependencies"), None);
    assert_eq!(
        package["peerDependencies"],
        json!({ "oidc-provider": "^9.13.3" })
    );
}
