//! The host takes events and its answer gets lost: the bridge posts them again, under the same ids,
//! and listeners see each once.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::json;

use crate::expected::{assert_seen, assert_well};
use crate::world::{RECORDING, SOCKET, World, stop};

/// Stands between, and breaks a connection off in place of every other answer.
fn break_answers_off(listener: UnixListener, host: PathBuf) -> Arc<AtomicUsize> {
    let broken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&broken);
    // Until the test's process ends.
    thread::spawn(move || {
        let answers = Arc::new(AtomicUsize::new(0));
        for connection in listener.incoming() {
            let (host, answers, broken) =
                (host.clone(), Arc::clone(&answers), Arc::clone(&counted));
            thread::spawn(move || relay(&connection?, &host, &answers, &broken));
        }
    });
    broken
}

fn relay(
    bridge: &UnixStream,
    host: &Path,
    answers: &AtomicUsize,
    broken: &AtomicUsize,
) -> io::Result<()> {
    let host = UnixStream::connect(host)?;
    let (mut from, mut to) = (bridge.try_clone()?, host.try_clone()?);
    thread::spawn(move || {
        // An error is the end of the connection, which the other side is told of.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut answer = [0; 4096];
    loop {
        // Answers are short, and come in one piece.
        let length = (&host).read(&mut answer)?;
        if length == 0 {
            return bridge.shutdown(Shutdown::Both);
        }
        if answers.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            broken.fetch_add(1, Ordering::Relaxed);
            bridge.shutdown(Shutdown::Both)?;
            return host.shutdown(Shutdown::Both);
        }
        (&*bridge).write_all(&answer[..length])?;
    }
}

#[test]
fn an_answer_that_gets_lost_makes_no_event_twice() {
    let config = format!("{RECORDING}\n[log]\nlevel = \"debug\"\n");
    let Some(world) = World::new(&config) else {
        return;
    };
    let (host, _) = world.host();
    let between = world.path("between.sock");
    let listener = UnixListener::bind(&between).unwrap();
    let broken = break_answers_off(listener, world.path(SOCKET));
    let options = json!({
        "socketPath": between, "timeout": 30_000, "retries": 20, "onFailure": "refuse",
    });
    let provider = world.provider_with(&options);
    let flows = json!([
        { "user": "alice", "client": "web", "response_type": "code", "then": ["exchange", "refresh"] },
        { "user": "bob", "client": "pairwise", "response_type": "code id_token token", "then": ["exchange"] },
        { "user": "carol", "client": "every-flow", "response_type": "id_token token" },
        { "client": "machine" },
    ]);
    let done = world.drive(&provider, &flows);
    assert_well(&done);
    assert_seen(&done, &world.events());
    let (_, counts) = provider.end();
    assert_eq!((counts.refused, counts.lost), (0, 0));
    assert!(broken.load(Ordering::Relaxed) >= 5);
    let log = stop(host);
    // Also facts, of which a second one would be an error, or a warning.
    assert!(log.contains("[OPL0512]"), "{log}");
    assert!(
        !log.contains("OPL0513") && !log.contains("OPL0302"),
        "{log}"
    );
}
