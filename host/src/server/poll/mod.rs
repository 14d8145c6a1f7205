//! `POST /set/<stream>`: a receiver fetches Security Event Tokens, and says what became of those that
//! it has (RFC 8936). What there is to fetch, and what is written down of it, is the delivery queue's;
//! here is who may, and how long a request waits. What requests and answers look like stands in `form`.
//!
//! A request that waits occupies its connection and nothing else. What it asks of the store is done on
//! a few threads of the pool that are its own kind's alone, so that fetching takes nothing from the
//! intake, nor the intake from it.

mod form;

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::body::{Body as _, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::{Method, Request, StatusCode, http};
use tokio::sync::futures::Notified;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

use self::form::{Asked, answer_of, parse};
use super::answer::{Answer, Problem, method_not_allowed};
use super::body::{self, NoBody, Room};
use super::connection::Visit;
use super::error::ServerError;
use super::events;
use super::shared::Shared;
use super::token::{Shown, Token};
use crate::config::{Config, PollSettings};
use crate::delivery::{StoreError, Stream, Taken};

/// The path of a stream begins so.
pub(super) const PATH: &str = "/set/";
/// So many requests may ask the store at once.
pub(super) const THREADS: usize = 4;
/// So many requests of one instance's receiver may be under way at once, those that wait included.
const OF_ONE: usize = 16;
/// The longest body, in bytes: some 25,000 acknowledgements.
const MOST_BODY: usize = 1 << 20;

/// What all requests of this kind share.
pub(super) struct Polls {
    room: Arc<Room>,
    threads: Arc<Semaphore>,
    /// For all requests that are under way.
    places: Arc<Semaphore>,
    /// Something has changed that those who wait are to look at.
    changed: watch::Sender<()>,
}

/// What a configuration says of one instance's receiver.
pub(super) struct Receiver {
    token: Token,
    settings: PollSettings,
    places: Arc<Semaphore>,
}

/// The receivers by the names of the instances.
pub(super) type Receivers = HashMap<String, Arc<Receiver>>;

/// Reads the tokens of the receivers that a configuration names.
pub(super) fn receivers(config: &Config) -> Result<Receivers, ServerError> {
    let on = config.listeners.iter().filter(|listener| listener.enabled);
    let polls = on.filter_map(|listener| Some((listener, listener.poll.as_ref()?)));
    polls
        .map(|(listener, settings)| {
            let receiver = Receiver {
                token: Token::read(&settings.token_file)?,
                settings: settings.clone(),
                places: Arc::new(Semaphore::new(OF_ONE)),
            };
            Ok((listener.name.clone(), Arc::new(receiver)))
        })
        .collect()
}

impl Polls {
    /// `max_connections` of a door; half of them may be taken by these requests.
    pub(super) fn new(max_connections: usize) -> Self {
        Self {
            room: Arc::new(Room::new(MOST_BODY)),
            threads: Arc::new(Semaphore::new(THREADS)),
            places: Arc::new(Semaphore::new((max_connections / 2).max(1))),
            changed: watch::Sender::new(()),
        }
    }

    /// Has those who wait look whether they may go on.
    pub(super) fn look_again(&self) {
        self.changed.send_replace(());
    }
}

/// A request that was let in.
struct Guest<'v> {
    visit: &'v Visit,
    /// The name of the queue.
    stream: String,
    instance: &'v str,
    receiver: Arc<Receiver>,
    _places: [OwnedSemaphorePermit; 2],
}

/// Answers a request.
pub(super) async fn post(visit: &Visit, request: Request<Incoming>) -> Answer {
    let (head, mut body) = request.into_parts();
    let guest = match let_in(visit, &head, &body) {
        Ok(guest) => guest,
        Err(problem) => return events::refuse(visit, &head.headers, body, problem).await,
    };
    let mut room = visit.shared.polls.room.lease();
    let bytes = match body::read(&mut body, MOST_BODY, &visit.pace, &mut room).await {
        Ok(bytes) => bytes,
        Err(why) => {
            let problem = match why {
                NoBody::TooLong => too_long(),
                why => events::no_body(visit, why),
            };
            return events::refuse(visit, &head.headers, body, problem).await;
        }
    };
    visit.pace.body_read();
    match parse(&bytes) {
        Ok(asked) => {
            drop((bytes, room));
            let answered = guest.serve(asked).await;
            answered.unwrap_or_else(Problem::answer)
        }
        Err(problem) => problem.answer(),
    }
}

/// Who it is, and whether there is a place; before anything is read.
fn let_in<'v>(
    visit: &'v Visit,
    head: &'v http::request::Parts,
    body: &Incoming,
) -> Result<Guest<'v>, Problem> {
    if head.method != Method::POST {
        return Err(method_not_allowed("POST"));
    }
    let stream = head.uri.path().strip_prefix(PATH).unwrap_or_default();
    let instance = stream.split_once('/').map_or(stream, |(name, _)| name);
    let receiver = visit.shared.live.load().receivers.get(instance).cloned();
    let shown = head.headers.get(AUTHORIZATION);
    // Which streams there are is for those to know who may fetch from them.
    let shown = match &receiver {
        Some(receiver) => receiver.token.shown(shown),
        None => Token::nobodys().shown(shown),
    };
    let receiver = match (receiver, shown) {
        (Some(receiver), Shown::Right) => {
            visit.pace.is_known();
            receiver
        }
        (None, Shown::Right) => return Err(events::unauthorized(visit, Shown::Wrong)),
        (_, shown) => return Err(events::unauthorized(visit, shown)),
    };
    events::is_plain(&head.headers)?;
    if events::media(&head.headers) != Some(false) {
        return Err(events::unsupported("send `application/json`, in UTF-8"));
    }
    events::has_length(&head.headers)?;
    if body.size_hint().lower() > MOST_BODY as u64 {
        return Err(too_long());
    }
    let place = |of: &Arc<Semaphore>| Arc::clone(of).try_acquire_owned().ok();
    let places = place(&visit.shared.polls.places).zip(place(&receiver.places));
    let Some((one, other)) = places else {
        let detail = format!(
            "{OF_ONE} requests of a receiver may be under way, or as many of all as half of \
             `max_connections`: wait for the answers to the others"
        );
        let title = "Too many requests wait";
        return Err(Problem::passing("too-many-polls", title, detail));
    };
    Ok(Guest {
        visit,
        stream: stream.to_owned(),
        instance,
        receiver,
        _places: [one, other],
    })
}

fn too_long() -> Problem {
    let detail = format!("a body may be {MOST_BODY} bytes long: acknowledge in several requests");
    let title = "The body is too long";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", title, detail)
}

/// The store does not do what it is asked.
fn no_store() -> Problem {
    let detail = "what was acknowledged may not be noted: send it again";
    Problem::passing("no-store", "The store does not answer", detail)
}

fn no_stream() -> Problem {
    let detail = "nothing is to be fetched under this name at present";
    let title = "There is no such stream";
    Problem::new(StatusCode::NOT_FOUND, "not-found", title, detail)
}

impl Guest<'_> {
    fn shared(&self) -> &Arc<Shared> {
        &self.visit.shared
    }

    async fn serve(&self, asked: Asked) -> Result<Answer, Problem> {
        let settings = &self.receiver.settings;
        let limit = settings.max_events;
        let most = asked.max_events.unwrap_or(u64::MAX);
        let most = usize::try_from(most).map_or(limit, |most| most.min(limit));
        let waits = !asked.return_immediately && most > 0 && !settings.wait.is_zero();
        // Before the first look, so that no change is missed.
        let mut changes = self.shared().polls.changed.subscribe();
        let end = Instant::now() + settings.wait;
        let (stream, mut taken) = self.first(asked, most).await?;
        if taken.sets.is_empty() && waits {
            let _leaving = Leaving(&stream);
            let _held = self.visit.pace.hold();
            while taken.sets.is_empty() {
                // Before it is asked whether to go on, so that nothing that is told to all is missed.
                let told = stream.news().notified();
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() || !self.goes_on(&stream) {
                    break;
                }
                let sleeps = taken.next.map_or(left, |next| next.min(left));
                self.wait(told, &mut changes, sleeps).await;
                if self.goes_on(&stream) {
                    taken = self.take(&stream, most).await?;
                }
            }
        }
        Ok(answer_of(&taken))
    }

    /// Notes what the receiver has got, and takes what is there for it.
    async fn first(&self, asked: Asked, most: usize) -> Result<(Arc<Stream>, Taken), Problem> {
        let (host, name) = (Arc::clone(&self.shared().host), self.stream.clone());
        let redeliver = self.receiver.settings.redeliver;
        let refused = asked.set_errs.into_iter();
        let refused: Vec<_> = refused.map(|(id, why)| (id, why.into_refusal())).collect();
        let first = self.at_the_store(move || {
            let Some(stream) = host.stream(&name) else {
                return Ok(None);
            };
            stream.receipt(asked.ack, refused)?;
            let taken = stream.take(most, redeliver)?;
            stream.polled();
            Ok(Some((Arc::new(stream), taken)))
        });
        first.await?.ok_or_else(no_stream)
    }

    async fn take(&self, stream: &Arc<Stream>, most: usize) -> Result<Taken, Problem> {
        let stream = Arc::clone(stream);
        let redeliver = self.receiver.settings.redeliver;
        self.at_the_store(move || stream.take(most, redeliver))
            .await
    }

    async fn at_the_store<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let threads = Arc::clone(&self.shared().polls.threads);
        // It is never closed.
        let thread = threads.acquire_owned().await.ok();
        let work = move || {
            // Until it is done, whether or not somebody waits for it still.
            let _thread = thread;
            work()
        };
        match tokio::task::spawn_blocking(work).await {
            // Where it lies is not the receiver's to know, and what it is the log says.
            Ok(done) => done.map_err(|_| no_store()),
            // It panicked, which is logged by then, or the runtime ends.
            Err(_) => Err(events::failed()),
        }
    }

    /// Whether there is a point in waiting on.
    fn goes_on(&self, stream: &Stream) -> bool {
        let live = self.shared().live.load();
        let now = live.receivers.get(self.instance);
        !self.shared().is_stopping()
            && !self.visit.pace.is_stirred()
            && stream.is_served()
            && now.is_some_and(|now| now.token == self.receiver.token)
    }

    /// Waits for something to come, to change, or for the time.
    async fn wait(&self, told: Notified<'_>, changes: &mut watch::Receiver<()>, time: Duration) {
        let mut told = pin!(told);
        let mut news = pin!(changes.changed());
        let mut asleep = pin!(sleep(time));
        poll_fn(|context| {
            let ready = self.visit.pace.is_stirred()
                || news.as_mut().poll(context).is_ready()
                || told.as_mut().poll(context).is_ready()
                || asleep.as_mut().poll(context).is_ready();
            if ready {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// Whoever goes, for whatever reason, leaves it to the next who waits to look when something is due.
struct Leaving<'s>(&'s Stream);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.news().notify_one();
    }
}
