//! Listeners that fail or panic in any call: one clear line each, and nothing else lost.

use op_listener_tests::{Library, Run, Setup, access_token, id_token, library_in_c, subject};

/// A puppet of each name: first one that behaves, then the bad one, then another that behaves.
fn around(policy: &str, bad: &str) -> Setup {
    let entry = |name: &str, script: &str| {
        format!(
            "[[listener]]\nplugin = \"puppet\"\nname = \"{name}\"\nspi = [\"id_token_issue\"]\n\
             config = {{ record = \"{name}.ndjson\"{script} }}\n"
        )
    };
    Setup::with(&[Library::Puppet]).config(&format!(
        "[plugins]\non_failure = \"{policy}\"\n{}{}{}",
        entry("before", ""),
        entry("bad", &format!(", {bad}")),
        entry("after", "")
    ))
}

fn ids(setup: &Setup, name: &str) -> Vec<String> {
    let record = setup.record(&format!("{name}.ndjson")).into_iter();
    let events = record.filter(|line| line["call"] == "event");
    events
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect()
}

fn calls(setup: &Setup, name: &str) -> Vec<String> {
    let record = setup.record(&format!("{name}.ndjson")).into_iter();
    record
        .map(|line| line["call"].as_str().unwrap().to_owned())
        .collect()
}

fn start_failures() -> [(&'static str, &'static str, String); 4] {
    [
        (
            "init = \"fail\"",
            "OPL0104",
            "its `init` for id_token_issue failed: the well is dry: dig a new one".to_owned(),
        ),
        (
            "init = \"config\"",
            "OPL0104",
            "its `init` for id_token_issue failed: `depth` is too small: dig deeper (see op-listener.toml:12:10)".to_owned(),
        ),
        (
            "init = \"panic\"",
            "OPL0104",
            "its `init` for id_token_issue failed: panicked: the ground gave way in init, at ".to_owned(),
        ),
        (
            "is_enabled = \"panic\"",
            "OPL0106",
            "its `is_enabled` for id_token_issue failed: panicked: the ground gave way in is_enabled, at ".to_owned(),
        ),
    ]
}

#[test]
fn a_listener_that_cannot_be_made_keeps_the_host_from_starting() {
    for (script, code, what) in start_failures() {
        let setup = around("abort", script);
        let run = setup.run([id_token("e1")]).ended(3);
        let message = run.message(code);
        let expected = format!("Listener 'bad' (op-listener.toml:8:1) is refused: {what}");
        assert!(message.starts_with(&expected), "{message}\nbut\n{expected}");
        assert_eq!(
            run.message("OPL0108"),
            "The host does not start: 1 refused, and the policy is `on_failure = \"abort\"`: \
             mend what is named above, or set `on_failure = \"skip\"` under `[plugins]`"
        );
        assert_eq!(ids(&setup, "before"), [""; 0], "nothing was dispatched");
        // Those that were made were ended, in the reverse order.
        for name in ["before", "after"] {
            assert_eq!(
                calls(&setup, name),
                ["init", "is_enabled", "shutdown", "drop"]
            );
        }
    }
}

#[test]
fn with_the_policy_to_skip_the_others_do_their_work() {
    for (script, code, what) in start_failures() {
        let setup = around("skip", script);
        let run = setup.run([id_token("e1"), id_token("e2")]).ended(0);
        assert!(run.message(code).contains(&what), "{}", run.log);
        assert_eq!(ids(&setup, "before"), ["e1", "e2"]);
        assert_eq!(ids(&setup, "bad"), [""; 0]);
        assert_eq!(ids(&setup, "after"), ["e1", "e2"]);
        assert_eq!(run.messages("OP0211").len(), 2, "numbers have no gaps");
        assert!(run.messages("OP0211")[1].contains("[2]"));
    }
}

#[test]
fn a_required_listener_is_not_skipped() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [plugins]
        on_failure = "skip"
        [[listener]]
        plugin = "puppet"
        name = "important"
        required = true
        config = { init = "fail" }
        "#,
    );
    let run = setup.run([id_token("e1")]).ended(3);
    assert_eq!(
        run.message("OPL0108"),
        "The host does not start: the listener 'important' is required and could not be loaded: \
         mend what is named above"
    );
    // A plugin that is not there is no better.
    let setup = Setup::new().config(
        "[plugins]\non_failure = \"skip\"\n[[listener]]\nplugin = \"gone\"\nrequired = true",
    );
    let _ = setup.run([id_token("e1")]).ended(3);
}

#[test]
fn an_error_for_an_event_is_logged_and_counted_and_the_next_listener_is_called() {
    let setup = around("abort", "event = \"fail\"");
    let run = setup.run([id_token("e1"), id_token("e2")]).ended(0);
    assert_eq!(
        run.messages("OPL0201"),
        [
            "Listener 'bad' failed on the ID token issue event e1: the bucket leaks",
            "Listener 'bad' failed on the ID token issue event e2: the bucket leaks",
        ]
    );
    all_were_called(&setup, &run, 2);
}

#[test]
fn a_panic_stops_neither_the_others_nor_later_events_to_itself() {
    for (script, message) in [
        (
            "event = \"panic\"",
            "panicked: the rope broke, at puppet/src/lib.rs:",
        ),
        (
            "event = \"panic-with-number\"",
            "panicked: (the panic carries no text), at puppet/src/lib.rs:",
        ),
        (
            "event = \"panic-with-trap\"",
            "panicked: (the panic carries no text), at puppet/src/lib.rs:",
        ),
    ] {
        let setup = around("abort", script);
        let run = setup.run([id_token("e1"), id_token("e2")]).ended(0);
        let messages = run.messages("OPL0202");
        assert_eq!(messages.len(), 2, "{}", run.log);
        let start = format!("Listener 'bad' on the ID token issue event e1: {message}");
        assert!(
            messages[0].starts_with(&start),
            "{messages:?}\nbut\n{start}"
        );
        all_were_called(&setup, &run, 2);
    }
}

fn all_were_called(setup: &Setup, run: &Run<'_>, failed: u32) {
    for name in ["before", "bad", "after"] {
        assert_eq!(ids(setup, name), ["e1", "e2"], "{name}");
        let ends = &calls(setup, name)[4..];
        assert_eq!(ends, ["shutdown", "drop"], "{name}");
    }
    let counts = format!(
        "2 events dispatched, 0 facts held, 0 exchanges ignored, 0 lines refused; 6 calls, {failed} failed"
    );
    assert!(run.message("OPL0002").ends_with(&counts), "{}", run.log);
}

#[test]
fn a_panic_on_one_event_leaves_the_listener_as_it_was_for_the_next() {
    let setup = around("abort", "event = \"panic-first\"");
    let run = setup.run([id_token("e1"), id_token("e2")]).ended(0);
    assert!(run.message("OPL0202").contains("event e1"), "{}", run.log);
    all_were_called(&setup, &run, 1);
}

#[test]
fn a_panic_on_a_thread_of_the_listeners_own_does_not_reach_the_host() {
    let setup = around("abort", "event = \"panic-on-own-thread\"");
    let run = setup.run([id_token("e1"), id_token("e2")]).ended(0);
    assert_eq!(run.messages("OPL0202"), [""; 0]);
    let messages = run.messages("OPL0207");
    let start =
        "A thread of listener 'puppet' panicked: the rope broke elsewhere, at puppet/src/lib.rs:";
    assert!(messages[0].starts_with(start), "{messages:?}");
    assert_eq!(
        (messages.len(), messages[0].matches("puppet/src").count()),
        (2, 1)
    );
    all_were_called(&setup, &run, 0);
}

#[test]
fn panics_in_all_three_spis_are_contained() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        config = { record = "record.ndjson", event = "panic" }
        "#,
    );
    let run = setup
        .run([id_token("e1"), access_token("e2"), subject("e3")])
        .ended(0);
    let messages = run.messages("OPL0202");
    let kinds = [
        "ID token issue event e1",
        "access token issue event e2",
        "subject auth + consent event e3",
    ];
    for (message, kind) in messages.iter().zip(kinds) {
        assert!(message.contains(kind), "{message}");
    }
    assert_eq!((messages.len(), run.events().len()), (3, 3));
}

#[test]
fn failures_to_shut_down_are_logged_and_all_are_shut_down() {
    for (script, said) in [
        ("shutdown = \"fail\"", "the lid is stuck"),
        (
            "shutdown = \"panic\"",
            "panicked: the ground gave way in shutdown, at ",
        ),
        (
            "panic_on_drop = true",
            "panicked: the ground gave way in drop, at ",
        ),
    ] {
        let setup = around("abort", script);
        let run = setup.run([id_token("e1")]).ended(0);
        let message = run.message("OPL0205");
        let start = format!("Listener 'bad' (ID token issue) failed to shut down: {said}");
        assert!(message.starts_with(&start), "{message}");
        for name in ["before", "bad", "after"] {
            let calls = calls(&setup, name);
            assert_eq!(calls[calls.len() - 2..], ["shutdown", "drop"], "{name}");
        }
        run.message("OPL0002");
    }
}

#[test]
fn a_listener_can_be_switched_off_after_panics_in_a_row() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        name = "shaky"
        spi = ["id_token_issue"]
        switch_off_after_panics = 2
        config = { record = "shaky.ndjson", event = "panic" }
        [[listener]]
        plugin = "puppet"
        name = "mends"
        spi = ["id_token_issue"]
        switch_off_after_panics = 2
        config = { record = "mends.ndjson", event = "panic-first" }
        "#,
    );
    let run = setup.run(["e1", "e2", "e3", "e4"].map(id_token)).ended(0);
    assert_eq!(ids(&setup, "shaky"), ["e1", "e2"]);
    assert_eq!(ids(&setup, "mends"), ["e1", "e2", "e3", "e4"]);
    assert_eq!(
        run.message("OPL0204"),
        "Listener 'shaky' (ID token issue) panicked 2 times in a row and gets no more events"
    );
    assert_eq!(
        calls(&setup, "shaky").last().map(String::as_str),
        Some("drop")
    );
}

#[test]
fn a_listener_over_its_budget_is_told_of() {
    let setup = Setup::with(&[Library::Puppet]).config(
        r#"
        [[listener]]
        plugin = "puppet"
        name = "slow"
        spi = ["id_token_issue"]
        budget_ms = 1
        config = { sleep_ms = 5 }
        [[listener]]
        plugin = "puppet"
        name = "patient"
        spi = ["id_token_issue"]
        budget_ms = 60000
        config = { sleep_ms = 5 }
        "#,
    );
    let with_txn = id_token("e1").replace(r#""id":"#, r#""txn":"t-1","id":"#);
    let run = setup.run([with_txn, id_token("e2")]).ended(0);
    let message = run.message("OPL0203");
    assert!(message.starts_with("Listener 'slow' took "), "{message}");
    let rest = " ms over the ID token issue event e1 (txn t-1), and its budget is 1.0 ms (1 over since the last such line)";
    assert!(message.ends_with(rest), "{message}");
    // Nobody looks at the clock where nothing is to be measured.
    let setup = Setup::with(&[Library::Puppet]).config(
        "[dispatch]\nmeasure = false\nbudget_ms = 1\n[[listener]]\nplugin = \"puppet\"\nconfig = { sleep_ms = 5 }",
    );
    let run = setup.run([id_token("e1")]).ended(0);
    assert_eq!(run.messages("OPL0203"), [""; 0]);
}

#[test]
fn settings_that_the_listener_does_not_know_are_errors_with_their_place() {
    let setup = Setup::with(&[Library::Puppet]).config(
        "[[listener]]\nplugin = \"puppet\"\nspi = [\"id_token_issue\"]\n[listener.config]\nrecrod = \"x\"\n",
    );
    let run = setup.run([""; 0]).ended(3);
    let message = run.message("OPL0104");
    let start = "Listener 'puppet' (op-listener.toml:1:1) is refused: its `init` for id_token_issue failed: `recrod`: unknown field `recrod`, expected one of `record`";
    assert!(message.starts_with(start), "{message}");
    assert!(message.ends_with("(see op-listener.toml:4:1)"), "{message}");
}

#[test]
fn what_one_listener_leaves_behind_is_not_said_of_the_next() {
    let mut setup = Setup::new();
    let leaves = library_in_c("leaves", &["ID=\"leaves\"", "LEFTOVER=\"left behind\""]);
    let silent = library_in_c("silent", &["ID=\"silent\"", "SILENT"]);
    setup.add("leaves", &leaves);
    setup.add("silent", &silent);
    let run = setup.run([id_token("e1")]).ended(0);
    let message = run.message("OPL0201");
    assert!(
        message.contains("it gave no reason (status 1)"),
        "{message}"
    );
}
