//! What stands behind the host's table: which instance calls, and what it gets.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use op_listener_abi::{LogRecord, PANIC_TARGET, Status, service};

use super::host::Shared;
use super::queue::OpenedBy;
use super::{Record, jwt};
use crate::Error;
use crate::ffi::drive::{self, Requests};

/// Every instance of the process by its number, the first being 1. A listener may use its number
/// for as long as the process lives.
static INSTANCES: Mutex<Option<HashMap<usize, Entry>>> = Mutex::new(None);

static UNATTRIBUTED: Mutex<VecDeque<Record>> = Mutex::new(VecDeque::new());
const UNATTRIBUTED_KEPT: usize = 1_000;

thread_local! {
    /// The instance that this thread is calling, or 0.
    static CALLED: Cell<usize> = const { Cell::new(0) };
}

#[derive(Clone)]
struct Entry {
    name: Arc<str>,
    host: Weak<Shared>,
    library: Requests,
    closed: bool,
}

/// Why a service was refused.
pub(crate) enum Refusal {
    /// With a message.
    Failed(Error),
    /// With a status that says it all.
    Status(Status),
}

/// A panic elsewhere must not keep other tests from going on.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts this library once in the process, as a host does that has loaded it.
pub(super) fn start() {
    static STARTED: Once = Once::new();

    STARTED.call_once(|| {
        let printing = panic::take_hook();
        drive::start_own().expect("starting cannot fail: it only sets things");
        let reporting = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            reporting(info);
            // A panic of the test's own, or of a thread that it may wait for in vain.
            if CALLED.get() == 0 {
                printing(info);
            }
        }));
    });
}

/// Gives a new instance its number.
pub(super) fn register(name: &str, host: &Arc<Shared>, library: Requests) -> usize {
    let mut instances = lock(&INSTANCES);
    let instances = instances.get_or_insert_default();
    let number = instances.len() + 1;
    let entry = Entry {
        name: name.into(),
        host: Arc::downgrade(host),
        library,
        closed: false,
    };
    instances.insert(number, entry);
    number
}

/// From now on the host's services answer the instance that it was shut down.
pub(super) fn close(number: usize) {
    if let Some(entry) = lock(&INSTANCES)
        .as_mut()
        .and_then(|all| all.get_mut(&number))
    {
        entry.closed = true;
    }
    if let Some(host) = entry(number).and_then(|entry| entry.host.upgrade()) {
        host.queues().close_all(number);
    }
}

/// Runs `call`, which calls into the instance of that number.
pub(super) fn calling<T>(number: usize, call: impl FnOnce() -> T) -> T {
    struct Restore(usize);

    impl Drop for Restore {
        fn drop(&mut self) {
            CALLED.set(self.0);
        }
    }

    let _restored = Restore(CALLED.replace(number));
    call()
}

fn entry(number: usize) -> Option<Entry> {
    lock(&INSTANCES).as_ref()?.get(&number).cloned()
}

pub(crate) fn log_enabled(_level: u32, target: &str) -> bool {
    // The outcome of the call tells of the panic.
    target != PANIC_TARGET || CALLED.get() == 0
}

pub(crate) fn log(number: usize, record: &LogRecord<'_>) {
    let number = if number == 0 { CALLED.get() } else { number };
    let Some(entry) = entry(number) else {
        let mut kept = lock(&UNATTRIBUTED);
        if kept.len() == UNATTRIBUTED_KEPT {
            kept.pop_front();
        }
        kept.push_back(Record::new("", record));
        return;
    };
    if let Some(host) = entry.host.upgrade() {
        host.log(Record::new(&entry.name, record));
    }
}

pub(super) fn unattributed_records() -> Vec<Record> {
    lock(&UNATTRIBUTED).iter().cloned().collect()
}

pub(crate) fn invoke(number: usize, service: u32, input: &[u8]) -> Result<String, Refusal> {
    let Some(entry) = entry(number).filter(|entry| !entry.closed) else {
        return Err(Refusal::Status(Status::CLOSED));
    };
    let Some(host) = entry.host.upgrade() else {
        return Err(Refusal::Status(Status::CLOSED));
    };
    let text = || str::from_utf8(input).map_err(Error::from);
    let answered = match service {
        service::SIGN => match host.signing_refused() {
            Some(message) => Err(Error::new(message)),
            None => text().and_then(jwt::sign),
        },
        service::QUEUE_OPEN => {
            let by = OpenedBy {
                instance: number,
                library: entry.library,
            };
            text().and_then(|request| host.queues().open(&entry.name, by, request))
        }
        service::QUEUE_PUSH => host.queues().push(input).map(|()| String::new()),
        service::QUEUE_CLOSE => host.queues().close(input).map(|()| String::new()),
        _ => return Err(Refusal::Status(Status::UNSUPPORTED)),
    };
    answered.map_err(Refusal::Failed)
}
