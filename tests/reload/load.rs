//! Reloads while threads dispatch: the counts have to add up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use op_listener_host::Host;

use crate::stage::{Line, Stage, TALLY, assert_orderly, counts, event, library, of, version};

const THREADS: usize = 4;

/// Dispatches from several threads for as long as `work` takes. How many events there were; each
/// came to as many listeners as there are.
fn under_load(host: &Host, listeners: u32, work: impl FnOnce()) -> usize {
    let (stop, all) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (stop, all) = (&stop, &all);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        all.fetch_add(number, Ordering::Relaxed);
                        return;
                    }
                    let id = format!("{thread}-{number}");
                    let dispatched = host.dispatch(&event(&id));
                    assert_eq!(
                        (dispatched.calls, dispatched.failures),
                        (listeners, 0),
                        "{id}"
                    );
                }
            });
        }
        // Whatever it comes to, the threads are to end.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    all.into_inner()
}

/// That each event came once, and those of a thread in their order.
fn assert_each_once(record: &[Line], events: usize) {
    let mut next = HashMap::<&str, usize>::new();
    for line in of(record, "event") {
        let (thread, number) = line.what.split_once('-').unwrap();
        let next = next.entry(thread).or_default();
        assert_eq!(number, next.to_string(), "of thread {thread}");
        *next += 1;
    }
    assert_eq!(next.values().sum::<usize>(), events);
}

#[test]
fn a_library_replaced_200_times_under_load_loses_no_event_and_repeats_none() {
    const RELOADS: usize = 200;

    let stage = Stage::new();
    stage.put("tally", &version(0));
    stage.put("steady", &library(&["ID=\"steady\""]));
    let config = [
        TALLY,
        &stage.settings(""),
        "[[listener]]\nplugin = \"steady\"",
    ]
    .concat();
    let host = stage.host(&config);
    let events = under_load(&host, 2, || {
        for reload in 1..=RELOADS {
            stage.put("tally", &version(reload));
            let reloaded = host.reload(stage.config(&config)).unwrap();
            assert_eq!(counts(&reloaded), [0, 1, 1, 0, 0]);
            assert_eq!(reloaded.left_behind, 0);
        }
    });
    let steady = host.listeners().pop().unwrap();
    assert_eq!(steady.stats.calls, events as u64, "it was never touched");
    assert_eq!(host.shutdown(), 0);
    let record = stage.record();
    assert_each_once(&record, events);
    assert_eq!(of(&record, "init").len(), RELOADS + 1);
    assert_eq!(assert_orderly(&record), 0);
    let takes_over: Vec<_> = of(&record, "init").iter().map(|line| &*line.what).collect();
    assert_eq!(takes_over[..2], ["0", "1"]);
}

#[test]
fn settings_changed_200_times_under_load_lose_no_event_and_repeat_none() {
    const RELOADS: usize = 200;

    let stage = Stage::new();
    stage.put("tally", &version(0));
    let config = |number: usize| {
        let number = format!("number = {number}");
        stage.config(&[TALLY, &stage.settings(&number)].concat())
    };
    let host = Host::builder().config(config(0)).build().unwrap();
    let events = under_load(&host, 1, || {
        for reload in 1..=RELOADS {
            let reloaded = host.reload(config(reload)).unwrap();
            assert_eq!(counts(&reloaded), [0, 1, 0, 0, 0]);
        }
    });
    drop(host);
    let record = stage.record();
    assert_each_once(&record, events);
    assert_eq!(assert_orderly(&record), 0);
}

#[test]
fn reloads_and_a_shutdown_at_the_same_time_leave_no_listener_alive() {
    for round in 0..20 {
        let stage = Stage::new();
        stage.put("tally", &version(round));
        let config = |number: usize| {
            let number = format!("number = {number}");
            stage.config(&[TALLY, &stage.settings(&number)].concat())
        };
        let host = Host::builder().config(config(0)).build().unwrap();
        thread::scope(|scope| {
            for first in [1, 1000] {
                let (host, config) = (&host, &config);
                scope.spawn(move || {
                    let mut number = first;
                    while host.reload(config(number)).is_ok() {
                        number += 1;
                    }
                });
            }
            for number in 0..50 {
                host.dispatch(&event(&number.to_string()));
            }
            assert_eq!(host.shutdown(), 0);
        });
        assert_eq!(host.dispatch(&event("late")).calls, 0);
        drop(host);
        assert_eq!(assert_orderly(&stage.record()), 0, "{:#?}", stage.record());
    }
}
