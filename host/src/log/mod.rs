//! The host's log: what is said, under which code, and how it looks.
//!
//! Everything goes through `tracing`, so that whoever embeds the host sees it in a subscriber of
//! their own. [`subscribe`] is the one that the `op-listener` command uses.

pub(crate) mod bridge;
mod burst;
pub mod codes;
mod layout;
mod said;
mod seldom;
mod subscribe;

pub(crate) use burst::Burst;
pub use codes::{Code, Severity};
pub(crate) use layout::may_end_a_line;
pub use said::said;
pub(crate) use seldom::Seldom;
pub use subscribe::{Format, Settings, Subscription, subscribe};

use std::time::Duration;

use crate::StartError;
use crate::feed::Totals;

/// The target of the host's own lines: the logger's name in the text layout.
pub const TARGET: &str = "MAIN";

/// Logs a line under a code, at the code's level.
///
/// `say!(CODE, "text", …)`, or `say!(CODE, listener = name, "text", …)` for a line that is about
/// one instance.
macro_rules! say {
    ($code:ident, listener = $listener:expr, $($text:tt)+) => {
        $crate::log::emit($crate::log::codes::$code, Some($listener), format_args!($($text)+))
    };
    ($code:ident, $($text:tt)+) => {
        $crate::log::emit($crate::log::codes::$code, None, format_args!($($text)+))
    };
}
pub(crate) use say;

/// What [`say!`] expands to.
pub(crate) fn emit(code: Code, listener: Option<&str>, text: std::fmt::Arguments<'_>) {
    macro_rules! at {
        ($level:ident) => {
            tracing::$level!(target: TARGET, code = code.id, listener, "{text}")
        };
    }
    said::note(code);
    match code.severity {
        Severity::Error => at!(error),
        Severity::Warn => at!(warn),
        Severity::Info => at!(info),
        Severity::Debug => at!(debug),
    }
}

/// Logs that the host does not start.
pub fn start_abandoned(error: &StartError) {
    say!(START_ABANDONED, "The host does not start: {error}");
}

/// Logs that the host does not start, since it cannot have the doors of the intake.
pub fn doors_closed(error: &dyn std::error::Error) {
    say!(DOORS_CLOSED, "The host does not start: {error}");
}

/// Logs that a signal asks the host to stop.
pub fn stop_requested() {
    say!(STOP_REQUESTED, "Asked to stop");
}

/// Logs that listeners did not come back while the host waited to stop.
pub fn drain_expired() {
    say!(
        DRAIN_EXPIRED,
        "Events that were read already could not all be dispatched within `drain_ms`: a listener does not come back, or is too slow; they are lost"
    );
}

/// Logs that the service manager is not told any more that the host lives.
pub fn watchdog_withheld(silence: Duration) {
    say!(
        WATCHDOG_WITHHELD,
        "No line of the input, or of an SPI as many posted events as may be at once, has come to its end for {} ms, as a listener does not come back: the service manager is not told any more that the host lives",
        silence.as_millis(),
    );
}

/// Logs that the host has stopped, with the counts of its run where they are known.
pub fn stopped(totals: Option<&Totals>) {
    let Some(totals) = totals else {
        return say!(STOPPED, "Stopped before all events were dispatched");
    };
    say!(
        STOPPED,
        "Stopped: {} events dispatched, {} facts held, {} exchanges ignored, {} lines refused; {} calls, {} failed",
        totals.dispatched,
        totals.held,
        totals.ignored,
        totals.refused,
        totals.calls,
        totals.failures,
    );
}
