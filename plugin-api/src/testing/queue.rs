//! Delivery queues whose deliveries a test steps through.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::host::Shared;
use super::wire;
use crate::ffi::drive::Requests;
use crate::{Error, Outcome, Outcomes};

/// All queues of a host, by name.
#[derive(Default)]
pub(super) struct Queues {
    by_name: HashMap<String, State>,
    opened: u64,
    pushed: u64,
    refused: Option<String>,
    /// It knows nothing of queues that are fetched from.
    is_of_before: bool,
}

#[derive(Default)]
struct State {
    /// The sink that is called is the last one's.
    openings: Vec<Opening>,
    waiting: VecDeque<Queued>,
    dead: Vec<Queued>,
}

struct Opening {
    number: u64,
    sink: u64,
    polled: bool,
    options: Options,
    by: OpenedBy,
}

/// Who opened a queue.
#[derive(Clone, Copy)]
pub(super) struct OpenedBy {
    pub(super) instance: usize,
    pub(super) library: Requests,
}

#[derive(Deserialize)]
struct OpenRequest {
    sink: u64,
    name: Option<String>,
    #[serde(default)]
    polled: bool,
    #[serde(default)]
    options: Options,
}

#[derive(Clone, Deserialize)]
#[serde(default)]
struct Options {
    order: String,
    batch_messages: usize,
    batch_bytes: usize,
    attempts: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            order: String::new(),
            batch_messages: 100,
            batch_bytes: 1 << 20,
            attempts: 25,
        }
    }
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queued {
    /// The payload.
    pub payload: Vec<u8>,
    /// See [`Message::key`](crate::Message::key).
    pub key: Option<String>,
    /// See [`Message::id`](crate::Message::id).
    pub id: Option<String>,
    /// See [`Message::content_type`](crate::Message::content_type).
    pub content_type: Option<String>,
    /// See [`Message::header`](crate::Message::header).
    pub headers: BTreeMap<String, String>,
    /// How often it was handed to the sink.
    pub attempts: u32,
    /// What came of the last attempt.
    pub last: Option<Outcome>,
    number: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Header {
    key: Option<String>,
    id: Option<String>,
    content_type: Option<String>,
    headers: BTreeMap<String, String>,
}

impl Queues {
    pub(super) fn refuse(&mut self, message: Option<&str>) {
        self.refused = message.map(ToOwned::to_owned);
    }

    pub(super) fn be_of_before(&mut self) {
        self.is_of_before = true;
    }

    pub(super) fn open(
        &mut self,
        instance: &str,
        by: OpenedBy,
        request: &str,
    ) -> Result<String, Error> {
        let request: OpenRequest = serde_json::from_str(request)?;
        let name = match request.name {
            Some(name) => format!("{instance}/{name}"),
            None => instance.to_owned(),
        };
        let polled = request.polled && !self.is_of_before;
        self.opened += 1;
        let opening = Opening {
            number: self.opened,
            sink: request.sink,
            polled,
            options: request.options,
            by,
        };
        let state = self.by_name.entry(name.clone()).or_default();
        state.openings.push(opening);
        let mut opened = json!({ "queue": self.opened, "name": name, "options": {} });
        if polled {
            opened["polled"] = true.into();
        }
        Ok(opened.to_string())
    }

    pub(super) fn push(&mut self, frame: &[u8]) -> Result<(), Error> {
        if let Some(message) = &self.refused {
            return Err(Error::new(message));
        }
        let short = || Error::new("the frame of a message is cut short");
        let (queue, rest) = frame.split_first_chunk().ok_or_else(short)?;
        let (length, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let length = usize::try_from(u32::from_le_bytes(*length))?;
        let (header, payload) = rest.split_at_checked(length).ok_or_else(short)?;
        let header: Header = match header {
            b"" => Header::default(),
            header => serde_json::from_slice(header)?,
        };
        self.pushed += 1;
        let number = self.pushed;
        let queue = u64::from_le_bytes(*queue);
        let state = self.opened_under(queue)?;
        let mut openings = state.openings.iter();
        if openings.any(|opening| opening.number == queue && opening.polled) {
            is_set(&header, payload)?;
        }
        state.waiting.push_back(Queued {
            payload: payload.to_vec(),
            key: header.key,
            id: header.id,
            content_type: header.content_type,
            headers: header.headers,
            attempts: 0,
            last: None,
            number,
        });
        Ok(())
    }

    pub(super) fn close(&mut self, frame: &[u8]) -> Result<(), Error> {
        let number = frame.try_into().map(u64::from_le_bytes)?;
        let state = self.opened_under(number)?;
        state.openings.retain(|opening| opening.number != number);
        Ok(())
    }

    /// Closes what an instance has opened.
    pub(super) fn close_all(&mut self, instance: usize) {
        for state in self.by_name.values_mut() {
            state
                .openings
                .retain(|opening| opening.by.instance != instance);
        }
    }

    fn opened_under(&mut self, number: u64) -> Result<&mut State, Error> {
        let mut states = self.by_name.values_mut();
        states
            .find(|state| {
                let mut openings = state.openings.iter();
                openings.any(|opening| opening.number == number)
            })
            .ok_or_else(|| Error::new("there is no queue of that number"))
    }
}

/// A delivery queue of a [`Host`](super::Host), which delivers when the test says so.
#[derive(Clone)]
pub struct TestQueue {
    host: Arc<Shared>,
    name: String,
}

impl TestQueue {
    pub(super) fn new(host: &Arc<Shared>, name: &str) -> Self {
        Self {
            host: Arc::clone(host),
            name: name.to_owned(),
        }
    }

    fn with<T>(&self, read: impl FnOnce(&mut State) -> T) -> T {
        let mut queues = self.host.queues();
        read(queues.by_name.entry(self.name.clone()).or_default())
    }

    /// The messages that wait, in the order in which they were pushed.
    pub fn waiting(&self) -> Vec<Queued> {
        self.with(|state| state.waiting.iter().cloned().collect())
    }

    /// The dead letters, in the order in which they died.
    pub fn dead(&self) -> Vec<Queued> {
        self.with(|state| state.dead.clone())
    }

    /// Hands the next batch of what waits to the sink, on this thread, and says what became of each
    /// message. Those to be tried again go on waiting in their place, and are in the next batch, with
    /// no regard to when they are due. Empty where nothing waits.
    ///
    /// # Panics
    ///
    /// No instance has the queue open, or it is one to [fetch](TestQueue::fetch) from.
    pub fn deliver(&self) -> Vec<(Queued, Outcome)> {
        let (opening, batch) = self.with(|state| {
            let opening = state.openings.last();
            let opening = opening.expect("an instance has to have the queue open");
            assert!(
                !opening.polled,
                "nothing is delivered from it: it is fetched"
            );
            let batch = next_batch(&state.waiting, &opening.options);
            ((opening.sink, opening.by, opening.options.attempts), batch)
        });
        let (sink, by, attempts) = opening;
        if batch.is_empty() {
            return Vec::new();
        }
        let frame = frame(sink, &batch);
        // Not with the queues locked: a sink may push.
        let answer = wire::calling(by.instance, || by.library.deliver(&frame));
        let outcomes = answer
            .map_err(|failure| failure.to_string())
            .and_then(|text| {
                Outcomes::from_wire(&text, batch.len()).map_err(|error| error.to_string())
            });
        let outcomes = outcomes.unwrap_or_else(|why| vec![Outcome::retry(why); batch.len()]);
        let became: Vec<_> = batch.into_iter().zip(outcomes).collect();
        self.with(|state| {
            for (message, outcome) in &became {
                settle(state, message.number, outcome, attempts);
            }
        });
        became
    }

    /// Hands out what waits, as a host does to a receiver that asks for so many messages at the most:
    /// the oldest first, and where the queue is ordered one of each key. They go on waiting until they
    /// are [acknowledged](TestQueue::acknowledge), and are handed out again until then.
    ///
    /// # Panics
    ///
    /// No instance has the queue open with
    /// [`InitContext::polled_queue`](crate::InitContext::polled_queue).
    pub fn fetch(&self, most: usize) -> Vec<Queued> {
        self.with(|state| {
            let opening = state.openings.last();
            let opening = opening.filter(|opening| opening.polled);
            let opening =
                opening.expect("an instance has to have the queue open, to be fetched from");
            let is_ordered = !opening.options.order.is_empty();
            let (mut keys, mut fetched) = (HashSet::new(), Vec::new());
            for message in &mut state.waiting {
                if fetched.len() == most {
                    break;
                }
                let of_key = message.key.clone().filter(|_| is_ordered);
                if of_key.is_none_or(|key| keys.insert(key)) {
                    message.attempts += 1;
                    fetched.push(message.clone());
                }
            }
            fetched
        })
    }

    /// Takes the message of that id away, as a host does when its receiver acknowledges it. Says whether
    /// there was one that had been handed out.
    pub fn acknowledge(&self, id: &str) -> bool {
        self.with(|state| {
            let before = state.waiting.len();
            let is_it =
                |message: &Queued| message.attempts > 0 && message.id.as_deref() == Some(id);
            state.waiting.retain(|message| !is_it(message));
            state.waiting.len() < before
        })
    }
}

/// What a queue that is fetched from takes.
fn is_set(header: &Header, payload: &[u8]) -> Result<(), Error> {
    let media = header.content_type.as_deref().unwrap_or_default();
    let of_jwt = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let well = media.eq_ignore_ascii_case("application/secevent+jwt")
        && header.id.as_deref().is_some_and(|id| !id.is_empty())
        && !payload.is_empty()
        && payload.iter().all(of_jwt);
    if well {
        return Ok(());
    }
    Err(Error::new(
        "Security Event Tokens are fetched from this queue: a message needs the content type `application/secevent+jwt`, the SET's `jti` for its id, and a SET in compact form for its payload",
    ))
}

impl std::fmt::Debug for TestQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestQueue")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The messages that a host would put into the next batch.
fn next_batch(waiting: &VecDeque<Queued>, options: &Options) -> Vec<Queued> {
    let mut batch = Vec::new();
    let mut keys = HashSet::new();
    let mut bytes = 0;
    for message in waiting {
        let length = message.payload.len();
        let full = batch.len() >= options.batch_messages || bytes + length > options.batch_bytes;
        if full && !batch.is_empty() {
            break;
        }
        let once = options.order == "key" && message.key.is_some();
        if once && !keys.insert(&message.key) {
            continue;
        }
        bytes += length;
        batch.push(message.clone());
    }
    batch
}

/// A batch in the form that crosses.
fn frame(sink: u64, batch: &[Queued]) -> Vec<u8> {
    let length = |length: usize| u32::try_from(length).expect("a test's messages are short");
    let mut frame = Vec::from(sink.to_le_bytes());
    frame.extend(length(batch.len()).to_le_bytes());
    for message in batch {
        let header = json!({
            "number": message.number,
            "attempt": message.attempts + 1,
            "pushed_ms": 1_760_000_000_000_u64,
            "key": message.key,
            "id": message.id,
            "content_type": message.content_type,
            "headers": message.headers,
        });
        let header = header.to_string();
        frame.extend(length(header.len()).to_le_bytes());
        frame.extend(length(message.payload.len()).to_le_bytes());
        frame.extend(header.as_bytes());
        frame.extend(&message.payload);
    }
    frame
}

fn settle(state: &mut State, number: u64, outcome: &Outcome, attempts: u32) {
    let mut waiting = state.waiting.iter();
    let Some(place) = waiting.position(|message| message.number == number) else {
        return;
    };
    let message = &mut state.waiting[place];
    message.attempts += 1;
    message.last = Some(outcome.clone());
    if outcome.is_retry() && message.attempts < attempts {
        return;
    }
    let message = state.waiting.remove(place);
    if !outcome.is_delivered() {
        state.dead.extend(message);
    }
}
