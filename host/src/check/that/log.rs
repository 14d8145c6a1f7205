//! What listeners log.

use op_listener_abi::level;

use super::super::bench::{Bench, Live};
use super::super::outcome::{Findings, Outcome, Verdict};
use super::super::sample::Sample;
use super::ends::live;

pub(super) fn records(bench: &Bench<'_>) -> Verdict {
    let library = bench.start_at(level::TRACE)?;
    live(&library)?;
    let mut findings = Findings::default();
    library
        .witness
        .faults()
        .into_iter()
        .for_each(|fault| findings.fail(fault));
    Ok(findings.or(Outcome::note(format!(
        "{} records",
        library.witness.records()
    ))))
}

const EVENTS: u64 = 200;

pub(super) fn volume(bench: &Bench<'_>) -> Verdict {
    let library = bench.start_at(level::INFO)?;
    let mut findings = Findings::default();
    let mut told = Vec::new();
    for live in library.enabled()? {
        let before = library.witness.records();
        for number in 0..EVENTS {
            let sample = Sample::ordinary(live.spi).numbered(number);
            live.send(&sample.event(), "", &mut Findings::default());
        }
        let records = library.witness.records() - before;
        let figures = format!("{}: {records} records for {EVENTS} events", live.spi);
        if records > EVENTS {
            findings.warn(format!("{figures}: leave the details to level debug"));
        }
        told.push(figures);
        live.end();
    }
    Ok(findings.or(Outcome::note(told.join("; "))))
}

/// A text that is nowhere but where it was put.
const MARK: &str = "mark-4f0e9d1c";

pub(super) fn claims(bench: &Bench<'_>) -> Verdict {
    let library = bench.start_at(level::INFO)?;
    library.witness.keep_records();
    let all = library.enabled()?;
    for live in &all {
        let members = format!(r#""phone_number":"{MARK}","nonce":"{MARK}""#);
        let sample = Sample::claiming(live.spi, &members);
        live.send(&sample.event(), "", &mut Findings::default());
    }
    all.into_iter().for_each(Live::end);
    let kept = library.witness.kept();
    let found = kept
        .iter()
        .find(|record| record.level <= level::INFO && record.text.contains(MARK));
    Ok(match found {
        None => Outcome::success(),
        Some(_) => Outcome::warning(
            "values of claims, which are personal data, go to the log: leave them to level debug, or out",
        ),
    })
}
