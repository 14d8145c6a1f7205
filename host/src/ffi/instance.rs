//! One instance of a listener.

use op_listener_abi::{Buffer, Event, ListenerRef, Object, Status};

use super::calls::Failure;
use super::services::{HostSide, Turn, lossy};
use super::staging::{NotStored, Staging};

/// Hands one event to several instances in a row. What the calls need is set up once.
pub(crate) struct Round {
    turn: Turn,
    staging: Staging,
    /// Empty but behind a call that failed.
    output: Buffer,
}

impl Round {
    #[inline]
    pub(crate) fn begin() -> Self {
        Self {
            turn: Turn::begin(),
            staging: Staging::begin(),
            output: Buffer::EMPTY,
        }
    }

    /// Makes known that this instance is about to be called.
    #[inline]
    pub(crate) fn turns_to(&self, instance: &Instance) {
        self.turn.is_of(instance.side);
    }

    /// Hands the event to an instance, which is the one that it was turned to. Why a call failed
    /// [`Round::failure`] tells, which has to be asked before the next one.
    #[inline]
    pub(crate) fn call(&mut self, instance: &Instance, event: &Event<'_>) -> Result<(), Failed> {
        // SAFETY: the object came from `init` of the same table and is released in the drop of the
        // instance alone; event and output are lent for the call.
        let status = unsafe { (instance.on_event)(instance.object, event, &mut self.output) };
        if status == Status::OK {
            if !self.output.is_empty() {
                self.empty_output();
            }
            return Ok(());
        }
        Err(Failed(status))
    }

    /// Nothing is asked for in there, and the next listener gets an empty one.
    #[cold]
    #[inline(never)]
    fn empty_output(&mut self) {
        self.output = Buffer::EMPTY;
    }

    /// Why a call failed that did.
    pub(crate) fn failure(&mut self, Failed(status): Failed) -> Failure {
        Failure::take(status, &mut self.output)
    }

    /// Commits what the listeners have pushed, if any has. Durable when this is back.
    #[inline]
    pub(crate) fn commit(&self) -> Result<(), NotStored> {
        self.staging.commit()
    }
}

/// A call of an event failed.
#[derive(Clone, Copy)]
pub(crate) struct Failed(Status);

type OnEvent = unsafe extern "C" fn(Object, &Event<'_>, &mut Buffer) -> Status;

/// One instance of a listener, from its `init` to its release, which comes with the drop. The
/// borrow rules keep the order of calls that the interface demands: nobody can call an instance
/// that is being dropped.
pub(crate) struct Instance {
    /// From the table, so that a call is one indirection.
    on_event: OnEvent,
    object: Object,
    side: &'static HostSide,
    table: ListenerRef,
}

// SAFETY: the interface demands of every listener that it can be called from any thread.
unsafe impl Send for Instance {}
// SAFETY: and from several at a time.
unsafe impl Sync for Instance {}

impl Instance {
    /// Makes an instance; `request` is the JSON that the interface describes.
    pub(crate) fn init(
        table: ListenerRef,
        side: &'static HostSide,
        request: &str,
    ) -> Result<Self, Failure> {
        let init = table.init();
        let mut object: Object = std::ptr::null();
        let mut output = Buffer::EMPTY;
        let status = side.calling(|| {
            let request = op_listener_abi::Text::new(request);
            // SAFETY: the table was checked when it was loaded; the handle lives as long as the
            // process, the rest for the call.
            unsafe { init(side.handle(), request, &mut object, &mut output) }
        });
        let made = Failure::check(status, &output).and_then(|()| {
            if object.is_null() {
                Err(Failure::new(
                    "its `init` made no instance, and no error either",
                ))
            } else {
                Ok(())
            }
        });
        if let Err(failure) = made {
            // Threads that it may have started have no services any more.
            side.close();
            return Err(failure);
        }
        Ok(Self {
            on_event: table.on_event(),
            object,
            side,
            table,
        })
    }

    /// How this instance's call failed after all, if what it pushed is not stored.
    pub(crate) fn failure<'n>(&self, not_stored: &'n NotStored) -> Option<&'n Failure> {
        not_stored.of(self.side)
    }

    /// The full path of the listener's type.
    pub(crate) fn class(&self) -> String {
        let class = self.table.class();
        // SAFETY: as in `init`.
        lossy(unsafe { class() }).into_owned()
    }

    /// Asks whether events are wanted.
    pub(crate) fn is_enabled(&self) -> Result<bool, Failure> {
        let is_enabled = self.table.is_enabled();
        let mut enabled = 0;
        let mut output = Buffer::EMPTY;
        let status = self.side.calling(|| {
            // SAFETY: the object came from `init` of this table and is released in `drop` alone.
            unsafe { is_enabled(self.object, &mut enabled, &mut output) }
        });
        Failure::check(status, &output)?;
        Ok(enabled != 0)
    }

    /// Whether some thread is in a call of this instance, or about to be.
    pub(crate) fn is_being_called(&self) -> bool {
        self.side.is_being_called()
    }

    /// Lets no delivery to the instance's sinks begin any more.
    pub(crate) fn leave_queues(&self) {
        self.side.leave_queues();
    }

    /// Ends deliveries to the instance's sinks. Waits for those under way, for a limited time.
    pub(crate) fn close_queues(&self) {
        self.side.close_queues();
    }

    /// The numbers of the threads that are in a call of this instance, or about to be: see
    /// [`this_thread`].
    #[cfg(feature = "server")]
    pub(crate) fn callers(&self) -> Vec<usize> {
        self.side.callers()
    }

    /// Tells the instance that no more events come. The caller sees to it that none does.
    pub(crate) fn shutdown(&self) -> Result<(), Failure> {
        // The listener ends what its sinks need.
        self.close_queues();
        let shutdown = self.table.shutdown();
        let mut output = Buffer::EMPTY;
        // SAFETY: as in `is_enabled`.
        let status = self
            .side
            .calling(|| unsafe { shutdown(self.object, &mut output) });
        Failure::check(status, &output)
    }

    /// Gives the instance's memory back, and ends its services.
    pub(crate) fn release(self) -> Result<(), Failure> {
        std::mem::ManuallyDrop::new(self).release_once()
    }

    fn release_once(&self) -> Result<(), Failure> {
        let release = self.table.release();
        let mut output = Buffer::EMPTY;
        // SAFETY: as in `is_enabled`; called by `release` or by `drop`, so once, and last.
        let status = self
            .side
            .calling(|| unsafe { release(self.object, &mut output) });
        self.side.close();
        Failure::check(status, &output)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Whoever cares for the outcome calls `release`.
        let _ = self.release_once();
    }
}
