//! The sinks of this library, by the numbers under which the host knows them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Batch, Sink};
use crate::Error;

/// The number that no sink has.
pub(super) const NONE: u64 = 0;

type Sinks = HashMap<u64, Arc<dyn Sink>>;

static SINKS: Mutex<Option<Sinks>> = Mutex::new(None);

fn sinks() -> MutexGuard<'static, Option<Sinks>> {
    SINKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a sink its number.
pub(super) fn register(sink: Arc<dyn Sink>) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);

    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    sinks().get_or_insert_default().insert(number, sink);
    number
}

/// Forgets a sink. A call of it that is under way goes on.
pub(super) fn remove(number: u64) {
    let sink = sinks().as_mut().and_then(|sinks| sinks.remove(&number));
    // Dropped with the lock let go: what drops a sink may drop a queue.
    drop(sink);
}

/// Hands a batch, in the form that crosses, to its sink. The answer is the form that crosses back.
pub(crate) fn deliver(bytes: &[u8]) -> Result<String, Error> {
    let Some((number, batch)) = bytes.split_first_chunk() else {
        return Err(Error::new("the host's batch names no sink"));
    };
    let number = u64::from_le_bytes(*number);
    let sink = sinks().as_ref().and_then(|all| all.get(&number).cloned());
    let Some(sink) = sink else {
        return Err(Error::new("the queue is closed"));
    };
    let batch = Batch::read(batch)?;
    Ok(sink.deliver(&batch).to_wire(batch.len())?)
}
