//! What listeners may call: the host's log and its services.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use abi_stable::prefix_type::WithMetadata;
use op_listener_abi::{
    Buffer, HostHandle, HostTable, HostTableRef, LogRecord, PANIC_TARGET, PluginRef, Status, Text,
    service,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::queues::{OwnQueues, Queues};
use super::whereabouts::Here;
use crate::config::QueueSettings;
use crate::log::{bridge, say};
use crate::signing::KeyRing;

/// What the services need. One for the whole host.
pub(crate) struct Services {
    pub(crate) queues: Queues,
    pub(crate) keys: KeyRing,
}

/// The host as one instance, or one library, sees it. Listeners may keep their handle for as long
/// as the process lives, so these are never freed.
pub(crate) struct HostSide {
    /// The instance's name; for a library as a whole the plugin's id.
    name: String,
    services: Arc<Services>,
    /// `None` for a library as a whole.
    own_queues: Option<OwnQueues>,
    closed: AtomicBool,
}

/// Calls under way on this thread. Ends with the drop.
pub(super) struct Turn {
    here: Here,
    before: *const HostSide,
}

impl Turn {
    #[inline]
    pub(super) fn begin() -> Self {
        let here = Here::this_thread();
        Self {
            here,
            before: here.called(),
        }
    }

    /// The next call is of this instance.
    #[inline]
    pub(super) fn is_of(&self, side: &'static HostSide) {
        self.here.calls(side);
    }
}

impl Drop for Turn {
    #[inline]
    fn drop(&mut self) {
        self.here.calls(self.before);
    }
}

/// The instance that is being called on this thread: in its name a library's log records are
/// kept, for the library itself does not know.
fn called() -> Option<&'static HostSide> {
    let called = Here::if_known()?.called();
    // SAFETY: what stands there is null or a `HostSide`, which is never freed and is `Sync`.
    unsafe { called.as_ref() }
}

impl HostSide {
    pub(crate) fn new(name: &str, services: &Arc<Services>) -> &'static Self {
        Box::leak(Box::new(Self {
            name: name.to_owned(),
            services: Arc::clone(services),
            own_queues: None,
            closed: AtomicBool::new(false),
        }))
    }

    /// The side of an instance of a listener of that library.
    pub(crate) fn of_instance(
        name: &str,
        services: &Arc<Services>,
        library: PluginRef,
        queues: &QueueSettings,
        may_poll: bool,
    ) -> &'static Self {
        Box::leak(Box::new(Self {
            name: name.to_owned(),
            services: Arc::clone(services),
            own_queues: Some(OwnQueues::new(library, queues, may_poll)),
            closed: AtomicBool::new(false),
        }))
    }

    pub(super) fn services(&self) -> &Services {
        &self.services
    }

    pub(super) fn own_queues(&self) -> Option<&OwnQueues> {
        self.own_queues.as_ref()
    }

    /// Lets no delivery to the instance's sinks begin any more.
    pub(super) fn leave_queues(&self) {
        if let Some(own) = &self.own_queues {
            own.leave_all(&self.services.queues);
        }
    }

    /// Whether the instance has opened a queue to be fetched from.
    pub(crate) fn is_polled(&self) -> bool {
        self.own_queues.as_ref().is_some_and(OwnQueues::is_polled)
    }

    /// Ends deliveries to the instance's sinks. Waits for those under way, for a limited time.
    pub(super) fn close_queues(&self) {
        if let Some(own) = &self.own_queues {
            own.close_all(&self.services.queues);
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn handle(&'static self) -> HostHandle {
        HostHandle {
            table: Self::TABLE,
            context: std::ptr::from_ref(self).cast(),
        }
    }

    /// Whether some thread is in a call of this instance, or about to be.
    pub(super) fn is_being_called(&self) -> bool {
        Here::of_any_thread(self)
    }

    /// The numbers of the threads that are in a call of this instance, or about to be.
    #[cfg(feature = "server")]
    pub(super) fn callers(&self) -> Vec<usize> {
        Here::of_threads(self)
    }

    /// From now on the services answer that they are closed.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.close_queues();
    }

    /// Runs a call of this instance.
    pub(super) fn calling<T>(&'static self, call: impl FnOnce() -> T) -> T {
        let turn = Turn::begin();
        turn.is_of(self);
        call()
    }

    /// # Safety
    ///
    /// `context` is that of a handle made by `handle`.
    unsafe fn from_context(context: *const ()) -> &'static Self {
        // SAFETY: the caller's promise; a `HostSide` is never freed and is `Sync`.
        unsafe { &*context.cast::<Self>() }
    }
}

impl HostSide {
    abi_stable::staticref! {
        const FIELDS: WithMetadata<HostTable> = WithMetadata::new(HostTable {
            log_enabled,
            log,
            invoke,
        });
    }

    const TABLE: HostTableRef = HostTableRef(Self::FIELDS.as_prefix());
}

unsafe extern "C" fn log_enabled(_: *const (), level: u32, target: Text<'_>) -> u8 {
    let enabled = panic::catch_unwind(|| {
        let target = lossy(target);
        // A panic in a call comes back as that call's outcome, and is told once.
        let told_elsewhere = target == PANIC_TARGET && called().is_some();
        !told_elsewhere && bridge::enabled(level, &target)
    });
    enabled.unwrap_or(false).into()
}

unsafe extern "C" fn log(context: *const (), record: &LogRecord<'_>) {
    // A panic in a subscriber is not the listener's to bear, and there is nowhere to tell of it.
    let _ = panic::catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: listeners pass the context of their handle, by the contract of the interface.
        let side = unsafe { HostSide::from_context(context) };
        // A library that speaks for itself does so in the name of the instance being called.
        let speaker = called().unwrap_or(side);
        let message = lossy(record.message);
        if lossy(record.target) == PANIC_TARGET {
            return panicked_on_its_own(speaker.name(), &message);
        }
        let fields = record
            .fields
            .bytes()
            .is_some()
            .then(|| lossy(record.fields));
        bridge::forward(&bridge::Record {
            level: record.level,
            target: &lossy(record.target),
            listener: speaker.name(),
            message: &message,
            fields: fields.as_deref(),
        });
    }));
}

fn panicked_on_its_own(name: &str, message: &str) {
    // The message of such a record is a sentence of its own, with the place in it.
    let message = message.strip_prefix("panicked: ").unwrap_or(message);
    say!(
        LISTENER_THREAD_PANICKED,
        listener = name,
        "A thread of listener '{name}' panicked: {message}",
    );
}

unsafe extern "C" fn invoke(
    context: *const (),
    service: u32,
    input: Text<'_>,
    output: &mut Buffer,
) -> Status {
    let answered = panic::catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as in `log`.
        let side = unsafe { HostSide::from_context(context) };
        side.serve(service, input)
    }));
    let (status, text) = answered.unwrap_or_else(|_| {
        (
            Status::ERROR,
            "the host failed inside: see its log".to_owned(),
        )
    });
    *output = text.into();
    status
}

#[derive(Deserialize)]
struct SignRequest<'a> {
    typ: Option<String>,
    #[serde(borrow)]
    claims: &'a RawValue,
}

impl HostSide {
    /// Answers a call of the service of that number.
    pub(super) fn serve(&'static self, service: u32, input: Text<'_>) -> (Status, String) {
        if self.closed.load(Ordering::Acquire) && is_known(service) {
            return (Status::CLOSED, String::new());
        }
        match service {
            service::SIGN => self.sign(input),
            service::QUEUE_OPEN => self.open_queue(input),
            service::QUEUE_PUSH => self.push(input),
            service::QUEUE_CLOSE => self.close_queue(input),
            _ => (Status::UNSUPPORTED, String::new()),
        }
    }

    fn sign(&self, input: Text<'_>) -> (Status, String) {
        let request: SignRequest<'_> = match serde_json::from_slice(input.bytes().unwrap_or(b"")) {
            Ok(request) => request,
            Err(error) => return (Status::ERROR, format!("the request to sign: {error}")),
        };
        let keys = &self.services.keys;
        match keys.sign(request.typ.as_deref(), request.claims.get()) {
            Ok(jws) => (Status::OK, jws),
            Err(error) => (Status::ERROR, error.to_string()),
        }
    }
}

const fn is_known(service: u32) -> bool {
    matches!(
        service,
        service::SIGN | service::QUEUE_OPEN | service::QUEUE_PUSH | service::QUEUE_CLOSE
    )
}

/// Text from a listener, which may be written in a language that does not check.
pub(super) fn lossy(text: Text<'_>) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(text.bytes().unwrap_or(b""))
}
