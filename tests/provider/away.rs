//! The host is away, or is started again, while users sign in.

use std::fs;
use std::os::unix::net::UnixListener;
use std::thread;

use serde_json::{Value, json};

use crate::expected::{assert_seen, assert_well, count};
use crate::world::{RECORDING, SOCKET, World, stop};

fn sign_ins(of: &str) -> Value {
    json!([
        { "user": format!("{of} 1"), "client": "web", "response_type": "code", "then": ["exchange", "refresh"] },
        { "user": format!("{of} 2"), "client": "every-flow", "response_type": "code token", "then": ["exchange"] },
        { "user": format!("{of} 3"), "client": "pairwise", "response_type": "id_token" },
    ])
}

#[test]
fn sign_ins_go_on_and_the_host_is_told_when_it_is_back() {
    let Some(world) = World::new(RECORDING) else {
        return;
    };
    let mut provider = world.provider(json!({ "timeout": 30_000 }));
    let mut done = world.drive(&provider, &sign_ins("before"));
    let line = provider.wait_for("could not be told");
    assert!(line.contains("ENOENT"), "{line}");

    let (host, _) = world.host();
    world.events_when(count(&done));
    provider.wait_for("the host is back");
    // In their order, so that each exchange came after its authorisation.
    assert_seen(&done, &world.events());
    let late = done.len();

    done.extend(world.drive(&provider, &sign_ins("between")));
    assert_seen(&done, &world.events());
    stop(host);
    let away = world.drive(&provider, &sign_ins("away"));
    let (host, _) = world.host();
    done.extend(away);
    world.events_when(count(&done));
    provider.wait_for("the host is back");
    assert_well(&done);
    assert_seen(&done, &world.events());

    let (_, counts) = provider.end();
    assert_eq!((counts.refused, counts.lost, counts.waiting), (0, 0, 0));
    // Two thirds were away; facts are posted too, and are no events yet.
    assert_eq!(counts.late * 3, counts.posted * 2);
    assert_eq!(late, 3);
    let log = stop(host);
    assert!(!log.contains("OPL0302"), "{log}");
}

#[test]
fn one_response_waits_for_a_host_that_does_not_answer_and_the_next_ones_do_not() {
    const TIMEOUT: f64 = 5000.0;

    let Some(world) = World::new(RECORDING) else {
        return;
    };
    // Connections are made, and nobody is there.
    let nobody = UnixListener::bind(world.path(SOCKET)).unwrap();
    let mut provider = world.provider(json!({ "timeout": TIMEOUT }));
    let tokens: Value = vec![json!({ "client": "machine" }); 6].into();
    let done = world.drive(&provider, &tokens);
    assert_well(&done);
    let waited = |flow: &&Value| flow["responses"][0]["ms"].as_f64().unwrap() >= TIMEOUT;
    assert_eq!(done.iter().filter(waited).count(), 1, "{done:?}");
    drop(nobody);
    fs::remove_file(world.path(SOCKET)).unwrap();
    let (host, _) = world.host();
    let line = provider.wait_for("the host is back");
    assert!(
        line.contains("6 events were told late, 0 were lost"),
        "{line}"
    );
    assert_eq!(world.events().len(), 6);
    provider.end();
    stop(host);
}

/// Of flows that are one request each, so that no authorisation waits in the host's memory meanwhile.
#[test]
fn no_event_is_lost_or_doubled_while_the_host_is_started_again_and_again() {
    let Some(world) = World::new(RECORDING) else {
        return;
    };
    let mut host = world.host().0;
    let provider = world.provider(json!({ "timeout": 1000, "retries": 3 }));
    let flows: Value = (0..60)
        .map(|user| {
            json!({ "user": format!("user {user}"), "client": "every-flow", "response_type": "id_token token" })
        })
        .collect();
    let issuer = provider.issuer();
    let (done, host) = thread::scope(|scope| {
        let driving = scope.spawn(|| world.drive_at(issuer, &flows, &[]));
        for round in 1..=4 {
            // Some sign-ins each time, while there are any.
            world.events_when(round * 9);
            stop(host);
            host = world.host().0;
        }
        (driving.join().unwrap(), host)
    });
    assert_well(&done);
    world.events_when(count(&done));
    let (_, counts) = provider.end();
    assert_eq!((counts.refused, counts.lost), (0, 0));
    assert_eq!(counts.posted, count(&done));
    assert_seen(&done, &world.events());
    stop(host);
}

#[test]
fn nothing_leaves_untold_where_that_is_wanted() {
    let Some(world) = World::new(RECORDING) else {
        return;
    };
    let provider = world.provider(json!({ "timeout": 30_000, "onFailure": "refuse" }));
    let flows = json!([
        { "user": "alice", "client": "web", "response_type": "code", "then": ["exchange"] },
        { "user": "bob", "client": "every-flow", "response_type": "id_token token" },
        { "client": "machine" },
    ]);
    let refused = world.drive(&provider, &flows);
    for flow in &refused {
        let responses = flow["responses"].as_array().unwrap();
        // Nothing to go on with.
        assert_eq!(responses.len(), 1, "{flow}");
        let response = &responses[0];
        assert_eq!(response["error"], "temporarily_unavailable");
        assert_eq!(response["code"], false);
        for token in ["id_token", "access_token"] {
            assert_eq!(response.get(token), None, "{flow}");
        }
        if flow["client"] == "machine" {
            assert_eq!(response["status"], 503);
        }
    }
    let (host, _) = world.host();
    let done = world.drive(&provider, &flows);
    assert_well(&done);
    assert_seen(&done, &world.events());
    let (said, counts) = provider.end();
    assert_eq!(said.matches("the response is refused").count(), 3, "{said}");
    assert_eq!((counts.late, counts.refused, counts.lost), (0, 0, 0));
    stop(host);
}

#[test]
fn what_is_kept_is_bounded_and_what_is_lost_is_said() {
    let Some(world) = World::new(RECORDING) else {
        return;
    };
    let mut provider = world.provider(json!({ "timeout": 30_000, "maxKept": 4 }));
    let machine = json!({ "client": "machine" });
    let tokens: Value = vec![machine; 7].into();
    let done = world.drive(&provider, &tokens);
    assert_well(&done);
    let line = provider.wait_for("and what follows is lost");
    assert!(line.contains("4 events are kept already"), "{line}");
    let (host, _) = world.host();
    let line = provider.wait_for("the host is back");
    assert!(
        line.contains("4 events were told late, 3 were lost"),
        "{line}"
    );
    assert_eq!(world.events().len(), 4);
    let (_, counts) = provider.end();
    assert_eq!((counts.late, counts.lost), (4, 3));
    stop(host);
}

#[test]
fn what_is_too_much_at_once_for_the_host_is_posted_in_parts() {
    // Room for one event of these, and not for two.
    let config = RECORDING.replace("\"events.sock\"", "\"events.sock\", max_body = 3000");
    let Some(world) = World::new(&config) else {
        return;
    };
    let mut provider = world.provider(json!({ "timeout": 30_000 }));
    let mut done = world.drive(&provider, &sign_ins("away"));
    let (host, _) = world.host();
    provider.wait_for("the host is back");
    done.extend(world.drive(&provider, &sign_ins("back")));
    assert_well(&done);
    assert_seen(&done, &world.events());
    let (_, counts) = provider.end();
    assert_eq!((counts.refused, counts.lost), (0, 0));
    stop(host);
}

#[test]
fn an_event_that_the_host_refuses_is_not_posted_again() {
    let config = RECORDING.replace("\"events.sock\"", "\"events.sock\", max_line = 1000");
    let Some(world) = World::new(&config) else {
        return;
    };
    let (host, _) = world.host();
    let flow =
        json!([{ "user": "alice", "client": "every-flow", "response_type": "id_token token" }]);
    let provider = world.provider(json!({}));
    let done = world.drive(&provider, &flow);
    assert_well(&done);
    // The access token's is short enough.
    let seen = world.events();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0]["spi"], "access_token_issue");
    let (said, counts) = provider.end();
    assert_eq!(said.matches("the host refuses the").count(), 2, "{said}");
    assert_eq!((counts.posted, counts.refused, counts.late), (1, 2, 0));

    let provider = world.provider(json!({ "onFailure": "refuse" }));
    let done = world.drive(&provider, &flow);
    assert_eq!(done[0]["responses"][0]["error"], "temporarily_unavailable");
    provider.end();
    stop(host);
}

#[test]
fn what_is_kept_when_the_provider_ends_is_counted() {
    let Some(world) = World::new(RECORDING) else {
        return;
    };
    let provider = world.provider(json!({ "timeout": 100 }));
    world.drive(&provider, &json!([{ "client": "machine" }]));
    let (said, counts) = provider.end();
    assert!(said.contains("lost at the end: ENOENT"), "{said}");
    assert!(!said.contains("the host is back"), "{said}");
    assert_eq!((counts.posted, counts.lost, counts.waiting), (0, 1, 0));
}
