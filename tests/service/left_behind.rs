//! Events that are with a listener which a reload leaves behind.

use std::sync::mpsc::{Receiver, channel};
use std::thread;

use op_listener_tests::{Answer, access_token, id_token, replace};
use rustix::process::Signal;

use crate::stage::{Service, in_flight, until};

/// A puppet that sleeps for so long over events of one SPI, and one that records the others.
fn config(concurrency: usize, entry: &str) -> String {
    format!(
        "[intake]\nunix = \"s\"\nconcurrency = {concurrency}\n[reload]\nwatch = false\n\
         [shutdown]\ndrain_ms = 200\n[[listener]]\nplugin = \"puppet\"\n\
         spi = [\"id_token_issue\"]\n{entry}\n"
    )
}

const ASLEEP: &str = "config = { quiet = true, sleep_ms = 600000 }";
const AWAKE: &str = "config = { record = \"record.ndjson\" }";

/// Posts that event from a connection of its own, and waits until it is with its listener.
fn post_and_wait(service: &Service, id: String, nth: u64) -> Receiver<(String, Answer)> {
    let (tell, told) = channel();
    let mut sender = service.client();
    sender.send_event(&id_token(&id));
    thread::spawn(move || {
        if let Ok(Some(answer)) = sender.try_answer(true) {
            // The test may have seen enough.
            let _ = tell.send((id, answer));
        }
    });
    let mut client = service.client();
    until("the event", || {
        (in_flight(&mut client, "id_token_issue") == nth).then_some(())
    });
    told
}

/// Posts so many events at the same time, all of which are taken.
fn all_at_once(service: &Service, count: usize, name: &str) {
    thread::scope(|scope| {
        for n in 0..count {
            let mut client = service.client();
            scope.spawn(move || {
                let answer = client.post(&id_token(&format!("{name}{n}")));
                assert_eq!(answer.status, 204, "{answer:?}");
            });
        }
    });
}

fn reload(service: &mut Service, config: &str) -> String {
    replace(
        &service.setup.path().join("op-listener.toml"),
        config.as_bytes(),
    );
    service.signal(Signal::HUP);
    service.running.wait_for("[OPL0601]")
}

#[test]
fn a_reload_that_leaves_a_listener_behind_gives_its_places_back() {
    let inline = thread::available_parallelism().map_or(1, usize::from);
    // Some are on threads that drive sockets, the others in the pool.
    let in_pool = 3;
    let concurrency = inline + in_pool;
    let mut service = Service::start(&config(concurrency, ASLEEP));
    let senders: Vec<_> = (1..=concurrency)
        .map(|n| post_and_wait(&service, format!("stuck-{n}"), n as u64))
        .collect();
    let mut client = service.client();
    assert_eq!(client.post(&id_token("e1")).status, 503);
    let reloaded = reload(&mut service, &config(concurrency, AWAKE));
    assert!(reloaded.contains("1 left behind"), "{reloaded}");
    // One of those who ask, or the host itself, makes room, and nobody is turned away meanwhile.
    all_at_once(&service, concurrency, "a");
    let answer = client.get("/readyz");
    assert_eq!(answer.status, 200, "{answer:?}");
    let state = &answer.json()["spi"]["id_token_issue"];
    assert_eq!(
        (&state["in_flight"], &state["left_behind"]),
        (&0.into(), &concurrency.into())
    );

    let mut answered = Vec::new();
    until("the answers of those in the pool", || {
        answered.extend(senders.iter().filter_map(|told| told.try_recv().ok()));
        (answered.len() >= in_pool).then_some(())
    });
    for (_, answer) in &answered {
        let (name, problem) = answer.problem();
        assert_eq!((answer.status, &*name), (500, "left-behind"), "{answer:?}");
        assert_eq!(problem["retry"], true);
    }
    // Also of those who got no answer.
    for n in 1..=concurrency {
        let again = client.post(&id_token(&format!("stuck-{n}")));
        assert_eq!(again.status, 204, "{n}: {again:?}");
    }
    // As many at once as before.
    all_at_once(&service, concurrency, "b");
    assert_eq!(service.seen().len(), 3 * concurrency);
    let (_, finished) = service.stop();
    assert!(finished.stderr.contains("[OPL0515]"), "{}", finished.stderr);
}

#[test]
fn places_are_not_given_back_without_end() {
    let mut service = Service::start(&config(1, ASLEEP));
    let mut client = service.client();
    for turn in 0..2 {
        let _sender = post_and_wait(&service, format!("stuck-{turn}"), 1);
        // Another one that sleeps.
        let name = format!("name = \"n{turn}\"\n{ASLEEP}");
        reload(&mut service, &config(1, &name));
        // Whoever looks has events given up.
        let state = client.get("/readyz").json();
        let state = &state["spi"]["id_token_issue"];
        let (in_flight, left) = (&state["in_flight"], &state["left_behind"]);
        assert_eq!((in_flight, left), (&turn.into(), &1.into()));
    }
    let refused = client.post(&id_token("e1"));
    assert_eq!(refused.problem().0, "overloaded", "{refused:?}");
    assert_eq!(client.post(&access_token("a1")).status, 204);
    let answer = until("being not ready", || {
        let answer = client.get("/readyz");
        (answer.status == 503).then_some(answer)
    });
    let detail = answer.json()["reasons"][0]["detail"].to_string();
    assert!(detail.contains("only a restart helps"), "{detail}");
    let (_, finished) = service.stop();
    for code in ["[OPL0515]", "[OPL0516]"] {
        let said = finished.stderr.matches(code).count();
        assert_eq!(said, 1, "{code}: {}", finished.stderr);
    }
}
