//! Listeners with delivery queues that come and go.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::LazyLock;

use op_listener_host::Host;
use op_listener_tests::set_push;

use crate::stage::{Stage, counts, event};

static SET_PUSH: LazyLock<Vec<u8>> = LazyLock::new(|| fs::read(set_push()).unwrap());

/// A plugin with one queue for its three listeners, which pushes to that port.
fn pushing_to(port: u16) -> String {
    format!(
        "[[listener]]\nplugin = \"set-push\"\n[listener.config]\nenable = true\n\
         endpoint = \"http://127.0.0.1:{port}/\"\nallow_hosts = [\"127.0.0.1\"]\n"
    )
}

fn with(stage: &Stage, settings: &str) -> String {
    let data: &Path = &stage.path("data");
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = receiver.local_addr().unwrap().port();
    // Connections are taken by the system, and never answered.
    std::mem::forget(receiver);
    format!("data_dir = {data:?}\n{settings}\n{}", pushing_to(port))
}

fn reload(host: &Host, stage: &Stage, config: &str) -> ([usize; 5], usize) {
    let reloaded = host.reload(stage.config(config)).unwrap();
    (counts(&reloaded), reloaded.left_behind)
}

#[test]
fn a_listener_with_a_queue_comes_and_goes_time_and_again() {
    let stage = Stage::new();
    let config = with(&stage, "");
    stage.put("set_push", &SET_PUSH);
    let host = stage.host(&config);
    for round in 0..40 {
        stage.remove("set_push");
        let (counts, left) = reload(&host, &stage, &config);
        assert_eq!((counts, left), ([0, 0, 0, 3, 0], 0), "round {round}");
        stage.put("set_push", &SET_PUSH);
        let (counts, left) = reload(&host, &stage, &config);
        assert_eq!((counts, left), ([3, 0, 0, 0, 0], 0), "round {round}");
    }
    host.shutdown();
}

#[test]
fn a_receiver_that_hangs_keeps_no_listener_from_ending() {
    let stage = Stage::new();
    // Longer than a listener may take: it is not the listener that is waited for.
    let config = with(
        &stage,
        "[delivery]\nstop_timeout = 2\n[shutdown]\nlistener_ms = 1000\n",
    );
    stage.put("set_push", &SET_PUSH);
    let host = stage.host(&config);
    for number in 0..8 {
        assert_eq!(host.dispatch(&event(&format!("e{number}"))).failures, 0);
    }
    stage.remove("set_push");
    let (counts, left) = reload(&host, &stage, &config);
    assert_eq!((counts, left), ([0, 0, 0, 3, 0], 0));
    // What its sinks had in hand waits as all the rest.
    stage.put("set_push", &SET_PUSH);
    let (counts, left) = reload(&host, &stage, &config);
    assert_eq!((counts, left), ([3, 0, 0, 0, 0], 0));
    assert_eq!(host.delivery().queues[0].waiting, 8);
    host.shutdown();
}
