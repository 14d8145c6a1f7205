//! One instance of a listener.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use op_listener_abi::ListenerRef;

use super::host::Shared;
use super::{Failure, TestEvent, wire};
use crate::ffi::drive::{Driven, Requests};

/// An instance of a listener for events of type `E`, made by one of the methods of
/// [`Host`](super::Host). It may be called from several threads at a time.
///
/// When it is dropped without [`Instance::shutdown`], it is shut down then, and what comes of that
/// is lost.
pub struct Instance<E: TestEvent> {
    /// `None` once it was shut down.
    driven: Option<Driven>,
    number: usize,
    name: String,
    /// Keeps the directory.
    _host: Arc<Shared>,
    event: PhantomData<fn(&E)>,
}

impl<E: TestEvent> Instance<E> {
    pub(super) fn init(
        table: ListenerRef,
        library: Requests,
        name: &str,
        host: &Arc<Shared>,
        request: &str,
    ) -> Result<Self, Failure> {
        let number = wire::register(name, host, library);
        match wire::calling(number, || Driven::init(table, number, request)) {
            Ok(driven) => Ok(Self {
                driven: Some(driven),
                number,
                name: name.to_owned(),
                _host: Arc::clone(host),
                event: PhantomData,
            }),
            Err(failure) => {
                wire::close(number);
                Err(failure)
            }
        }
    }

    fn call_in<T>(&self, call: impl FnOnce(&Driven) -> T) -> T {
        let driven = self.driven.as_ref();
        let driven = driven.expect("only `shutdown` and `drop` take it, and no call follows them");
        wire::calling(self.number, || call(driven))
    }

    /// The instance's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The full path of the listener's type, as the host's log shows it.
    pub fn class(&self) -> String {
        self.call_in(Driven::class)
    }

    /// Asks whether events are wanted. A real host asks once, after `init`, and sends no event to
    /// an instance that says no.
    ///
    /// # Errors
    ///
    /// It panics.
    pub fn is_enabled(&self) -> Result<bool, Failure> {
        self.call_in(Driven::is_enabled)
    }

    /// Hands over an event.
    ///
    /// # Errors
    ///
    /// The listener returns an error or panics.
    pub fn call(&self, event: &E) -> Result<(), Failure> {
        let rendered = event.render();
        self.call_in(|driven| driven.on_event(&rendered.event()))
    }

    /// Shuts the instance down and drops it. From then on the host's services, such as a signer
    /// that a thread has kept, answer with errors.
    ///
    /// # Errors
    ///
    /// `shutdown` fails or panics, or the drop panics.
    pub fn shutdown(mut self) -> Result<(), Failure> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Failure> {
        let Some(driven) = self.driven.take() else {
            return Ok(());
        };
        wire::calling(self.number, || {
            let shut_down = driven.shutdown();
            wire::close(self.number);
            let released = driven.release();
            shut_down.and(released)
        })
    }
}

impl<E: TestEvent> Drop for Instance<E> {
    fn drop(&mut self) {
        // Said in the documentation of the type.
        let _ = self.end();
    }
}

impl<E: TestEvent> fmt::Debug for Instance<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("name", &self.name)
            .field("spi", &E::NAME)
            .finish_non_exhaustive()
    }
}
