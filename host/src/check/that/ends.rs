//! What is left of instances that were ended.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::bench::{Bench, Heard, Library, hear};
use super::super::outcome::{Findings, Outcome, Verdict};
use super::super::sample::Sample;
use super::super::system;

/// How long what was ended may take to be gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes an instance of each listener, lets those that want it work a little, and ends them.
pub(super) fn live(library: &Library<'_>) -> Result<(), Outcome> {
    let mut ignored = Findings::default();
    for live in library.instances()? {
        if live.instance.is_enabled().1 != 0 {
            for number in 0..100 {
                let sample = Sample::ordinary(live.spi).numbered(number);
                live.send(&sample.event(), "", &mut ignored);
            }
        }
        live.end();
    }
    Ok(())
}

pub(super) fn shutdown(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let mut findings = Findings::default();
    for live in library.instances()? {
        let spi = live.spi;
        if live.instance.is_enabled().1 != 0 {
            let sample = Sample::ordinary(spi);
            live.send(&sample.event(), "before the end", &mut Findings::default());
        }
        match hear(&live.instance.shutdown()) {
            Heard::Well => {}
            Heard::Refused(why) => {
                findings.warn(format!("`shutdown` for {spi} ends with an error: {why}"));
            }
            Heard::Bad(why) => findings.fail(format!("`shutdown` for {spi} {why}")),
        }
        if let Heard::Refused(why) | Heard::Bad(why) = hear(&live.instance.release()) {
            findings.fail(format!("the release for {spi}: {why}"));
        }
    }
    Ok(findings.or(Outcome::success()))
}

pub(super) fn shutdown_twice(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let mut findings = Findings::default();
    for live in library.instances()? {
        live.instance.shutdown();
        for _ in 0..2 {
            if let Heard::Bad(why) = hear(&live.instance.shutdown()) {
                findings.fail(format!("a second `shutdown` for {} {why}", live.spi));
            }
        }
        live.instance.release();
    }
    Ok(findings.or(Outcome::success()))
}

pub(super) fn events_after(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let mut findings = Findings::default();
    for live in library.enabled()? {
        let event = |number| Sample::ordinary(live.spi).numbered(number);
        live.send(&event(1).event(), "", &mut Findings::default());
        live.instance.shutdown();
        for number in 2..5 {
            if let Heard::Bad(why) = hear(&live.instance.on_event(&event(number).event())) {
                findings.fail(format!("an event after `shutdown` for {} {why}", live.spi));
            }
        }
        live.instance.release();
    }
    Ok(findings.or(Outcome::success()))
}

/// How long the host listens for a listener that has nothing to say any more.
const LISTENING: Duration = Duration::from_millis(300);

pub(super) fn silent_after(bench: &Bench<'_>) -> Verdict {
    let library = bench.start_at(op_listener_abi::level::TRACE)?;
    live(&library)?;
    library.witness.end();
    std::thread::sleep(LISTENING);
    match library.witness.calls_after_end() {
        0 => Ok(Outcome::success()),
        calls => Ok(Outcome::warning(format!(
            "{calls} calls of the host came within {} ms of the end: join in `shutdown` the threads that make them",
            LISTENING.as_millis()
        ))),
    }
}

pub(super) fn threads_left(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let Some(before) = system::threads() else {
        return Err(Outcome::skipped(
            "this system does not tell which threads there are",
        ));
    };
    for _ in 0..2 {
        live(&library)?;
    }
    let mut left = BTreeMap::new();
    system::wait_until(PATIENCE, || {
        left = system::threads().unwrap_or_default();
        left.retain(|number, _| !before.contains_key(number));
        left.is_empty()
    });
    if left.is_empty() {
        return Ok(Outcome::success());
    }
    let names: Vec<&str> = left.values().map(String::as_str).collect();
    Ok(Outcome::failed(format!(
        "{} threads are left after two lives ({}): stop and join them in `shutdown`",
        names.len(),
        names.join(", ")
    )))
}

pub(super) fn descriptors_left(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let Some(before) = system::descriptors() else {
        return Err(Outcome::skipped(
            "this system does not tell which descriptors are open",
        ));
    };
    live(&library)?;
    let first = opened_since(&before, 0);
    live(&library)?;
    live(&library)?;
    let last = opened_since(&before, first.len());
    let told: Vec<String> = last
        .iter()
        .take(5)
        .map(|file| format!("{file:?}"))
        .collect();
    let told = told.join(", ");
    if last.len() > first.len() {
        return Ok(Outcome::failed(format!(
            "{} descriptors are left after one life and {} after three ({told}): close them in `shutdown`, or when the instance is dropped",
            first.len(),
            last.len()
        )));
    }
    if !last.is_empty() {
        return Ok(Outcome::warning(format!(
            "{told} stay open after the first life, though no more come with further ones"
        )));
    }
    Ok(Outcome::success())
}

/// What is open beside what was, once no more than so many are or patience is at its end.
fn opened_since(before: &BTreeMap<u32, std::path::PathBuf>, few: usize) -> Vec<std::path::PathBuf> {
    let mut opened = Vec::new();
    system::wait_until(PATIENCE, || {
        let now = system::descriptors().unwrap_or_default();
        let new = now
            .into_iter()
            .filter(|(number, _)| !before.contains_key(number));
        opened = new.map(|(_, file)| file).collect();
        opened.len() <= few
    });
    opened
}

pub(super) fn processes_left(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    if system::children().is_none() {
        return Err(Outcome::skipped(
            "this system does not tell which processes were started",
        ));
    }
    live(&library)?;
    let mut left = Vec::new();
    system::wait_until(PATIENCE, || {
        left = system::children().unwrap_or_default();
        left.is_empty()
    });
    if left.is_empty() {
        return Ok(Outcome::success());
    }
    Ok(Outcome::failed(format!(
        "processes are left ({}): end them in `shutdown`, and wait for them",
        left.join(", ")
    )))
}
