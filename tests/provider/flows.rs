//! Each flow, counted, and compared claim by claim with what the client got.

use std::fs;
use std::process::Command;

use op_listener_tests::{or_say, output_of};
use serde_json::{Value, json};

use crate::expected::{assert_seen, assert_well, count, of_flow};
use crate::world::{Counts, RECORDING, World, stop};

const JWT: &str = "https://api.example.com/jwt";
const OPAQUE: &str = "https://api.example.com/opaque";
const WITH_API: &str = "openid profile email api:read";

/// All that a response may hold, for public and for pairwise subjects.
const FRONT: [&str; 5] = [
    "id_token",
    "id_token token",
    "code id_token",
    "code token",
    "code id_token token",
];

/// One of each flow, and how many events of it there must be: access tokens, ID tokens, subjects.
fn all() -> Vec<(Value, [usize; 3])> {
    let mut flows = vec![
        (
            json!({ "client": "web", "response_type": "code", "then": ["exchange"] }),
            [1, 1, 1],
        ),
        (
            json!({ "client": "web", "response_type": "code", "then": ["exchange", "refresh"] }),
            [2, 2, 1],
        ),
        // Twice through, the second time without any page.
        (
            json!({ "client": "web", "response_type": "code", "then": ["exchange", "silent"] }),
            [2, 2, 2],
        ),
        // The second time without the exchange's tokens; a code is good for one exchange.
        (
            json!({ "client": "web", "response_type": "code", "then": ["exchange", "exchange again"] }),
            [1, 1, 1],
        ),
        (
            json!({ "client": "web", "response_type": "code", "then": [] }),
            [0, 0, 0],
        ),
        (
            json!({ "client": "web", "response_type": "code", "then": ["exchange", "refresh"],
                    "scope": WITH_API, "resource": JWT }),
            [2, 2, 1],
        ),
        (
            json!({ "client": "web", "response_type": "code", "then": ["exchange"],
                    "scope": WITH_API, "resource": OPAQUE }),
            [1, 1, 1],
        ),
        // Plain OAuth: no ID token.
        (
            json!({ "client": "web", "response_type": "code", "then": ["exchange"],
                    "scope": "api:read", "resource": JWT }),
            [1, 0, 1],
        ),
        (
            json!({ "client": "web", "response_type": "code", "then": ["exchange"],
                    "scope": "openid", "claims": { "id_token": { "email": null } } }),
            [1, 1, 1],
        ),
        (
            json!({ "client": "encrypted", "response_type": "code", "then": ["exchange"] }),
            [1, 1, 1],
        ),
        (
            json!({ "client": "pairwise", "response_type": "code", "then": ["exchange", "refresh"] }),
            [2, 2, 1],
        ),
        (
            json!({ "client": "pairwise", "response_type": "code", "then": ["exchange"],
                    "scope": WITH_API, "resource": JWT }),
            [1, 1, 1],
        ),
        (
            json!({ "client": "every-flow", "response_type": "none" }),
            [0, 0, 0],
        ),
        (json!({ "client": "tv" }), [1, 1, 1]),
    ];
    for client in ["every-flow", "pairwise"] {
        for response_type in FRONT {
            let code = response_type.contains("code");
            let flow = json!({
                "client": client,
                "response_type": response_type,
                "then": if code { vec!["exchange"] } else { vec![] },
            });
            let at_front = |what: &str| {
                response_type
                    .split(' ')
                    .filter(|word| *word == what)
                    .count()
            };
            let redeemed = usize::from(code);
            flows.push((
                flow,
                [
                    at_front("token") + redeemed,
                    at_front("id_token") + redeemed,
                    1,
                ],
            ));
        }
    }
    for (number, (flow, _)) in flows.iter_mut().enumerate() {
        flow["user"] = format!("user {number} \"ø\"").into();
    }
    flows.push((
        json!({ "client": "machine", "scope": "api:read", "resource": JWT }),
        [1, 0, 0],
    ));
    flows
}

fn only_flows() -> Value {
    all().into_iter().map(|(flow, _)| flow).collect()
}

fn count_of(events: &[Value], spi: &str) -> usize {
    events.iter().filter(|event| event["spi"] == spi).count()
}

#[test]
fn listeners_see_each_flow_as_the_client_does() {
    let Some(world) = World::new(RECORDING) else {
        return;
    };
    let (host, _) = world.host();
    let provider = world.provider(json!({}));
    let done = world.drive(&provider, &only_flows());

    // What each flow comes to is known beforehand.
    for (flow, (_, right)) in done.iter().zip(all()) {
        let events = of_flow(flow);
        let found = [
            "access_token_issue",
            "id_token_issue",
            "subject_auth_and_consent",
        ]
        .map(|spi| count_of(&events, spi));
        assert_eq!(found, right, "{flow:#}");
    }
    // Synchronous: all of it was there before the client got its last answer.
    assert_seen(&done, &world.events());

    let (said, counts) = provider.end();
    assert!(!said.contains("op-listener bridge"), "{said}");
    assert_eq!((counts.late, counts.refused, counts.lost), (0, 0, 0));
    let log = stop(host);
    assert!(
        !log.contains(" ERROR ") && !log.contains("OPL0302"),
        "{log}"
    );
}

#[test]
fn flows_of_several_users_at_once_do_not_mix() {
    let Some(world) = World::new(RECORDING) else {
        return;
    };
    let (host, _) = world.host();
    let provider = world.provider(json!({ "maxConnections": 3 }));
    let done = world.drive_together(&provider, &only_flows());
    assert_seen(&done, &world.events());
    let (_, counts) = provider.end();
    assert_eq!((counts.late, counts.refused, counts.lost), (0, 0, 0));
    stop(host);
}

#[test]
fn an_event_has_all_that_the_provider_knows_and_nothing_secret() {
    let Some(world) = World::new(RECORDING) else {
        return;
    };
    let (host, _) = world.host();
    let provider = world.provider(json!({}));
    let flow = json!([{
        "user": "alice", "client": "pairwise", "response_type": "code id_token token",
        "scope": WITH_API, "resource": OPAQUE, "claims": { "id_token": { "address": null } },
    }]);
    let done = world.drive(&provider, &flow);
    assert_well(&done);
    let events = world.events();
    assert_seen(&done, &events);

    for event in &events {
        let client: Value = serde_json::from_str(event["client"].as_str().unwrap()).unwrap();
        assert_eq!(client["client_id"], "pairwise");
        assert_eq!(client["subject_type"], "pairwise");
        assert_eq!(
            client["redirect_uris"],
            json!(["https://rp.example.com/cb"])
        );
        assert_eq!(client.get("client_secret"), None);
        assert_eq!(event["subject"], "alice");
        assert_eq!(event["issuer"], done[0]["responses"][0]["id_token"]["iss"]);
    }
    let subject = events.last().unwrap();
    assert_eq!(
        subject["scope"],
        json!(["openid", "profile", "email", "api:read"])
    );
    let names = "sub acr amr name updated_at email email_verified address";
    let names: Vec<_> = names.split(' ').collect();
    assert_eq!(subject["consented_claims"], json!(names));
    assert_eq!(subject["authz_data"], r#"{"prompt":null}"#);
    let session = &subject["session"];
    let told = &done[0]["responses"][0]["access_token"]["introspection"];
    assert_eq!(session["sid"], told["sid"]);
    let (began, ends) = (&session["auth_time"], &session["expires_at"]);
    // Sessions of this provider live for an hour, from when the response is made.
    let lives = ends.as_f64().unwrap() - began.as_f64().unwrap();
    assert!((3600.0..3660.0).contains(&lives), "{session}");

    let told = serde_json::to_string(&events).unwrap();
    // The claims have the hashes of the tokens, and nobody has the tokens.
    assert!(told.contains("at_hash") && told.contains("c_hash"));
    for secret in ["eyJ", "secret of", "\"code\"", "password"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
    provider.end();
    let log = stop(host);
    assert!(!log.contains("eyJ") && !log.contains("secret"), "{log}");
}

#[test]
fn tls_takes_events_with_a_certificate() {
    let config = RECORDING.replace(
        "unix = \"events.sock\"",
        "http = \"127.0.0.1:0\", tls = { certificate = \"cert.pem\", key = \"key.pem\", client_ca = \"cert.pem\" }",
    );
    let Some(world) = World::new(&config) else {
        return;
    };
    // One certificate for both sides, which is its own authority.
    let mut openssl = Command::new("openssl");
    openssl.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(' '));
    openssl.args("-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1".split(' '));
    openssl.args("-addext basicConstraints=critical,CA:FALSE -days 2".split(' '));
    openssl.arg("-keyout").arg(world.path("key.pem"));
    openssl.arg("-out").arg(world.path("cert.pem"));
    if or_say("events over TLS", output_of(&mut openssl)).is_none() {
        return;
    }
    let (host, place) = world.host();
    let text = |name: &str| fs::read_to_string(world.path(name)).unwrap();
    let bridge = json!({
        "url": place.strip_suffix("/events").unwrap(),
        "onFailure": "refuse",
        "tls": { "ca": text("cert.pem"), "cert": text("cert.pem"), "key": text("key.pem") },
    });
    let provider = world.provider_with(&bridge);
    let flow = json!([{ "client": "machine" }]);
    let done = world.drive(&provider, &flow);
    assert_well(&done);
    assert_seen(&done, &world.events());
    provider.end();
    // Whom it does not trust it tells nothing.
    let mut bridge = bridge;
    bridge["tls"]["ca"] = json!([]);
    bridge["timeout"] = 300.into();
    let provider = world.provider_with(&bridge);
    let refused = world.drive(&provider, &flow);
    assert_eq!(refused[0]["responses"][0]["status"], 503);
    assert_seen(&done, &world.events());
    provider.end();
    stop(host);
}

#[test]
fn tcp_takes_events_with_the_token_of_the_file() {
    let config = RECORDING.replace(
        "unix = \"events.sock\"",
        "http = \"127.0.0.1:0\", token_file = \"token\"",
    );
    let Some(world) = World::new(&config) else {
        return;
    };
    let token = "n0t-t0-be-s4id-0123456789abcdef";
    world.file("token", &format!("{token}\n"));
    world.file("bridges", "another-one-0123456789abcdef\n");
    let (host, place) = world.host();
    let bridge = json!({
        "url": place.strip_suffix("/events").unwrap(),
        "tokenFile": world.path("bridges"),
    });
    let mut provider = world.provider_with(&bridge);
    let flow = |user: &str| json!([{ "user": user, "client": "web", "response_type": "code", "then": ["exchange"] }]);
    // Refused, and kept.
    let mut done = world.drive(&provider, &flow("alice"));
    let line = provider.wait_for("could not be told");
    assert!(line.contains("status 401"), "{line}");
    assert_eq!(world.events(), Vec::<Value>::new());
    // The operator mends it, and nothing is started again.
    world.file("bridges", token);
    world.events_when(count(&done));
    provider.wait_for("the host is back");
    done.extend(world.drive(&provider, &flow("bob")));
    assert_well(&done);
    assert_seen(&done, &world.events());
    let (said, counts) = provider.end();
    assert!(
        !said.contains(token) && !said.contains("another-one"),
        "{said}"
    );
    let right = Counts {
        posted: 8,
        late: 4,
        refused: 0,
        lost: 0,
        waiting: 0,
    };
    assert_eq!(counts, right);
    stop(host);
}
