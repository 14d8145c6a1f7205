//! One event to one listener and to ten, and as many calls by plain function pointers.

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use op_listener_host::Host;
use op_listener_host::event::Event;

use crate::{EVENTS, config, host};

/// The event as the plain function takes it.
struct Plain<'a> {
    subject: &'a str,
    client_id: &'a str,
}

type OnEvent = fn(&AtomicUsize, &Plain<'_>) -> i32;

fn count(counter: &AtomicUsize, event: &Plain<'_>) -> i32 {
    counter.fetch_add(event.subject.len() + event.client_id.len(), Relaxed);
    0
}

pub(crate) fn all(dir: &Path) {
    let event = Event::id_token_issue("alice", "000123", r#"{"sub":"alice","iat":1523304728}"#)
        .issuer("https://op.example.com")
        .build()
        .unwrap();
    let [one, ten] = [1, 10].map(|listeners| host(&config(dir, listeners)));
    // What is made once for a thread is made by the first.
    for host in [&one, &ten] {
        host.dispatch(&event);
    }
    by_ten_pointers();
    to_one(&one, &event);
    to_ten(&ten, &event);
    for host in [one, ten] {
        assert_eq!(host.shutdown(), 0);
    }
}

#[inline(never)]
fn by_ten_pointers() {
    let counters: Vec<_> = (0..10).map(AtomicUsize::new).collect();
    let calls: Vec<OnEvent> = vec![black_box(count); 10];
    let event = Plain {
        subject: "alice",
        client_id: "000123",
    };
    for _ in 0..EVENTS {
        for (call, counter) in calls.iter().zip(&counters) {
            black_box(call(counter, black_box(&event)));
        }
    }
}

// Each with a text of its own, without which the compiler would make one function of them.

#[inline(never)]
fn to_one(host: &Host, event: &Event<'_>) {
    black_box("to one");
    for _ in 0..EVENTS {
        black_box(host.dispatch(black_box(event)));
    }
}

#[inline(never)]
fn to_ten(host: &Host, event: &Event<'_>) {
    black_box("to ten");
    for _ in 0..EVENTS {
        black_box(host.dispatch(black_box(event)));
    }
}
