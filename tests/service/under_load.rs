//! What happens to a host while events are posted without a pause: whatever its senders were told
//! holds, and each event comes to its listener once.

use std::env::consts::DLL_SUFFIX;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use op_listener_tests::tallied::{assert_orderly, of, read_record, version};
use op_listener_tests::{Setup, audit_log, parse_lines, replace, samples};
use rustix::process::Signal;
use serde_json::Value;

use crate::load::{Account, under_load};
use crate::stage::{Service, until};

const CHANGES: usize = 200;

/// Few enough at once that some events are turned away. Nothing is probed, which takes time.
const INTAKE: &str = "[intake]\nunix = \"s\"\nconcurrency = 2\n[plugins]\nprobe = false\n";

/// A host with the listener that writes down each call, which has a number in its settings.
fn tallying(reload: &str) -> Service {
    let setup = Setup::new();
    put(&setup, 0);
    Service::start_in(setup, &config(reload, 0))
}

fn config(reload: &str, number: usize) -> String {
    format!(
        "{INTAKE}[reload]\n{reload}\n[[listener]]\nplugin = \"tally\"\n\
         config = {{ record = \"record\", number = {number} }}\n"
    )
}

/// Puts a version of the listener's library in place of what there is.
fn put(setup: &Setup, number: usize) {
    let file = setup.plugins().join(format!("tally{DLL_SUFFIX}"));
    replace(&file, &version(number));
}

/// Changes something again and again while events come, each time for a new instance.
fn changed_under_load(mut service: Service, mut change: impl FnMut(&Service, usize)) {
    let door = service.door();
    let account = under_load(&door, |taken| {
        for number in 1..=CHANGES {
            more_are_taken(taken);
            change(&service, number);
            let replaced = "[OPL0601] Reloaded: 0 added, 1 replaced, 0 kept, 0 removed, 0 refused";
            service.running.wait_for(replaced);
        }
        more_are_taken(taken);
    });
    let Account {
        sent,
        mut taken,
        turned_away,
        unanswered,
    } = account;
    assert_eq!(unanswered, [""; 0]);
    assert_eq!(sent, taken.len() + turned_away);

    // The host has counted as its senders have.
    let page = service.client().get("/metrics").body;
    let page = String::from_utf8(page).unwrap();
    let counted = |series: &str| samples(&page)[series].to_string();
    let spi = "{spi=\"id_token_issue\"}";
    assert_eq!(
        counted(&format!("op_listener_events_dispatched_total{spi}")),
        taken.len().to_string()
    );
    assert_eq!(
        counted(&format!("op_listener_http_overload_refusals_total{spi}")),
        turned_away.to_string()
    );
    assert_eq!(counted("op_listener_http_duplicates_total"), "0");
    let (setup, finished) = service.stop();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let log = &finished.stderr;
    let stopped = format!("Stopped: {} events dispatched", taken.len());
    assert!(log.contains(&stopped), "{stopped}: {log}");

    // So has the listener, in one of its instances or another.
    let record = read_record(&setup.path().join("record"));
    let events = of(&record, "event").into_iter();
    let mut seen: Vec<_> = events.map(|line| line.what.clone()).collect();
    seen.sort_unstable();
    taken.sort_unstable();
    assert!(seen == taken, "{} of {}", seen.len(), taken.len());
    assert_eq!(of(&record, "init").len(), CHANGES + 1);
    assert_eq!(assert_orderly(&record), 0);
}

/// Waits until there is a request more that was begun and answered.
fn more_are_taken(taken: &AtomicUsize) {
    let before = taken.load(Relaxed);
    until("an answer", || (taken.load(Relaxed) > before).then_some(()));
}

#[test]
fn reloading_200_times_under_load_loses_no_event_and_repeats_none() {
    const BY_HAND: &str = "watch = false";

    changed_under_load(tallying(BY_HAND), |service, number| {
        let config = config(BY_HAND, number);
        replace(
            &service.setup.path().join("op-listener.toml"),
            config.as_bytes(),
        );
        service.signal(Signal::HUP);
    });
}

#[test]
fn replacing_a_watched_library_200_times_under_load_loses_no_event_and_repeats_none() {
    let service = tallying("debounce_ms = 10\nrescan = 1");
    changed_under_load(service, |service, number| put(&service.setup, number));
}

#[test]
fn a_signal_to_stop_under_load_leaves_no_answer_without_its_event() {
    let (library, verifier) = audit_log();
    let mut setup = Setup::new();
    setup.add("audit", &library);
    let service = Service::start_in(
        setup,
        // Time enough to write down what was begun, on a slow disk too.
        "[intake]\nunix = \"s\"\n[shutdown]\ndrain_ms = 60000\n\
         [[listener]]\nplugin = \"audit-log\"\nbudget_ms = 60000\n\
         config = { path = \"audit.ndjson\" }\n",
    );
    let account = under_load(&service.door(), |taken| {
        until("load", || (taken.load(Relaxed) > 300).then_some(()));
        service.signal(Signal::TERM);
        let door = service.socket();
        until("the end of the door", || (!door.exists()).then_some(()));
    });
    let Service { setup, running } = service;
    let finished = running.finish();
    let log = &finished.stderr;
    assert_eq!(finished.code(), Some(0), "{log}");
    assert_eq!(
        account.sent,
        account.taken.len() + account.turned_away + account.unanswered.len()
    );

    let file = setup.path().join("audit.ndjson");
    let text = fs::read_to_string(&file).unwrap();
    let mut seen: Vec<_> = text
        .lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            record["event"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let stopped = format!("Stopped: {} events dispatched", seen.len());
    assert!(log.contains(&stopped), "{stopped}: {log}");
    assert!(!parse_lines(log).iter().any(|line| line.is("OPL0503")));
    // Whatever was dispatched was answered, all within the time that there is for it.
    let mut taken = account.taken;
    seen.sort_unstable();
    taken.sort_unstable();
    assert!(
        seen == taken,
        "{} dispatched, {} answered, {} unanswered",
        seen.len(),
        taken.len(),
        account.unanswered.len()
    );
    let outcome = Command::new(verifier).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert!(outcome.status.success(), "{said}");
}
