//! What both listeners do: read the configuration, open the delivery queue, and push the message of
//! each event.

use std::time::Duration;

use op_listener_api::set::SetSubject;
use op_listener_api::{Error, EventContext, InitContext, Message, Queue, QueueOptions};

use crate::aws::{AwsError, Environment, Service};
use crate::body::{Entry, Group, LARGEST, body};
use crate::config::{Payload, Settings, Switch, Table};
use crate::sink::SqsSink;

/// How many requests to a standard queue may be under way at a time, and to a FIFO queue, of whose
/// groups each has one message under way at most.
const CONCURRENCY: u32 = 4;
/// Backoff never takes longer: a FIFO queue remembers for five minutes what it has seen.
const LONGEST_BACKOFF: Duration = Duration::from_mins(2);

/// Publishes events to one queue.
pub(crate) struct Publisher {
    queue: Queue,
    payload: Payload,
    group: Option<Group>,
}

impl Publisher {
    /// `None` where it is switched off; then nothing else in the configuration is looked at.
    pub(crate) fn init(context: &InitContext<'_>) -> Result<Option<Self>, Error> {
        if !context.config::<Switch>()?.enable {
            return Ok(None);
        }
        let table: Table = context.config()?;
        let environment = Environment::Process;
        let settings = table
            .check(&environment, |path| context.resolve(path))
            .map_err(Error::config)?;
        Self::open(context, settings, environment).map(Some)
    }

    fn open(
        context: &InitContext<'_>,
        settings: Settings,
        environment: Environment,
    ) -> Result<Self, Error> {
        let group = settings.group;
        let service = Service::new(settings.aws, settings.target, environment);
        let service = service.map_err(|error| match error {
            // Of what the configuration says; all else lies in files and variables beside it.
            AwsError::Web(error) => Error::config(error),
            error => error.into(),
        })?;
        let options = QueueOptions::new()
            .batch_messages(10)
            .batch_bytes(LARGEST as u64)
            .concurrency(CONCURRENCY)
            // What is worth another try is worth any number of them: see `sink::verdict`.
            .attempts(u32::MAX)
            .backoff(Duration::from_millis(500), LONGEST_BACKOFF);
        let options = if group.is_some() {
            options.ordered_by_key()
        } else {
            options
        };
        let queue = context.queue(options, SqsSink::new(service, group.is_some()))?;
        Ok(Self {
            queue,
            payload: settings.payload,
            group,
        })
    }

    /// Pushes an event's message. A message that is too large for SQS is pushed too: it becomes a dead
    /// letter, for operators to see.
    pub(crate) fn publish(
        &self,
        entry: &Entry<'_, '_>,
        event: &impl SetSubject,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        self.push(entry, event, context)
            .map_err(|error| error.context(format_args!("event {}", entry.id)))
    }

    fn push(
        &self,
        entry: &Entry<'_, '_>,
        event: &impl SetSubject,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let payload = &self.payload;
        let body = body(entry, payload, event, context)?;
        let group = self.group.map(|group| group.id(entry));
        let attributes: Vec<_> = payload
            .attributes
            .iter()
            .filter_map(|attribute| Some((attribute, attribute.value(entry, payload.shape)?)))
            .collect();
        let mut message = Message::new(body.as_bytes())
            .id(entry.id)
            .content_type(payload.shape.content_type());
        if let Some(group) = &group {
            message = message.key(group);
        }
        for (attribute, value) in &attributes {
            message = message.header(attribute.name(), value);
        }
        self.queue.push(&message)
    }
}
