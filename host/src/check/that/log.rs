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
/// A claims set with it in strings that a listener has no reason to log.
const STRINGS: &str = r#"{"iss":"https://op.example.com","sub":"alice","aud":["000123"],"iat":1760000000,"exp":1760003600,"phone_number":"mark-4f0e9d1c","nonce":"mark-4f0e9d1c"}"#;
/// One with it in place of numbers, lists and objects: a listener that reads those has an error to
/// answer with.
const MISFITS: &str = r#"{"iss":"https://op.example.com","sub":"alice","aud":["000123"],"iat":"mark-4f0e9d1c","exp":"mark-4f0e9d1c","auth_time":"mark-4f0e9d1c","amr":"mark-4f0e9d1c","email_verified":"mark-4f0e9d1c","address":"mark-4f0e9d1c","updated_at":"mark-4f0e9d1c"}"#;

pub(super) fn claims(bench: &Bench<'_>) -> Verdict {
    let library = bench.start_at(level::INFO)?;
    library.witness.keep_records();
    let all = library.enabled()?;
    let mut answered = false;
    for live in &all {
        for claims in [STRINGS, MISFITS] {
            let mut sample = Sample::ordinary(live.spi);
            sample.claims = Some(claims.to_owned());
            let answer = live.instance.on_event(&sample.event());
            answered |= String::from_utf8_lossy(&answer.message).contains(MARK);
        }
    }
    all.into_iter().for_each(Live::end);
    let kept = library.witness.kept();
    let found = kept
        .iter()
        .find(|record| record.level <= level::INFO && record.text.contains(MARK));
    let mut findings = Findings::default();
    if found.is_some() {
        findings.warn(
            "values of claims, which are personal data, go to the log: leave them to level debug, or out",
        );
    }
    if answered {
        findings.warn(
            "values of claims, which are personal data, stand in the error that an event is answered with, and the host logs that: leave them out",
        );
    }
    Ok(findings.or(Outcome::success()))
}
