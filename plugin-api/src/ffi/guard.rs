//! Keeps panics inside this library.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

use op_listener_abi::{Buffer, Status};

use crate::Error;

thread_local! {
    /// Where the panic under way on this thread began.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Runs `call`, and turns an error or a panic into a status with a message.
#[inline]
pub(super) fn guarded(output: &mut Buffer, call: impl FnOnce() -> Result<(), Error>) -> Status {
    // Whatever a panic leaves behind is the listener's own: its author decides, with `Mutex`
    // poisoning and the like, whether later calls can go on.
    match panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => Status::OK,
        Ok(Err(error)) => failed(output, &error),
        Err(payload) => panicked(output, payload),
    }
}

#[cold]
fn failed(output: &mut Buffer, error: &Error) -> Status {
    *output = error.to_string().into();
    if error.is_config() {
        Status::CONFIG
    } else {
        Status::ERROR
    }
}

#[cold]
fn panicked(output: &mut Buffer, payload: Box<dyn Any + Send>) -> Status {
    let message = if let Some(message) = payload.downcast_ref::<&str>() {
        message
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message
    } else {
        "(the panic carries no text)"
    };
    *output = match PLACE.take() {
        Some(place) => format!("{message}, at {place}").into(),
        None => message.to_owned().into(),
    };
    // A payload may itself panic when it is dropped; then it is left where it is.
    if let Err(again) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    Status::PANIC
}

/// Makes panics in this library remember their place in place of printing it: the host logs it
/// with the message.
pub(super) fn remember_places() {
    panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        PLACE.set(info.location().map(ToString::to_string));
    }));
}
