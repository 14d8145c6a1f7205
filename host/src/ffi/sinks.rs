//! The sinks of listeners, as queues call them: on threads of the queue.

use std::time::Instant;

use op_listener_abi::{Buffer, PluginRef, Text, request};

use super::calls::{Failure, FailureKind};
use super::services::HostSide;
use crate::delivery::Courier;
use crate::log::{Seldom, say};

/// A sink in a listener's library.
pub(super) struct SinkOfLibrary {
    side: &'static HostSide,
    library: PluginRef,
    sink: u64,
    /// The queue's name.
    queue: String,
    panics: Seldom,
}

impl SinkOfLibrary {
    pub(super) fn new(side: &'static HostSide, library: PluginRef, sink: u64, queue: &str) -> Self {
        Self {
            side,
            library,
            sink,
            queue: queue.to_owned(),
            panics: Seldom::default(),
        }
    }

    #[cold]
    fn panicked(&self, failure: &Failure) {
        if let Some(count) = self.panics.happened(Instant::now()) {
            let listener = self.side.name();
            say!(
                SINK_PANICKED,
                listener = listener,
                "The sink of the queue '{}' of the listener '{listener}' {failure} ({count} times since the last such line)",
                self.queue,
            );
        }
    }
}

impl Courier for SinkOfLibrary {
    fn sink(&self) -> u64 {
        self.sink
    }

    fn deliver(&self, batch: &[u8]) -> Result<Vec<u8>, String> {
        let invoke = self.library.invoke();
        let mut output = Buffer::EMPTY;
        let status = self.side.calling(|| {
            // SAFETY: the table was checked when the library was loaded, which it stays; the batch is
            // lent for the call.
            unsafe { invoke(request::QUEUE_DELIVER, Text::of_bytes(batch), &mut output) }
        });
        match Failure::check(status, &output) {
            Ok(()) => Ok(output.bytes().to_vec()),
            Err(failure) => {
                if failure.kind == FailureKind::Panic {
                    self.panicked(&failure);
                }
                Err(failure.to_string())
            }
        }
    }
}
