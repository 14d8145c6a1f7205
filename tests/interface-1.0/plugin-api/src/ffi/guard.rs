//! Keeps panics inside this library.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

use op_listener_abi::{Buffer, Status};

use super::log;
use crate::Error;

thread_local! {
    /// The last panic that began on this thread.
    static LAST: Cell<Option<Began>> = const { Cell::new(None) };
}

/// How a panic began.
struct Began {
    message: String,
    place: String,
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

/// Nothing here may panic: no guard stands around it any more.
#[cold]
fn panicked(output: &mut Buffer, payload: Box<dyn Any + Send>) -> Status {
    let message = text(&*payload);
    // The place belongs to this panic only where the message does: one that was carried over from
    // another thread with `resume_unwind` began elsewhere, and no hook heard of it here.
    // Thread-locals are gone while a thread winds down; then there is no place.
    let began = LAST.try_with(Cell::take).ok().flatten();
    *output = match began.filter(|began| began.message == message) {
        Some(began) => format!("{message}, at {}", began.place).into(),
        None => message.to_owned().into(),
    };
    // A payload may itself panic when it is dropped; then it is left where it is.
    if let Err(again) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    Status::PANIC
}

fn text(payload: &(dyn Any + Send)) -> &str {
    if let Some(message) = payload.downcast_ref::<&str>() {
        message
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message
    } else {
        "(the panic carries no text)"
    }
}

/// Makes panics in this library go to the host's log in place of the process's standard error.
pub(super) fn report_panics() {
    panic::set_hook(Box::new(report));
}

/// Reports a panic as it begins. Inside a call the guard also tells the host, with the status; but
/// on a thread of the listener's own nobody else would.
fn report(info: &PanicHookInfo<'_>) {
    let message = text(info.payload()).to_owned();
    let (place, file, line) = match info.location() {
        Some(place) => (place.to_string(), Some(place.file()), place.line()),
        None => ("an unknown place".to_owned(), None, 0),
    };
    log::panic_began(&format!("panicked: {message}, at {place}"), file, line);
    let _ = LAST.try_with(|last| last.set(Some(Began { message, place })));
}
