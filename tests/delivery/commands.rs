//! `op-listener queue`, on a running host and on a stopped one.

use op_listener_host::Host;
use op_listener_tests::{Finished, host_binary, id_token, start};
use serde_json::Value;

use crate::yard::{Yard, courier, dispatch, eventually, queue};

/// Runs the command on the yard's store.
fn call(yard: &Yard, arguments: &[&str]) -> Finished {
    let mut command = std::process::Command::new(host_binary());
    command
        .arg("queue")
        .args(arguments)
        .current_dir(yard.path());
    start(&mut command).finish()
}

fn json(yard: &Yard, arguments: &[&str]) -> Value {
    let done = call(yard, &[arguments, &["--json"]].concat());
    assert_eq!(done.code(), Some(0), "{}", done.stderr);
    serde_json::from_str(&done.stdout).unwrap()
}

fn pushed(yard: &Yard, settings: &str, ids: &[&str]) -> Host {
    let host = yard.host(settings);
    for id in ids {
        dispatch(&host, id);
    }
    host
}

#[test]
fn dead_letters_are_shown_and_retried_on_a_running_host() {
    let yard = Yard::new();
    yard.script("gone");
    let host = pushed(&yard, "order = \"key\"", &["e1", "e2", "e3"]);
    eventually(|| queue(&host, "courier").dead == 3);
    let listed = json(&yard, &["list"]);
    assert_eq!(listed["host"], std::process::id());
    let state = &listed["queues"][0];
    assert_eq!(state["name"], "courier");
    assert_eq!(
        (&state["dead"], &state["waiting"], &state["died"]),
        (&3.into(), &0.into(), &3.into())
    );

    let dead = json(&yard, &["show", "courier", "--dead", "--payload"]);
    let second = &dead[1];
    assert_eq!(second["state"], "dead");
    assert_eq!(second["payload"], "e2/0");
    assert_eq!(second["reason"], "as the script says");
    assert_eq!(
        (&second["status"], &second["answer"]),
        (&410.into(), &"gone".into())
    );
    assert_eq!(second["headers"]["subject"], "alice");
    let text = call(&yard, &["show", "courier", "2"]).stdout;
    assert!(
        text.contains("payload e2/0") && text.contains("answer  gone"),
        "{text}"
    );

    yard.script("");
    assert_eq!(json(&yard, &["retry", "courier", "2"])["retried"], 1);
    assert_eq!(yard.wait_for(1), ["e2/0"]);
    assert_eq!(json(&yard, &["retry", "courier"])["retried"], 2);
    assert_eq!(yard.wait_for(3), ["e2/0", "e1/0", "e3/0"]);
    eventually(|| queue(&host, "courier").waiting == 0 && queue(&host, "courier").dead == 0);
    host.shutdown();
}

#[test]
fn a_running_host_pauses_and_resumes_as_it_is_told() {
    let yard = Yard::new();
    let host = pushed(&yard, "", &["e1"]);
    yard.wait_for(1);
    assert_eq!(json(&yard, &["pause", "courier"])["state"], "paused");
    eventually(|| queue(&host, "courier").paused);
    dispatch(&host, "e2");
    assert_eq!(json(&yard, &["show", "courier"])[0]["state"], "held");
    assert_eq!(yard.payloads(), ["e1/0"]);
    let resumed = call(&yard, &["resume", "courier"]);
    assert_eq!(resumed.code(), Some(0));
    assert_eq!(yard.wait_for(2), ["e1/0", "e2/0"]);
    // What waits for its next attempt need not wait for it.
    yard.script("busy 600000");
    dispatch(&host, "e3");
    eventually(|| queue(&host, "courier").retried == 1);
    yard.script("");
    json(&yard, &["retry", "courier", "--waiting"]);
    assert_eq!(yard.wait_for(3), ["e1/0", "e2/0", "e3/0"]);
    host.shutdown();
}

#[test]
fn messages_are_dropped_only_where_it_is_agreed_to() {
    let yard = Yard::new();
    yard.script("fail");
    let host = pushed(&yard, "pause_after_ms = 0", &["e1", "e2", "e3"]);
    let asked = call(&yard, &["purge", "courier", "--waiting"]);
    assert_eq!(asked.code(), Some(2));
    assert!(
        asked.stderr.contains("3 messages that wait"),
        "{}",
        asked.stderr
    );
    assert_eq!(call(&yard, &["purge", "courier"]).code(), Some(2));
    assert_eq!(
        json(&yard, &["purge", "courier", "2", "--yes"])["purged"],
        1
    );
    eventually(|| queue(&host, "courier").waiting == 2);
    yard.script("");
    let mut rest = yard.wait_for(2);
    rest.sort();
    assert_eq!(rest, ["e1/0", "e3/0"]);
}

#[test]
fn all_of_it_works_without_a_host_and_a_removed_listeners_backlog_is_shown() {
    let yard = Yard::new();
    yard.script("gone");
    let host = pushed(&yard, "", &["e1", "e2"]);
    eventually(|| queue(&host, "courier").dead == 2);
    host.shutdown();
    drop(host);
    // Another listener takes the place of that one.
    let host = yard.try_host(&courier("other", "")).unwrap();
    let names: Vec<_> = host
        .delivery()
        .queues
        .into_iter()
        .map(|queue| queue.name)
        .collect();
    assert_eq!(names, ["other"]);
    host.shutdown();
    drop(host);
    let listed = json(&yard, &["list"]);
    assert_eq!(listed["host"], Value::Null);
    assert_eq!(listed["queues"].as_array().unwrap().len(), 2);
    assert_eq!(listed["queues"][0]["dead"], 2);
    let text = call(&yard, &["list"]).stdout;
    assert!(
        text.contains("no host is running") && text.contains("courier"),
        "{text}"
    );
    json(&yard, &["pause", "courier"]);
    assert_eq!(json(&yard, &["retry", "courier"])["retried"], 2);
    yard.script("");
    let host = yard.host("");
    assert!(queue(&host, "courier").paused);
    assert_eq!(queue(&host, "courier").waiting, 2);
    json(&yard, &["resume", "courier"]);
    yard.wait_for(2);
    host.shutdown();
}

#[test]
fn payloads_are_masked_where_the_configuration_says_so() {
    let yard = Yard::new();
    yard.script("fail");
    let host = pushed(&yard, "", &["e1"]);
    host.shutdown();
    std::fs::write(
        yard.path().join("op.toml"),
        "[delivery]\nmask = [\"sub\"]\n",
    )
    .unwrap();
    // This payload is no JSON: what is in it cannot be told.
    let shown = json(
        &yard,
        &["show", "courier", "--payload", "--config", "op.toml"],
    );
    assert_eq!(shown[0]["payload"], "(hidden)");
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let yard = Yard::new();
    let missing = call(&yard, &["list"]);
    assert_eq!(missing.code(), Some(2));
    assert!(
        missing
            .stderr
            .contains("no listener has opened a queue yet"),
        "{}",
        missing.stderr
    );
    yard.host("").shutdown();
    let unknown = call(&yard, &["show", "corier"]);
    assert_eq!(unknown.code(), Some(2));
    assert!(
        unknown.stderr.contains("there are: courier"),
        "{}",
        unknown.stderr
    );
    assert_eq!(call(&yard, &["show", "courier", "77"]).code(), Some(2));
}

#[test]
fn a_sink_that_panics_is_told_of_in_the_log_with_its_place() {
    let yard = Yard::new();
    yard.script("panic");
    let config = format!(
        "[plugins]\nprobe = false\n[signing]\nalgorithm = \"ES256\"\n{}",
        courier("courier", "pause_after_ms = 0")
    );
    std::fs::write(yard.path().join("op.toml"), config).unwrap();
    let mut command = std::process::Command::new(host_binary());
    command
        .args(["run", "--config", "op.toml"])
        .current_dir(yard.path());
    let mut running = start(&mut command);
    running.wait_for("[OPL0001]");
    for number in 0..3 {
        running.send(&format!("{}\n", id_token(&format!("e{number}"))));
    }
    let line = running.wait_for("[OPL0810]");
    assert!(line.contains(" ERROR "), "{line}");
    let place = "The sink of the queue 'courier' of the listener 'courier' panicked: as the script \
                 says, at ";
    assert!(line.contains(place), "{line}");
    assert!(line.contains("lib.rs:"), "{line}");
    assert!(
        line.contains(" (1 times since the last such line)"),
        "{line}"
    );
    // Many attempts fail by then, and each is a panic.
    eventually(|| json(&yard, &["list"])["queues"][0]["retried"].as_u64() >= Some(5));
    yard.script("");
    yard.wait_for(3);
    let finished = running.finish();
    let lines = finished.stderr.matches("[OPL0810]").count();
    assert!(lines < 4, "one in ten seconds: {}", finished.stderr);
}
