//! Calls of the library as a whole.

use op_listener_abi::{Status, level, request};

use super::super::bench::{Bench, Heard, hear};
use super::super::outcome::{Findings, Outcome, Verdict};
use crate::ffi::raw;

pub(super) fn starts(bench: &Bench<'_>) -> Verdict {
    let (_, answer) = bench.try_start(level::TRACE)?;
    Ok(match hear(&answer) {
        Heard::Well => Outcome::success(),
        Heard::Refused(why) => Outcome::failed(format!("its first call fails: {why}")),
        Heard::Bad(why) => Outcome::failed(format!("its first call {why}")),
    })
}

/// A number that no interface has given to anything.
const UNKNOWN: u32 = 4_000_000_000;

pub(super) fn unknown_request(bench: &Bench<'_>) -> Verdict {
    let plugin = bench.start()?.plugin();
    let mut findings = Findings::default();
    for input in [None, Some(""), Some("{}")] {
        let answer = raw::request(plugin, UNKNOWN, input);
        if answer.status != Status::UNSUPPORTED {
            findings.fail(format!(
                "an unknown request is answered with status {} in place of {} (unsupported)",
                answer.status.0,
                Status::UNSUPPORTED.0
            ));
        }
    }
    let levels = ["0", "1", "2", "3", "4", "5"].map(Some);
    // Later hosts may know more levels.
    for input in levels
        .into_iter()
        .chain([Some("9"), Some("30"), Some("é"), Some(""), None])
    {
        let answer = raw::request(plugin, request::LOG_LEVEL, input);
        if answer.status != Status::UNSUPPORTED
            && let Heard::Bad(why) | Heard::Refused(why) = hear(&answer)
        {
            findings.fail(format!("a request to change the log level: {why}"));
        }
    }
    Ok(findings.or(Outcome::success()))
}

pub(super) fn panic_guard(bench: &Bench<'_>) -> Verdict {
    let plugin = bench.start()?.plugin();
    for _ in 0..3 {
        let answer = raw::request(plugin, request::PANIC, None);
        match answer.status {
            Status::PANIC if !answer.message.is_empty() => {}
            Status::PANIC => {
                return Ok(Outcome::failed("a panic comes back without its message"));
            }
            Status::UNSUPPORTED => {
                return Err(Outcome::skipped(
                    "the library does not know the request to panic, and no panic can be provoked in a listener from outside: whether its guard holds is not known",
                ));
            }
            Status(number) => {
                return Ok(Outcome::failed(format!(
                    "a panic comes back as status {number} in place of {}",
                    Status::PANIC.0
                )));
            }
        }
    }
    Ok(Outcome::success())
}
