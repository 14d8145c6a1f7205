//! Whoever embeds the host sees its lines, and those of listeners, in a `tracing` subscriber of
//! their own, with its filters.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use op_listener_host::event::Event;
use op_listener_tests::Library;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::hosts::host;

/// Keeps what comes as `LEVEL target name=value …`.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl<S: tracing::Subscriber> Layer<S> for Kept {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Line(format!("{} {}", metadata.level(), metadata.target()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
}

#[test]
fn records_of_listeners_reach_the_embedders_own_subscriber() {
    let kept = Kept::default();
    let filter = tracing_subscriber::filter::Targets::new()
        .with_target("MAIN", tracing::Level::INFO)
        .with_target("op_listener_puppet", tracing::Level::DEBUG);
    // For the whole process, as an embedder sets it: lines of other tests come here too.
    let subscriber = tracing_subscriber::registry()
        .with(kept.clone())
        .with(filter);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let listener = "[[listener]]\nplugin = \"puppet\"\nname = \"talker\"\nspi = [\"id_token_issue\"]\nconfig = { talk = true }";
    let host = host(&dir, &[Library::Puppet], listener, |builder| builder);
    let event = Event::id_token_issue("alice", "000123", "{}")
        .issuer("https://op.example.com")
        .id("e1")
        .build()
        .unwrap();
    host.dispatch(&event);
    let kept = kept.0.lock().unwrap();
    let has = |line: &str| {
        assert!(
            kept.iter().any(|kept| kept == line),
            "{line}\nnot in\n{kept:#?}"
        );
    };
    has(
        r#"INFO MAIN message=Loaded ID token issue event listener [1]: class=op_listener_puppet::Puppet enabled=true code="OP0211" listener="talker""#,
    );
    has(r#"INFO op_listener_puppet message="init of talker" listener="talker""#);
    has(
        r#"DEBUG op_listener_puppet::talk message="said for finding faults" listener="talker" fields="{\"counted\":\"formatted\",\"depth\":1,\"event\":\"e1\"}""#,
    );
    assert!(
        !kept.iter().any(|line| line.contains("said in all detail")),
        "filtered: {kept:#?}"
    );
    assert!(
        !kept.iter().any(|line| line.contains("puppet::chatter")),
        "filtered: {kept:#?}"
    );
}
