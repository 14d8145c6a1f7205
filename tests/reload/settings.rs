//! Settings that change: which need a new instance, and which do not.

use std::fs;

use op_listener_host::event::Event;

use crate::stage::{Stage, TALLY, assert_orderly, counts, event, of, version};

fn of_client(client: &str) -> Event<'_> {
    Event::id_token_issue("alice", client, "{}")
        .issuer("https://op.example.com")
        .build()
        .unwrap()
}

#[test]
fn how_a_listener_is_treated_changes_without_a_new_one() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let config = |entry: &str| [TALLY, entry, "\n", &stage.settings("")].concat();
    let host = stage.host(&config(""));
    assert_eq!(host.dispatch(&of_client("a")).calls, 1);
    for (entry, of_a, of_b) in [
        ("clients = [\"a\"]", 1, 0),
        ("clients = [\"b\"]\nbudget_ms = 1000", 0, 1),
        ("required = true\nshutdown_ms = 100", 1, 1),
        ("switch_off_after_panics = 3", 1, 1),
        ("spi = [\"id_token_issue\"]", 1, 1),
    ] {
        let reloaded = host.reload(stage.config(&config(entry))).unwrap();
        assert_eq!(counts(&reloaded), [0, 0, 1, 0, 0], "{entry}");
        assert_eq!(host.dispatch(&of_client("a")).calls, of_a, "{entry}");
        assert_eq!(host.dispatch(&of_client("b")).calls, of_b, "{entry}");
    }
    let stats = &host.listeners()[0].stats;
    assert_eq!(stats.calls, 9, "counted on and on");
    let unmeasured = format!("[dispatch]\nmeasure = false\n{}", config(""));
    host.reload(stage.config(&unmeasured)).unwrap();
    host.dispatch(&of_client("a"));
    assert_eq!(host.listeners()[0].stats.calls, 9);
    drop(host);
    assert_eq!(of(&stage.record(), "init").len(), 1);
}

#[test]
fn a_listeners_own_settings_make_a_new_one_that_is_told_that_it_takes_over() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let config = |more: &str| [TALLY, &stage.settings(more)].concat();
    let host = stage.host(&config(""));
    let reloaded = host.reload(stage.config(&config("depth = 1"))).unwrap();
    assert_eq!(counts(&reloaded), [0, 1, 0, 0, 0]);
    // Another name is another listener.
    let named = [TALLY, "name = \"other\"\n", &stage.settings("depth = 1")].concat();
    let reloaded = host.reload(stage.config(&named)).unwrap();
    assert_eq!(counts(&reloaded), [1, 0, 0, 1, 0]);
    drop(host);
    let record = stage.record();
    let told: Vec<_> = of(&record, "init").iter().map(|line| &*line.what).collect();
    assert_eq!(told, ["0", "1", "0"]);
    let calls: Vec<_> = record.iter().map(|line| &*line.call).collect();
    assert_eq!(
        calls[..4],
        ["init", "init", "shutdown", "release"],
        "first the new one"
    );
    assert_eq!(assert_orderly(&record), 0);
}

#[test]
fn the_order_of_entries_is_the_order_of_calls() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let entry = |name: &str| {
        let name = format!("name = \"{name}\"\n");
        [TALLY, &name, &stage.settings("")].concat()
    };
    let host = stage.host(&[entry("a"), entry("b"), entry("c")].concat());
    host.dispatch(&event("e1"));
    let order = [entry("c"), entry("a"), entry("b")].concat();
    let reloaded = host.reload(stage.config(&order)).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 3, 0, 0]);
    host.dispatch(&event("e2"));
    let record = stage.record();
    let objects: Vec<_> = of(&record, "event").iter().map(|l| &*l.object).collect();
    let [a, b, c, rest @ ..] = &*objects else {
        panic!("{objects:?}");
    };
    assert_eq!(rest, [*c, *a, *b]);
}

#[test]
fn the_operators_switch_works_both_ways() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let config = |on: bool| format!("{TALLY}enabled = {on}\n{}", stage.settings(""));
    let host = stage.host(&config(true));
    let reloaded = host.reload(stage.config(&config(false))).unwrap();
    assert_eq!(counts(&reloaded), [0, 0, 0, 1, 0]);
    assert_eq!(host.dispatch(&event("e1")).calls, 0);
    let reloaded = host.reload(stage.config(&config(true))).unwrap();
    assert_eq!(counts(&reloaded), [1, 0, 0, 0, 0]);
    assert_eq!(host.dispatch(&event("e2")).calls, 1);
}

#[test]
fn the_data_directory_stays_that_of_the_start() {
    let stage = Stage::new();
    stage.put("tally", &version(0));
    let host = stage.host("");
    let reloaded = host
        .reload(stage.config("data_dir = \"elsewhere\""))
        .unwrap();
    assert_eq!(
        counts(&reloaded),
        [0, 0, 1, 0, 0],
        "its request is the same"
    );
    assert!(fs::metadata(stage.path("elsewhere")).is_err());
}
