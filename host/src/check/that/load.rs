//! What happens when the library is mapped, and what its table holds.

use std::time::Duration;

use super::super::Check;
use super::super::bench::{Bench, Live, responsible, skipped};
use super::super::job;
use super::super::outcome::{Findings, Outcome, Verdict};
use super::super::system;
use super::time::Timer;
use super::traces::Snapshot;
use crate::ffi::raw;
use crate::library::load;

/// Fails with the reason if it is this check's matter.
fn loading(bench: &Bench<'_>, check: Check) -> Verdict {
    let Err(reason) = bench.try_load()? else {
        return Ok(Outcome::success());
    };
    match responsible(&reason) {
        matter if matter == check => Ok(Outcome::failed(reason.to_string())),
        // By then the loader has taken it.
        Check::Layout | Check::Exports if check == Check::Loads => Ok(Outcome::success()),
        _ => Err(skipped(&reason)),
    }
}

pub(super) fn loads(bench: &Bench<'_>) -> Verdict {
    loading(bench, Check::Loads)
}

pub(super) fn layout(bench: &Bench<'_>) -> Verdict {
    loading(bench, Check::Layout)
}

pub(super) fn exports(bench: &Bench<'_>) -> Verdict {
    loading(bench, Check::Exports)
}

pub(super) fn class_names(bench: &Bench<'_>) -> Verdict {
    let loaded = bench.load()?;
    let mut findings = Findings::default();
    let tables = loaded.listeners().iter();
    for (table, promised) in tables.zip(&loaded.metadata().listeners) {
        let class = raw::class(*table);
        let promised = &promised.class;
        match std::str::from_utf8(&class) {
            Err(_) => findings.fail("the name of a class is not UTF-8"),
            Ok("") => findings.fail("a class has no name"),
            Ok(class) if class == promised => {}
            Ok(class) => findings.warn(format!(
                "the log calls it {class} and `list` {promised}: write the full path in `export!`"
            )),
        }
    }
    Ok(findings.or(Outcome::success()))
}

/// Loading maps and relocates; a library that takes longer does work in its constructors.
const SLOW: Duration = Duration::from_millis(100);

pub(super) fn load_time(bench: &Bench<'_>) -> Verdict {
    let trusted = bench.admit()?;
    let timer = Timer::start();
    let mapped = load(&trusted);
    let time = timer.stop();
    // Why it fails is told elsewhere.
    mapped.map_err(|error| skipped(error.reason()))?;
    let told = format!("{:.1} ms", time.as_secs_f64() * 1e3);
    if time <= SLOW {
        return Ok(Outcome::note(told));
    }
    Ok(Outcome::warning(format!(
        "loading takes {told}: whatever it does in constructors belongs into `init`"
    )))
}

pub(super) fn quiet(bench: &Bench<'_>) -> Verdict {
    let before = Snapshot::take(&bench.job.home, &[]);
    let (threads, descriptors) = (system::threads(), system::descriptors());
    bench.load()?;
    let mut findings = Findings::default();
    let after = system::threads();
    if let (Some(before), Some(after)) = (&threads, &after) {
        for (number, name) in after {
            if !before.contains_key(number) {
                findings.fail(format!(
                    "loading starts a thread ({name}): start it in `init`"
                ));
            }
        }
    }
    if let (Some(before), Some(after)) = (&descriptors, system::descriptors()) {
        for (number, file) in &after {
            if !before.contains_key(number) {
                findings.fail(format!("loading opens {file:?}: open it in `init`"));
            }
        }
    }
    for changed in Snapshot::take(&bench.job.home, &[]).changed_since(&before) {
        findings.fail(format!(
            "loading writes {changed:?}: what a constructor does, it does in every host that only looks"
        ));
    }
    for stream in [job::STDOUT, job::STDERR] {
        let path = bench.job.dir(stream);
        if path.metadata().is_ok_and(|metadata| metadata.len() > 0) {
            findings.warn(format!("loading writes to {stream}"));
        }
    }
    Ok(findings.or(Outcome::success()))
}

pub(super) fn twice(bench: &Bench<'_>) -> Verdict {
    let (first, second) = (bench.start()?, bench.start()?);
    let mut findings = Findings::default();
    if first.plugin().0.to_raw_ptr() == second.plugin().0.to_raw_ptr() {
        findings
            .fail("the second time the first library came back, so a reload would change nothing");
    }
    let one = first.instances()?;
    let other = second.successors();
    match other {
        Ok(other) => other.into_iter().for_each(Live::end),
        Err(_) => findings.warn(
            "`init` succeeds in the first library and not in the second, so a reload would fail: where `InitContext::takes_over` says so, take what only one can hold at the first event",
        ),
    }
    one.into_iter().for_each(Live::end);
    Ok(findings.or(Outcome::success()))
}
