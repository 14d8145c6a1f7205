//! Hosts built and called by a program, from many threads.

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use op_listener_host::config::{Config, ListenerConfig};
use op_listener_host::event::Event;
use op_listener_host::{Host, HostBuilder, Spi, StartError};
use op_listener_tests::{Library, TIME_LIMIT, copy_into, plugin_dir, whole_lines};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A host over a directory with these libraries; its configuration as TOML.
pub(crate) fn host(
    dir: &TempDir,
    libraries: &[Library],
    config: &str,
    build: impl FnOnce(HostBuilder) -> HostBuilder,
) -> Host {
    let plugins = dir.path().join("plugins");
    plugin_dir(&plugins);
    for library in libraries {
        copy_into(
            &plugins,
            &format!("{library:?}").to_lowercase(),
            &library.file(),
        );
    }
    // The key is made anew for each host, and this one is quickly made.
    let config = format!("[signing]\nalgorithm = \"ES256\"\n{config}");
    let config = Config::from_str(&config, "test.toml", dir.path()).unwrap();
    build(Host::builder().config(config)).build().unwrap()
}

/// Three entries for the puppet.
pub(crate) fn three_of(entry: &str, script: &str) -> String {
    ["a", "b", "c"]
        .map(|name| {
            format!(
                "[[listener]]\nplugin = \"puppet\"\nname = \"{name}\"\n{entry}\n[listener.config]\n{script}\n"
            )
        })
        .concat()
}

fn event(id: &str) -> Event<'_> {
    Event::id_token_issue("alice", "000123", r#"{"sub":"alice","n":1.50}"#)
        .issuer("https://op.example.com")
        .id(id)
        .build()
        .unwrap()
}

fn record(dir: &TempDir) -> Vec<Value> {
    whole_lines(&dir.path().join("record.ndjson"))
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn listeners_are_called_on_the_thread_that_dispatches_before_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let listeners = three_of("spi = [\"id_token_issue\"]", "record = \"record.ndjson\"");
    let host = host(&dir, &[Library::Puppet], &listeners, |builder| builder);
    for id in ["e1", "e2"] {
        let dispatched = host.dispatch(&event(id));
        assert_eq!((dispatched.calls, dispatched.failures), (3, 0));
        let last = record(&dir).pop().unwrap();
        assert_eq!((&last["id"], &last["name"]), (&json!(id), &json!("c")));
        assert_eq!(last["claims_json"], r#"{"sub":"alice","n":1.50}"#);
    }
    // Nobody listens to these.
    let other = Event::access_token_issue("000123", "{}")
        .issuer("https://op.example.com")
        .build()
        .unwrap();
    assert_eq!(host.dispatch(&other).calls, 0);
}

#[test]
fn eight_threads_dispatch_at_once_and_every_call_is_counted() {
    const THREADS: usize = 8;
    const EVENTS: usize = 500;

    let dir = tempfile::tempdir().unwrap();
    let listeners = three_of("spi = [\"id_token_issue\"]", "record = \"record.ndjson\"")
        + "[[listener]]\nplugin = \"puppet\"\nname = \"d\"\nspi = [\"id_token_issue\"]\nconfig = { event = \"panic\", quiet = true }\n";
    let host = host(&dir, &[Library::Puppet], &listeners, |builder| builder);
    let start = Barrier::new(THREADS);
    let failures = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (host, start, failures) = (&host, &start, &failures);
            scope.spawn(move || {
                start.wait();
                for number in 0..EVENTS {
                    let id = format!("{thread}-{number}");
                    let dispatched = host.dispatch(&event(&id));
                    assert_eq!(dispatched.calls, 4);
                    failures.fetch_add(dispatched.failures.into(), Ordering::Relaxed);
                }
            });
        }
    });
    let all = (THREADS * EVENTS) as u64;
    assert_eq!(failures.into_inner(), all);
    for listener in host.listeners() {
        let panics = if listener.name == "d" { all } else { 0 };
        let stats = &listener.stats;
        assert_eq!(
            (stats.calls, stats.panics, stats.errors),
            (all, panics, 0),
            "{}",
            listener.name
        );
        assert!(listener.enabled && listener.active);
        assert_eq!(listener.spi, Spi::IdTokenIssue);
        assert_eq!(listener.class, "op_listener_puppet::Puppet");
    }
    host.shutdown();
    let mut seen: Vec<_> = record(&dir)
        .iter()
        .filter(|line| line["call"] == "event" && line["name"] == "b")
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect();
    // Those of one thread in its order.
    let of_first = seen.iter().filter(|id| id.starts_with("0-")).cloned();
    let in_order: Vec<_> = (0..EVENTS).map(|number| format!("0-{number}")).collect();
    assert_eq!(of_first.collect::<Vec<_>>(), in_order);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len() as u64, all, "each once");
}

#[test]
fn after_the_shutdown_events_reach_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let listeners = three_of("spi = [\"id_token_issue\"]", "record = \"record.ndjson\"");
    let host = host(&dir, &[Library::Puppet], &listeners, |builder| builder);
    assert_eq!(host.dispatch(&event("e1")).calls, 3);
    assert_eq!(host.shutdown(), 0);
    assert_eq!(host.dispatch(&event("e2")).calls, 0);
    assert_eq!(host.listeners().len(), 0);
    assert_eq!(host.shutdown(), 0, "the second time does nothing");
    drop(host);
    let calls: Vec<_> = record(&dir)
        .iter()
        .skip(9)
        .map(|line| {
            format!(
                "{} {}",
                line["call"].as_str().unwrap(),
                line["name"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        calls,
        [
            "shutdown c",
            "drop c",
            "shutdown b",
            "drop b",
            "shutdown a",
            "drop a"
        ]
    );
}

#[test]
fn a_host_that_is_dropped_shuts_its_listeners_down_and_failures_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let listeners = three_of("spi = [\"id_token_issue\"]", "record = \"record.ndjson\"");
    drop(host(&dir, &[Library::Puppet], &listeners, |builder| {
        builder
    }));
    assert_eq!(
        record(&dir)
            .iter()
            .filter(|line| line["call"] == "drop")
            .count(),
        3
    );
    let dir = tempfile::tempdir().unwrap();
    let listeners = three_of("spi = [\"id_token_issue\"]", "shutdown = \"panic\"");
    assert_eq!(
        host(&dir, &[Library::Puppet], &listeners, |builder| builder).shutdown(),
        3
    );
}

#[test]
fn a_shutdown_waits_for_the_calls_under_way_and_nothing_is_called_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let listeners = three_of(
        "spi = [\"id_token_issue\"]",
        "record = \"record.ndjson\"\nsleep_ms = 1",
    );
    let host = host(&dir, &[Library::Puppet], &listeners, |builder| builder);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // All of the listeners or none: never some of them.
                    assert!([0, 3].contains(&host.dispatch(&event("e")).calls));
                }
            });
        }
        let deadline = Instant::now() + TIME_LIMIT;
        while record(&dir)
            .iter()
            .filter(|line| line["call"] == "event")
            .count()
            < 20
        {
            assert!(Instant::now() < deadline);
            thread::sleep(Duration::from_millis(1));
        }
        host.shutdown();
        let ended = record(&dir).len();
        for _ in 0..10 {
            host.dispatch(&event("late"));
        }
        assert_eq!(record(&dir).len(), ended, "no call after the shutdown");
        stop.store(true, Ordering::Relaxed);
    });
    let record = record(&dir);
    let first_end = record
        .iter()
        .position(|line| line["call"] == "shutdown")
        .unwrap();
    assert!(
        record[first_end..]
            .iter()
            .all(|line| line["call"] != "event")
    );
}

#[test]
fn a_signer_kept_beyond_the_shutdown_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let listeners = "[[listener]]\nplugin = \"puppet\"\nspi = [\"id_token_issue\"]\nconfig = { record = \"record.ndjson\", sign = \"after-shutdown\" }";
    let host = host(&dir, &[Library::Puppet], listeners, |builder| builder);
    host.dispatch(&event("e1"));
    host.shutdown();
    let deadline = Instant::now() + TIME_LIMIT;
    let refused = loop {
        let refused = record(&dir)
            .into_iter()
            .find(|line| line["call"] == "refused");
        if let Some(refused) = refused {
            break refused;
        }
        assert!(Instant::now() < deadline, "it still signs");
        thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(refused["error"], "the host has shut this listener down");
}

#[test]
fn two_hosts_in_one_process_have_listeners_of_their_own() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let listeners = three_of("", "record = \"record.ndjson\"");
    let [one, two] = dirs
        .each_ref()
        .map(|dir| host(dir, &[Library::Puppet], &listeners, |builder| builder));
    one.dispatch(&event("e1"));
    one.shutdown();
    assert_eq!(two.dispatch(&event("e2")).calls, 3);
    assert_ne!(one.jwk_set(), two.jwk_set());
    let ids = |dir| {
        let events = record(dir)
            .into_iter()
            .filter(|line| line["call"] == "event");
        events.map(|line| line["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&dirs[0]), ["e1"; 3]);
    assert_eq!(ids(&dirs[1]), ["e2"; 3]);
}

#[test]
fn names_given_by_a_program_are_held_to_the_same_rule() {
    let dir = tempfile::tempdir().unwrap();
    copy_into(dir.path(), "puppet", &Library::Puppet.file());
    let twice = Host::builder()
        .plugin_dir(dir.path())
        .listener(ListenerConfig::new("puppet"))
        .listener(ListenerConfig::new("puppet"))
        .build();
    assert!(
        matches!(twice, Err(StartError::Refused { count: 1, .. })),
        "{twice:?}"
    );
    assert!(matches!(
        Host::builder().plugin_dir(Path::new("nowhere")).build(),
        Err(StartError::Discover(_))
    ));
}
