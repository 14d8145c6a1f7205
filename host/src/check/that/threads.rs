//! Calls from many threads.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use super::super::bench::{Bench, Live};
use super::super::outcome::{Findings, Outcome, Verdict};
use super::super::sample::Sample;

const THREADS: u64 = 8;
const EVENTS_EACH: u64 = 500;

pub(super) fn eight(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let all = library.enabled()?;
    let findings = Mutex::new(Findings::default());
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (all, findings) = (&all, &findings);
            scope.spawn(move || {
                let mut own = Findings::default();
                for event in 0..EVENTS_EACH {
                    for live in all {
                        let id = number * EVENTS_EACH + event;
                        let sample = Sample::ordinary(live.spi).numbered(id);
                        live.send(&sample.event(), "eight threads at once", &mut own);
                    }
                }
                merge(findings, own);
            });
        }
    });
    all.into_iter().for_each(Live::end);
    Ok(finish(findings))
}

/// So many threads one after the other; each has thread-local data of the listener's to give back.
const ONE_BY_ONE: u64 = 200;

pub(super) fn ending(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let all = library.enabled()?;
    let findings = Mutex::new(Findings::default());
    for number in 0..ONE_BY_ONE {
        thread::scope(|scope| {
            let call = || {
                let mut own = Findings::default();
                for live in &all {
                    let sample = Sample::ordinary(live.spi).numbered(number);
                    live.send(&sample.event(), "a thread that ends", &mut own);
                }
                merge(&findings, own);
            };
            scope.spawn(call);
        });
    }
    outlive(all, &findings);
    Ok(finish(findings))
}

/// Ends the instances while a thread that has called them is still there.
fn outlive(all: Vec<Live>, findings: &Mutex<Findings>) {
    let all = Arc::new(all);
    let (called, wait) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let shared = Arc::clone(&all);
    let thread = thread::spawn(move || {
        let mut own = Findings::default();
        for live in &*shared {
            let sample = Sample::ordinary(live.spi);
            live.send(&sample.event(), "a thread that ends last", &mut own);
        }
        drop(shared);
        // The other ends of both channels are held until this thread is joined.
        let _ = called.send(own);
        let _ = gone.recv();
    });
    if let Ok(own) = wait.recv() {
        merge(findings, own);
    }
    let all = Arc::into_inner(all).unwrap_or_default();
    all.into_iter().for_each(Live::end);
    drop(go);
    // A panic of its own would have been told by now.
    let _ = thread.join();
}

fn merge(into: &Mutex<Findings>, own: Findings) {
    let mut into = into
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    into.merge(own);
}

fn finish(findings: Mutex<Findings>) -> Outcome {
    let findings = findings.into_inner();
    let findings = findings.unwrap_or_else(std::sync::PoisonError::into_inner);
    findings.or(Outcome::success())
}
