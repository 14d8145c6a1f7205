//! From a line's bytes to what is to be dispatched: reads the line, fills in what the host knows
//! and the line does not say, and applies the flow rule. It calls no listener and logs nothing.

use super::ndjson::{Line, TooLong};
use crate::Spi;
use crate::clients::ClientRegistry;
use crate::event::{
    self, Defaults, Event, EventError, Fault, IssuerFault, Limits, Message, Timestamp, check_issuer,
};
use crate::flow::{CodeStillPending, Decision, FlowRule, NotNow, NotTaken, Outcome, Patience};
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What the host knows about every event, in one place. Usable from many threads at once; events of
/// one stream keep their order when its lines are processed one after the other.
#[derive(Debug, Clone)]
pub struct Pipeline {
    issuer: Option<Box<str>>,
    clients: Arc<ClientRegistry>,
    flow: Arc<FlowRule>,
    limits: Limits,
    clock: fn() -> Timestamp,
    code_lifetime: u32,
}

impl Pipeline {
    /// A pipeline without a default issuer and registered clients, with the format's limits and the
    /// system's clock.
    pub fn new(flow: Arc<FlowRule>) -> Self {
        Self {
            issuer: None,
            clients: Arc::default(),
            flow,
            limits: Limits::default(),
            clock: Timestamp::now,
            code_lifetime: Defaults::CODE_LIFETIME,
        }
    }

    /// The issuer of events that name none.
    ///
    /// # Errors
    /// It is no issuer.
    pub fn with_issuer(mut self, issuer: &str) -> Result<Self, InvalidIssuer> {
        check_issuer(issuer).map_err(InvalidIssuer)?;
        self.issuer = Some(issuer.into());
        Ok(self)
    }

    /// Where the metadata of clients is looked up when an event has none.
    #[must_use]
    pub fn with_clients(mut self, clients: Arc<ClientRegistry>) -> Self {
        self.clients = clients;
        self
    }

    /// Other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long a code lasts that comes without `code_expires_at`, in whole seconds.
    #[must_use]
    pub fn with_code_lifetime(mut self, seconds: u32) -> Self {
        self.code_lifetime = seconds;
        self
    }

    /// Another clock for events without a `time`.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Timestamp) -> Self {
        self.clock = clock;
        self
    }

    /// The limits, for whoever reads the lines.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What comes of one line of a stream.
    ///
    /// # Errors
    /// As [`Pipeline::process`], and the line may be too long.
    pub fn process_line<'a>(&'a self, line: Line<'a>) -> Result<Decision<'a>, Refusal> {
        self.process_line_within(line, Patience::NONE)
    }

    /// What comes of one line of a stream, if need be after some waiting.
    ///
    /// # Errors
    /// As [`Pipeline::process_line`].
    pub fn process_line_within<'a>(
        &'a self,
        line: Line<'a>,
        patience: Patience<'_>,
    ) -> Result<Decision<'a>, Refusal> {
        match line.bytes {
            Ok(bytes) => self.process_within(bytes, Some(line.number), patience),
            Err(TooLong { limit }) => Err(Refusal::Invalid(
                EventError::whole(Fault::TooLong { limit }).at_line(Some(line.number)),
            )),
        }
    }

    /// What comes of one event or fact. `line` is its number, for the error.
    ///
    /// # Errors
    /// It is not valid, its code is still pending, or the store does not answer. Nothing is to be
    /// dispatched then.
    pub fn process<'a>(
        &'a self,
        bytes: &'a [u8],
        line: Option<u64>,
    ) -> Result<Decision<'a>, Refusal> {
        self.process_within(bytes, line, Patience::NONE)
    }

    /// What comes of one event or fact, if need be after some waiting for a store of codes that
    /// does not answer.
    ///
    /// # Errors
    /// As [`Pipeline::process`].
    pub fn process_within<'a>(
        &'a self,
        bytes: &'a [u8],
        line: Option<u64>,
        patience: Patience<'_>,
    ) -> Result<Decision<'a>, Refusal> {
        let arrival = self.read(bytes, line)?;
        self.decide(arrival, patience)
    }

    /// The first half of [`Self::process`]: reads an event or fact, which changes nothing yet.
    ///
    /// # Errors
    /// It is not valid.
    #[inline]
    pub fn read<'a>(&'a self, bytes: &'a [u8], line: Option<u64>) -> Result<Arrival<'a>, Refusal> {
        let defaults = Defaults {
            limits: self.limits,
            issuer: self.issuer.as_deref(),
            clock: self.clock,
            code_lifetime: self.code_lifetime,
        };
        let (message, own_id) =
            event::parse_with_own_id(bytes, line, &defaults).map_err(Refusal::Invalid)?;
        Ok(Arrival {
            message,
            own_id,
            line,
        })
    }

    /// The second half for what is an event already, of which the flow rule knows nothing. `None` for a
    /// fact, which [`Self::decide`] decides.
    #[inline]
    pub fn due_at_once<'b, 'a>(&'a self, arrival: &'b mut Arrival<'a>) -> Option<&'b Event<'a>> {
        match &mut arrival.message {
            Message::Event(event) => {
                self.add_client(event);
                Some(event)
            }
            Message::AuthorizationCompleted(_) | Message::CodeExchanged(_) => None,
        }
    }

    /// The second half: applies the flow rule, for which a code is exchanged once. So whoever is
    /// not sure to dispatch what comes of it must not ask.
    ///
    /// # Errors
    /// Its code is still pending, or the store does not answer. Nothing is to be dispatched then.
    #[inline]
    pub fn decide<'a>(
        &'a self,
        arrival: Arrival<'a>,
        patience: Patience<'_>,
    ) -> Result<Decision<'a>, Refusal> {
        let line = arrival.line;
        let mut decision = match arrival.message {
            Message::Event(event) => Outcome::Dispatch(event).into(),
            Message::AuthorizationCompleted(fact) => self
                .flow
                .authorization_completed(fact, patience)
                .map_err(|why| Refusal::of(why, line))?,
            Message::CodeExchanged(fact) => self
                .flow
                .code_exchanged(fact, patience)
                .map_err(|why| Refusal::of(NotTaken::NotNow(why), line))?,
        };
        if let Outcome::Dispatch(event) = &mut decision.outcome {
            self.add_client(event);
        }
        Ok(decision)
    }

    /// Gives an event without client metadata what is registered for its client.
    pub fn add_client<'a>(&'a self, event: &mut Event<'a>) {
        if event.client.is_none() {
            event.client = self.clients.get(&event.client_id).map(Cow::Borrowed);
        }
    }
}

/// An event or fact that was read, and of which nothing has come yet.
#[derive(Debug)]
pub struct Arrival<'a> {
    message: Message<'a>,
    own_id: bool,
    line: Option<u64>,
}

impl Arrival<'_> {
    /// The SPI whose listeners are called if anything comes of it.
    pub fn spi(&self) -> Spi {
        match &self.message {
            Message::Event(event) => event.spi(),
            Message::AuthorizationCompleted(_) | Message::CodeExchanged(_) => {
                Spi::SubjectAuthAndConsent
            }
        }
    }

    /// The value of its `type`.
    pub fn kind(&self) -> &'static str {
        match &self.message {
            Message::Event(event) => event.spi().name(),
            Message::AuthorizationCompleted(_) => "authorization_completed",
            Message::CodeExchanged(_) => "code_exchanged",
        }
    }

    /// The id that the sender gave it, if it did.
    pub fn own_id(&self) -> Option<&str> {
        if !self.own_id {
            return None;
        }
        match &self.message {
            Message::Event(event) => Some(event.id()),
            Message::AuthorizationCompleted(fact) => Some(fact.event.id()),
            Message::CodeExchanged(fact) => fact.id.as_deref(),
        }
    }

    /// What it shares with others of the same request or grant.
    pub fn txn(&self) -> Option<&str> {
        match &self.message {
            Message::Event(event) => event.txn(),
            Message::AuthorizationCompleted(fact) => fact.event.txn(),
            Message::CodeExchanged(fact) => fact.txn.as_deref(),
        }
    }

    /// The provider's issuer identifier.
    pub fn issuer(&self) -> &str {
        match &self.message {
            Message::Event(event) => event.issuer(),
            Message::AuthorizationCompleted(fact) => fact.event.issuer(),
            Message::CodeExchanged(fact) => &fact.issuer,
        }
    }
}

/// A line of which nothing comes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no valid event or fact.
    Invalid(EventError),
    /// It is an `authorization_completed` whose code is still pending.
    CodeStillPending(CodeStillPending),
    /// It is a fact that cannot be decided now, and can be sent again.
    NotNow(NotNow),
}

impl Refusal {
    fn of(why: NotTaken, line: Option<u64>) -> Self {
        match why {
            NotTaken::StillPending(CodeStillPending { .. }) => {
                Self::CodeStillPending(CodeStillPending { line })
            }
            NotTaken::NotNow(error) => Self::NotNow(error.at_line(line)),
        }
    }

    /// Whether the same may be taken when it is sent again: it is not what was sent that is wrong.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NotNow(_))
    }

    /// The line of the stream, from 1, where it is known.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Invalid(error) => error.line(),
            Self::CodeStillPending(error) => error.line,
            Self::NotNow(error) => error.line,
        }
    }

    /// The member that is wrong, if it is one.
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Invalid(error) => error.name(),
            Self::CodeStillPending(_) => Some("code"),
            Self::NotNow(_) => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => error.fmt(f),
            Self::CodeStillPending(error) => error.fmt(f),
            Self::NotNow(error) => error.fmt(f),
        }
    }
}

impl Error for Refusal {}

/// A default issuer that cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidIssuer(pub IssuerFault);

impl fmt::Display for InvalidIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the configured issuer {}: expected an absolute ASCII URL, https (http for localhost, \
             127.0.0.1 and [::1] only), without user information, query and fragment",
            self.0
        )
    }
}

impl Error for InvalidIssuer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
