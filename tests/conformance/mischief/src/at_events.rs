//! Misdeeds at events.

use std::fs::File;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use op_listener_api::{Error, EventContext, IdTokenIssueEvent};
use serde_json::{Value, json};

use crate::does;
use crate::listener::Mischief;

fn parsed(event: &IdTokenIssueEvent<'_>) -> Value {
    serde_json::from_str(event.claims_json()).expect("claims are JSON")
}

/// Overflows the stack where values are nested deeply: each level takes much of it.
fn descend(depth: usize) -> usize {
    let room = std::hint::black_box([0_u8; 32 << 10]);
    if depth == 0 {
        return usize::from(room[0]);
    }
    descend(depth - 1) + std::hint::black_box(usize::from(room[1]))
}

struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        std::process::abort();
    }
}

thread_local! {
    static TRAP: Trap = const { Trap };
}

pub(crate) fn take(
    listener: &Mischief,
    event: &IdTokenIssueEvent<'_>,
    context: &EventContext<'_>,
) -> Result<(), Error> {
    let claims = event.claims_json();
    if does("fail") {
        return Err(Error::new("the bucket leaks"));
    }
    if does("panic") {
        panic!("the rope broke");
    }
    if does("need-client") {
        context.client().expect("every client is registered");
    }
    if does("cut-bytes") {
        // Whoever counts bytes cuts characters.
        let name = event.claims().string("name").unwrap_or_default();
        for end in 0..name.len() {
            let _ = &name[..end];
        }
    }
    if does("need-sub") {
        assert!(parsed(event)["sub"].is_string(), "every token has one");
    }
    if does("short-subject") {
        assert!(event.subject().len() <= 128, "nobody is called that");
    }
    if does("small-buffer") && claims.len() > 512 << 10 {
        std::process::abort();
    }
    if does("need-numbers") {
        parsed(event);
    }
    if does("recurse") {
        descend(claims.bytes().filter(|byte| *byte == b'[').count());
    }
    if does("need-types") {
        parsed(event)["iat"].as_u64().expect("it is a number");
    }
    if does("need-one-name") {
        assert!(
            claims.matches("\"sub\"").count() <= 1,
            "names are given once"
        );
    }
    if does("need-known-members") {
        let more = event.more().json().to_owned();
        assert!(!more.contains("later"), "nothing is ever added");
    }
    if does("need-time") {
        let since = event
            .time()
            .duration_since(UNIX_EPOCH)
            .expect("it is after that");
        assert!(since > Duration::from_secs(1_000_000), "that was long ago");
    }
    if does("need-signature") {
        context
            .jwt_signer()
            .sign(&json!({ "sub": "alice" }))
            .expect("it always signs");
    }
    if does("need-descriptor") {
        File::open("/dev/null").expect("it is always there");
    }
    if does("one-at-a-time") {
        let _busy = listener.busy.try_lock().expect("nobody else is here");
        std::thread::sleep(Duration::from_micros(50));
    }
    if does("trap-thread") {
        TRAP.with(|_| ());
    }
    if does("sleep") {
        std::thread::sleep(Duration::from_millis(7));
    }
    if does("leak") {
        std::mem::forget(vec![1_u8; 16]);
    }
    if does("need-life") {
        assert!(!listener.ended.load(Ordering::Relaxed), "it is over");
    }
    if does("talk") {
        tracing::info!("one");
        tracing::info!("two");
    }
    if does("tell-claims") {
        tracing::info!(claims, "issued");
    }
    Ok(())
}
