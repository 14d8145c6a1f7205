#![doc = include_str!("../README.md")]

mod client;
mod config;
mod content;
mod delivery;
mod verification;

use op_listener_api::set::SetSubject;
use op_listener_api::{
    AccessTokenIssueEvent, AccessTokenIssueEventListener, Error, EventContext, IdTokenIssueEvent,
    IdTokenIssueEventListener, InitContext, Lifecycle, Message, Queue, QueueOptions,
    SubjectAuthAndConsentEvent, SubjectAuthAndConsentEventListener,
};

use client::{SET_TYPE, TlsError};
use config::{ContentSettings, DeliverySettings, Order, Settings, Switch, Table};
use content::{Facts, Kind};
use delivery::{Authorization, Receiver};

op_listener_api::export! {
    vendor = "The op-listener developers";
    IdTokenIssueEventListener for SetPush,
    AccessTokenIssueEventListener for SetPush,
    SubjectAuthAndConsentEventListener for SetPush,
}

/// How many SETs are on their way at a time, unless all are to arrive in order or the operator has it
/// otherwise.
const CONCURRENCY: u32 = 4;

/// Pushes each event to a receiver as a Security Event Token, or has the receiver fetch it.
pub struct SetPush {
    /// `None` if it is switched off.
    pusher: Option<Pusher>,
}

struct Pusher {
    /// The instance's name.
    name: String,
    content: ContentSettings,
    order: Order,
    queue: Queue,
}

impl Lifecycle for SetPush {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        if !context.config::<Switch>()?.enable {
            return Ok(Self { pusher: None });
        }
        let mut settings = context.config::<Table>()?.check().map_err(Error::config)?;
        settings.resolve(context);
        let queue = match &mut settings.delivery {
            Some(delivery) => {
                let receiver = receiver(delivery)?;
                context.queue(settings.order.options(), receiver)?
            }
            None => context.polled_queue(settings.order.options())?,
        };
        if let Some(verify) = &settings.verify {
            verification::push_once(context, &settings, verify, &queue)
                .map_err(|error| error.context("the verification event"))?;
        }
        Ok(Self {
            pusher: Some(Pusher {
                name: context.name().to_owned(),
                content: settings.content,
                order: settings.order,
                queue,
            }),
        })
    }

    fn is_enabled(&self) -> bool {
        self.pusher.is_some()
    }
}

/// Looks at all that it takes to push.
fn receiver(delivery: &mut DeliverySettings) -> Result<Receiver, Error> {
    delivery.read_proxy().map_err(Error::config)?;
    let file = delivery.authorization_file.take();
    let authorization = file
        .map(Authorization::open)
        .transpose()
        .map_err(Error::config)?;
    if let Some(authorization) = &authorization {
        authorization.warn_if_exposed();
    }
    Receiver::new(delivery, authorization).map_err(at_init)
}

fn at_init(error: TlsError) -> Error {
    match error {
        TlsError::NoAuthorities => Error::from(error),
        TlsError::Read { .. } | TlsError::File { .. } => Error::config(error),
    }
}

impl Settings {
    /// Makes paths relative to the host's configuration file.
    fn resolve(&mut self, context: &InitContext<'_>) {
        let Some(delivery) = &mut self.delivery else {
            return;
        };
        let client = delivery.client.iter_mut();
        let client = client.flat_map(|(chain, key)| [chain, key]);
        let single = [
            &mut delivery.authorization_file,
            &mut delivery.ca_file,
            &mut delivery.proxy_file,
        ];
        for path in client.chain(single.into_iter().flatten()) {
            *path = context.resolve(&*path);
        }
    }
}

impl Order {
    /// One SET a call: it is settled before the next one is sent, so that a crash repeats no more than
    /// those on their way, and what one SET meets with is no use of another's attempts.
    fn options(self) -> QueueOptions {
        let options = QueueOptions::new().batch_messages(1);
        match self {
            Self::None => options.concurrency(CONCURRENCY),
            Self::Client | Self::Subject => options.concurrency(CONCURRENCY).ordered_by_key(),
            Self::All => options.ordered_by_key(),
        }
    }

    /// By what an event is ordered.
    fn key<'e>(self, facts: &Facts<'_, 'e>) -> Option<&'e str> {
        match self {
            Self::None => None,
            Self::Client => Some(facts.client_id),
            Self::Subject => Some(facts.subject.unwrap_or(facts.client_id)),
            Self::All => Some("all"),
        }
    }
}

/// What a queue is to know a message by. The store keeps it beside each message, so that it has a bound;
/// names that begin alike for so long are in one order, which does no harm.
fn short(name: &str) -> &str {
    &name[..name.floor_char_boundary(1024)]
}

impl SetPush {
    fn push(
        &self,
        facts: &Facts<'_, '_>,
        event: &impl SetSubject,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let Some(pusher) = &self.pusher else {
            return Ok(());
        };
        let jti = pusher.content.jti(facts, &pusher.name);
        let signed = pusher.content.sign(facts, event, context, &jti);
        let done = signed.and_then(|set| {
            let mut message = Message::new(set.as_bytes())
                .id(short(&jti))
                .content_type(SET_TYPE);
            if let Some(key) = pusher.order.key(facts) {
                message = message.key(short(key));
            }
            pusher.queue.push(&message)
        });
        done.map_err(|error| error.context(format_args!("event {}", facts.id)))
    }
}

impl IdTokenIssueEventListener for SetPush {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let facts = Facts {
            kind: Kind::IdTokenIssue,
            id: event.id(),
            client_id: event.client_id(),
            subject: Some(event.subject()),
            claims: Some(event.claims()),
            more: event.more(),
        };
        self.push(&facts, event, context)
    }
}

impl AccessTokenIssueEventListener for SetPush {
    fn access_token_issued(
        &self,
        event: &AccessTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let facts = Facts {
            kind: Kind::AccessTokenIssue,
            id: event.id(),
            client_id: event.client_id(),
            subject: event.subject(),
            claims: Some(event.claims()),
            more: event.more(),
        };
        self.push(&facts, event, context)
    }
}

impl SubjectAuthAndConsentEventListener for SetPush {
    fn subject_authenticated_and_consented(
        &self,
        event: &SubjectAuthAndConsentEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let facts = Facts {
            kind: Kind::SubjectAuthAndConsent,
            id: event.id(),
            client_id: event.client_id(),
            subject: Some(event.subject()),
            claims: event.id_token_claims(),
            more: event.more(),
        };
        self.push(&facts, event, context)
    }
}
