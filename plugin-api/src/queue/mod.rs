//! The delivery queue as a listener sees it: pushes in the event method, deliveries on the host's
//! threads. Where messages are kept, when they are delivered and what becomes of refused ones is the
//! host's business.

mod batch;
mod message;
mod options;
mod outcome;
mod sinks;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use batch::{Batch, QueuedMessage};
pub use message::Message;
pub use options::{QueueOptions, WhenFull};
pub use outcome::{Outcome, Outcomes};
pub(crate) use sinks::deliver;

use crate::Error;
use crate::ffi::HostLink;

/// Takes messages to where they belong. Called by the host, on threads of the host's own.
///
/// ```
/// use op_listener_api::{Batch, Outcome, Outcomes, Sink};
///
/// struct Receiver;
///
/// # struct Answer { status: u32, text: String }
/// # fn post(_: &[u8]) -> Result<Answer, std::io::Error> { Ok(Answer { status: 202, text: String::new() }) }
/// impl Sink for Receiver {
///     fn deliver(&self, batch: &Batch<'_>) -> Outcomes {
///         batch.iter().map(|message| match post(message.payload()) {
///             Ok(answer) if answer.status == 202 => Outcome::delivered(),
///             Ok(answer) if answer.status == 400 => {
///                 Outcome::dead("refused").status(answer.status).answer(answer.text)
///             }
///             Ok(answer) => Outcome::retry("not now").status(answer.status),
///             Err(error) => Outcome::retry(error),
///         }).collect()
///     }
/// }
/// ```
pub trait Sink: Send + Sync + 'static {
    /// Delivers a batch, which is never empty, and says what became of each message.
    ///
    /// One call at a time, unless [`QueueOptions::concurrency`] asks for more. A panic counts as a
    /// failure of the whole batch, to be tried again. Nobody can take a thread back from a call that
    /// does not return: set time limits on whatever it waits for. The host's shutdown waits for it,
    /// but not for ever.
    ///
    /// At least once: after a crash, or where an answer is lost, messages come again. The
    /// [id](QueuedMessage::id), where it is the event's, tells the receiver.
    fn deliver(&self, batch: &Batch<'_>) -> Outcomes;
}

/// A delivery queue, opened with [`InitContext::queue`](crate::InitContext::queue). Clones are the same
/// queue; with the last of them it is closed, and the messages stay.
///
/// ```
/// use op_listener_api::*;
///
/// # struct Receiver;
/// # impl Sink for Receiver {
/// #     fn deliver(&self, _: &Batch<'_>) -> Outcomes { Outcomes::delivered() }
/// # }
/// struct Publisher {
///     queue: Queue,
/// }
///
/// impl Lifecycle for Publisher {
///     fn init(context: &InitContext<'_>) -> Result<Self, Error> {
///         let options = QueueOptions::new().batch_messages(10);
///         Ok(Self { queue: context.queue(options, Receiver)? })
///     }
/// }
///
/// impl IdTokenIssueEventListener for Publisher {
///     fn id_token_issued(&self, event: &IdTokenIssueEvent<'_>, _: &EventContext<'_>) -> Result<(), Error> {
///         let body = event.claims_json();
///         self.queue.push(&Message::new(body.as_bytes()).id(event.id()).key(event.client_id()))
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Queue(Arc<Opening>);

/// One opening of a queue. Closed with the drop.
struct Opening {
    host: HostLink,
    name: String,
    /// `None` in a probe.
    number: Option<u64>,
    /// [`sinks::NONE`] where the messages are fetched.
    sink: u64,
}

#[derive(Serialize)]
struct OpenRequest<'a> {
    sink: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    polled: bool,
    options: &'a QueueOptions,
}

#[derive(Deserialize)]
struct Opened {
    queue: u64,
    name: String,
    /// What a host says that knows of such queues.
    #[serde(default)]
    polled: bool,
}

impl Queue {
    pub(crate) fn open(
        host: HostLink,
        probe: bool,
        options: &QueueOptions,
        sink: impl Sink,
    ) -> Result<Self, Error> {
        Self::open_for(host, probe, options, sinks::register(Arc::new(sink)))
    }

    /// A queue whose messages are fetched.
    pub(crate) fn open_polled(
        host: HostLink,
        probe: bool,
        options: &QueueOptions,
    ) -> Result<Self, Error> {
        Self::open_for(host, probe, options, sinks::NONE)
    }

    fn open_for(
        host: HostLink,
        probe: bool,
        options: &QueueOptions,
        sink: u64,
    ) -> Result<Self, Error> {
        let mut opening = Opening {
            host,
            name: String::new(),
            number: None,
            sink,
        };
        if !probe {
            let polled = sink == sinks::NONE;
            let request = OpenRequest {
                sink,
                name: options.name.as_deref(),
                polled,
                options,
            };
            // A failure drops the opening, and with it the sink.
            let opened = host.open_queue(&serde_json::to_string(&request)?)?;
            let opened: Opened = serde_json::from_str(&opened)?;
            opening.number = Some(opened.queue);
            opening.name = opened.name;
            if polled && !opened.polled {
                return Err(Error::new(
                    "this host has no queues that receivers fetch from: update it",
                ));
            }
        }
        Ok(Self(Arc::new(opening)))
    }

    /// Puts a message into the queue.
    ///
    /// In an event method (on the thread that the host calls it on) this takes a few microseconds, and
    /// whatever all listeners push while one event is dispatched is committed in one transaction
    /// before the dispatch returns: when the provider is answered, the message is durable. Should that
    /// commit fail, the call of this listener counts as failed, though this has returned `Ok`.
    ///
    /// Anywhere else the message is durable when this returns.
    ///
    /// Never waits for a sink.
    ///
    /// # Errors
    ///
    /// The queue is full, and its policy is to [reject](WhenFull::Reject); the message is larger than
    /// 16 MiB, or is no SET though the queue is [one of these](crate::InitContext::polled_queue); outside of an event, the store cannot be written to; or the host has shut this listener
    /// down.
    pub fn push(&self, message: &Message<'_>) -> Result<(), Error> {
        match self.0.number {
            Some(number) => self.0.host.push(&message.frame(number)?),
            None => Err(Error::new("a probe has no events, and nothing to push")),
        }
    }

    /// The queue's name, as operators see it: that of the instance, and that of
    /// [`QueueOptions::name`] after a slash. Empty in a probe.
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            // Where the host has shut the listener down it is closed already.
            let _ = self.host.close_queue(number);
        }
        sinks::remove(self.sink);
    }
}
