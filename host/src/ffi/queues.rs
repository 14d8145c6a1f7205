//! The services of the delivery queue, as listeners call them, and the sinks of listeners, as the queue
//! calls them.
//!
//! What is pushed while an event is being dispatched on this thread is kept until the round of calls is
//! over, and committed then, all together.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use op_listener_abi::{Buffer, PluginRef, Status, Text, request};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::calls::{Failure, FailureKind};
use super::services::HostSide;
use crate::config::{QueueSettings, is_instance_name};
use crate::delivery::{Content, Courier, Delivery, Opening, Options, Push, Requested};
use crate::log::{Seldom, say};

/// The largest payload, in bytes.
const LARGEST: usize = 16 << 20;
/// The longest header of a message, in bytes.
const LONGEST_HEADER: usize = 64 << 10;
/// Where nothing is kept, every queue has this number.
const NOWHERE: u64 = 0;

/// What a host does with queues.
pub(crate) enum Queues {
    /// Takes messages and lets them go: in probes and checks, which publish nothing.
    Nowhere,
    /// Keeps and delivers them.
    Delivery(Arc<Delivery>),
}

/// What an instance has open, and what it takes to open more.
pub(crate) struct OwnQueues {
    library: PluginRef,
    settings: QueueSettings,
    /// The operator says who may fetch from its queues.
    may_poll: bool,
    /// It has opened one that is fetched from.
    polled: AtomicBool,
    open: RwLock<HashMap<u64, Arc<Opening>>>,
}

impl OwnQueues {
    pub(super) fn new(library: PluginRef, settings: &QueueSettings, may_poll: bool) -> Self {
        Self {
            library,
            settings: settings.clone(),
            may_poll,
            polled: AtomicBool::new(false),
            open: RwLock::default(),
        }
    }

    pub(super) fn is_polled(&self) -> bool {
        self.polled.load(Relaxed)
    }

    fn get(&self, number: u64) -> Option<Arc<Opening>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&number).cloned()
    }

    fn take(&self, number: u64) -> Option<Arc<Opening>> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.remove(&number)
    }

    /// Lets no call of a sink begin any more. Does not wait.
    pub(super) fn leave_all(&self, queues: &Queues) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        if let Queues::Delivery(delivery) = queues {
            for opening in open.values() {
                delivery.leave(opening);
            }
        }
    }

    /// Closes what is open. Waits until no sink is being called, for a limited time.
    pub(super) fn close_all(&self, queues: &Queues) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let open = std::mem::take(&mut *open);
        if let Queues::Delivery(delivery) = queues {
            for opening in open.values() {
                delivery.close(opening);
            }
        }
    }
}

/// A status, and the text that goes with it.
type Answer = (Status, String);

fn well() -> Answer {
    (Status::OK, String::new())
}

fn refused(why: impl Into<String>) -> Answer {
    (Status::ERROR, why.into())
}

#[derive(Deserialize)]
struct OpenRequest {
    sink: u64,
    name: Option<String>,
    /// It has no sink: its messages are fetched.
    #[serde(default)]
    polled: bool,
    #[serde(default)]
    options: Requested,
}

#[derive(Deserialize, Default)]
struct Header<'a> {
    key: Option<String>,
    id: Option<String>,
    content_type: Option<String>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
}

impl HostSide {
    pub(super) fn open_queue(&'static self, input: Text<'_>) -> Answer {
        let request: OpenRequest = match serde_json::from_slice(input.bytes().unwrap_or(b"")) {
            Ok(request) => request,
            Err(error) => return refused(format!("the request for a queue: {error}")),
        };
        let name = match &request.name {
            None => self.name().to_owned(),
            Some(name) if is_instance_name(name) => format!("{}/{name}", self.name()),
            Some(name) => {
                return refused(format!(
                    "{name:?} is no name of a queue: names are 1 to 64 characters of `A-Z a-z 0-9 . _ -`, the first not a dot"
                ));
            }
        };
        let set = self.own_queues().map(|own| own.settings.clone());
        let options = Options::new(&request.options, &set.unwrap_or_default());
        let (number, options) = match (&self.services().queues, self.own_queues()) {
            (Queues::Nowhere, _) => (NOWHERE, options),
            (Queues::Delivery(_), None) => {
                return refused("a library as a whole has no queue: open it in `init`");
            }
            (Queues::Delivery(_), Some(own)) if request.polled && !own.may_poll => {
                return refused(
                    "from this queue a receiver fetches, and nobody may as yet: add `[listener.poll]` to the entry, with the `token_file` of the receiver's token",
                );
            }
            (Queues::Delivery(_), Some(_)) if request.polled && !cfg!(feature = "server") => {
                return refused(
                    "this host was built without the intake over HTTP, through which receivers fetch: use one with the feature `server`",
                );
            }
            (Queues::Delivery(delivery), Some(own)) => {
                let opened = if request.polled {
                    own.polled.store(true, Relaxed);
                    delivery.open_polled(&name, options)
                } else {
                    let courier = SinkOfLibrary {
                        side: self,
                        library: own.library,
                        sink: request.sink,
                        queue: name.clone(),
                        panics: Seldom::default(),
                    };
                    delivery.open(&name, options, Box::new(courier))
                };
                match opened {
                    Ok(opening) => {
                        let number = opening.number();
                        let options = opening.options().clone();
                        let mut open = own.open.write().unwrap_or_else(PoisonError::into_inner);
                        open.insert(number, opening);
                        (number, options)
                    }
                    Err(error) => return refused(error.to_string()),
                }
            }
        };
        let mut answer = json!({ "queue": number, "name": name, "options": options });
        if request.polled {
            answer["polled"] = true.into();
        }
        (Status::OK, answer.to_string())
    }

    pub(super) fn push(&'static self, input: Text<'_>) -> Answer {
        let Some((number, content)) = input.bytes().and_then(split) else {
            return refused("the frame of the message is cut short");
        };
        let content = match content.read() {
            Ok(content) => content,
            Err(why) => return refused(why),
        };
        let Queues::Delivery(delivery) = &self.services().queues else {
            return well();
        };
        let Some(opening) = self.own_queues().and_then(|own| own.get(number)) else {
            return refused("there is no open queue of that number");
        };
        let push = match opening.push(content) {
            Ok(push) => push,
            Err(not_taken) => return refused(not_taken.to_string()),
        };
        if ROUND.get() != Round::None {
            ROUND.set(Round::Pushed);
            STAGED.with_borrow_mut(|staged| staged.push(Staged { push, side: self }));
            return well();
        }
        match delivery.commit(vec![push]) {
            Ok(()) => well(),
            Err(error) => refused(error.to_string()),
        }
    }

    pub(super) fn close_queue(&self, input: Text<'_>) -> Answer {
        let number = input.bytes().and_then(|bytes| bytes.try_into().ok());
        let Some(number) = number.map(u64::from_le_bytes) else {
            return refused("the number of a queue is 8 bytes");
        };
        let Queues::Delivery(delivery) = &self.services().queues else {
            return well();
        };
        match self.own_queues().and_then(|own| own.take(number)) {
            None => refused("there is no open queue of that number"),
            Some(opening) if delivery.close(&opening) => well(),
            Some(_) => refused("a call of the sink did not come back in time, and was given up"),
        }
    }
}

/// A message in the form that crosses.
struct Frame<'a> {
    header: &'a [u8],
    payload: &'a [u8],
}

fn split(bytes: &[u8]) -> Option<(u64, Frame<'_>)> {
    let (number, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (header, payload) = rest.split_at_checked(length)?;
    Some((u64::from_le_bytes(*number), Frame { header, payload }))
}

impl Frame<'_> {
    fn read(&self) -> Result<Content, String> {
        if self.payload.len() > LARGEST {
            let length = self.payload.len();
            return Err(format!(
                "the payload has {length} bytes, and {LARGEST} is the most"
            ));
        }
        if self.header.len() > LONGEST_HEADER {
            let length = self.header.len();
            return Err(format!(
                "the header has {length} bytes, and {LONGEST_HEADER} is the most"
            ));
        }
        let header: Header<'_> = match self.header {
            b"" => Header::default(),
            header => serde_json::from_slice(header)
                .map_err(|error| format!("the header of the message: {error}"))?,
        };
        if let Some(headers) = header.headers {
            let strings = serde_json::from_str::<HashMap<String, String>>(headers.get());
            strings.map_err(|error| format!("the headers of the message: {error}"))?;
        }
        Ok(Content {
            key: header.key,
            id: header.id,
            content_type: header.content_type,
            headers: header.headers.map(|headers| headers.get().to_owned()),
            payload: self.payload.to_vec(),
        })
    }
}

/// A sink in a listener's library.
struct SinkOfLibrary {
    side: &'static HostSide,
    library: PluginRef,
    sink: u64,
    /// The queue's name.
    queue: String,
    panics: Seldom,
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

impl SinkOfLibrary {
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

/// Where a thread is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// In no dispatch.
    None,
    /// In one in which nothing was pushed so far.
    Calling,
    /// In one in which something was.
    Pushed,
}

/// What was pushed, and by whom.
struct Staged {
    push: Push,
    side: &'static HostSide,
}

thread_local! {
    static ROUND: Cell<Round> = const { Cell::new(Round::None) };
    /// What was pushed during the dispatches under way on this thread: one, unless a listener has
    /// dispatched in its turn.
    static STAGED: RefCell<Vec<Staged>> = const { RefCell::new(Vec::new()) };
}

/// Pushes of a round of calls. What was not committed when this is dropped is not pushed.
pub(super) struct Staging {
    before: Round,
    /// How many were staged by the dispatch around this one.
    base: usize,
}

/// Listeners whose pushes were not stored.
pub(crate) struct NotStored {
    sides: Vec<&'static HostSide>,
    failure: Failure,
}

impl Staging {
    #[inline]
    pub(super) fn begin() -> Self {
        let before = ROUND.replace(Round::Calling);
        let base = if before == Round::None {
            0
        } else {
            STAGED.with_borrow(Vec::len)
        };
        Self { before, base }
    }

    /// Commits what was pushed, if anything was.
    #[inline]
    pub(super) fn commit(&self) -> Result<(), NotStored> {
        if ROUND.get() == Round::Pushed {
            return self.commit_staged();
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn commit_staged(&self) -> Result<(), NotStored> {
        ROUND.set(Round::Calling);
        let staged = STAGED.with_borrow_mut(|staged| staged.split_off(self.base));
        let mut sides: Vec<&'static HostSide> = Vec::new();
        for staged in &staged {
            if !sides.iter().any(|side| std::ptr::eq(*side, staged.side)) {
                sides.push(staged.side);
            }
        }
        let Some(Queues::Delivery(delivery)) = sides.first().map(|side| &side.services().queues)
        else {
            return Ok(());
        };
        let pushes = staged.into_iter().map(|staged| staged.push).collect();
        delivery.commit(pushes).map_err(|error| NotStored {
            sides,
            failure: Failure {
                kind: FailureKind::Error,
                message: format!("what it pushed is lost: {error}"),
            },
        })
    }
}

impl Drop for Staging {
    #[inline]
    fn drop(&mut self) {
        if ROUND.get() == Round::Pushed {
            STAGED.with_borrow_mut(|staged| staged.truncate(self.base));
        }
        ROUND.set(self.before);
    }
}

impl NotStored {
    /// How the call of that instance failed, if it pushed.
    pub(super) fn of(&self, side: &HostSide) -> Option<&Failure> {
        let mut sides = self.sides.iter();
        sides
            .any(|it| std::ptr::eq(*it, side))
            .then_some(&self.failure)
    }
}
