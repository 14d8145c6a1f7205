//! What listeners may do, and what the host makes of it, at the edges of their lives.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use op_listener_host::{Host, StartError};
use op_listener_tests::{Library, audit_log, id_token, start};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::stage::{Stage, TALLY, event, library, of};

#[test]
fn a_listener_that_makes_nothing_is_refused() {
    let stage = Stage::new();
    stage.put("tally", &library(&["NULL_OBJECT"]));
    let refused = Host::builder().config(stage.config("")).build();
    assert!(
        matches!(refused, Err(StartError::Refused { count: 1, .. })),
        "{refused:?}"
    );
    stage.configure("");
    let mut running = start(&mut stage.command());
    let line = running.wait_for("[OPL0104]");
    assert!(
        line.contains("its `init` made no instance, and no error either"),
        "{line}"
    );
    assert_eq!(running.finish().code(), Some(3));
}

#[test]
fn a_listener_that_could_not_be_made_has_no_services() {
    let stage = Stage::new();
    stage.put("tally", &library(&["INIT_FAILS", "KEEPS_HOST"]));
    let config = [TALLY, &stage.settings("")].concat();
    let refused = Host::builder().config(stage.config(&config)).build();
    assert!(refused.is_err());
    // OP_LISTENER_CLOSED
    stage.wait_for("refused", "5");
    assert_eq!(of(&stage.record(), "refused").len(), 1);
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_per_event_and_not_the_end() {
    let stage = Stage::new();
    let (library, verifier) = audit_log();
    stage.put("audit", &fs::read(library).unwrap());
    let config = "[plugins]\nprobe = false\n[[listener]]\nplugin = \"audit-log\"\nspi = [\"id_token_issue\"]\n[listener.config]\npath = \"audit.ndjson\"\n";
    stage.configure(config);
    let mut running = stage.start();
    // Libraries are loaded by then, whose bytes count as a file.
    let pid = Pid::from_raw(running.id().cast_signed());
    let limit = Rlimit {
        current: Some(20_000),
        maximum: None,
    };
    prlimit(pid, Resource::Fsize, limit).unwrap();
    for number in 0..300 {
        running.send(&format!("{}\n", id_token(&format!("e{number}"))));
    }
    let line = running.wait_for("[OPL0201]");
    assert!(line.contains("audit.ndjson"), "{line}");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let said = said_of_failures(&finished.stderr);
    let failed: usize = said.iter().sum();
    // Ten at once, one for each ten seconds that the run took, and the rest at the end.
    assert!(failed > 100 && said.len() < 20, "{}", finished.stderr);
    assert_eq!(said[..10], [1; 10], "{}", finished.stderr);
    let text = fs::read_to_string(stage.path("audit.ndjson")).unwrap();
    assert_eq!(text.lines().count() + failed, 300);
    let outcome = Command::new(verifier)
        .arg(stage.path("audit.ndjson"))
        .status();
    assert!(outcome.unwrap().success());
}

/// How many failures each line about them stands for.
fn said_of_failures(log: &str) -> Vec<usize> {
    let lines = log.lines().filter(|line| line.contains("[OPL0201]"));
    let counted = lines.map(
        |line| match line.split_once(" times since the last such line") {
            None => 1,
            Some((before, _)) => {
                let count = before.rsplit([' ', '(']).next().unwrap();
                count.parse().unwrap()
            }
        },
    );
    counted.collect()
}

/// A subscriber that takes its time, as one does that writes to a slow disk.
struct Slow;

/// Longer than the budget, which is long: a busy machine may leave a call that does nothing standing
/// for a while.
const SLOWNESS: Duration = Duration::from_millis(3500);

impl<S: tracing::Subscriber> Layer<S> for Slow {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            thread::sleep(SLOWNESS);
        }
    }
}

#[test]
fn a_listener_is_not_blamed_for_the_time_in_which_the_host_logs() {
    let stage = Stage::new();
    stage.put("puppet", &fs::read(Library::Puppet.file()).unwrap());
    let entry = |name: &str, event: &str| {
        format!(
            "[[listener]]\nplugin = \"puppet\"\nname = \"{name}\"\nspi = [\"id_token_issue\"]\nbudget_ms = 3000\nconfig = {{ event = \"{event}\" }}\n"
        )
    };
    let host = stage.host(&[entry("fails", "fail"), entry("works", "well")].concat());
    let subscriber = tracing_subscriber::registry().with(Slow);
    let begun = Instant::now();
    tracing::subscriber::with_default(subscriber, || {
        assert_eq!(host.dispatch(&event("e1")).failures, 1);
    });
    assert!(begun.elapsed() >= SLOWNESS, "it was logged slowly");
    for listener in host.listeners() {
        assert_eq!(listener.stats.over_budget, 0, "{}", listener.name);
    }
}
