//! The services of the delivery queue, as listeners call them. What becomes of a push during a dispatch
//! is for `staging` to know, and how queues call listeners' sinks for `sinks`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use op_listener_abi::{PluginRef, Status, Text};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::services::HostSide;
use super::sinks::SinkOfLibrary;
use super::staging::stage;
use crate::config::{QueueSettings, is_instance_name};
use crate::delivery::{Content, Delivery, Opening, Options, Requested};

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
                    let courier = SinkOfLibrary::new(self, own.library, request.sink, &name);
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
        let Some(push) = stage(push, self) else {
            return well();
        };
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
