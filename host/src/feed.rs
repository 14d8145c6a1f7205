//! Feeds a stream of events to a host: reads lines, lets the flow rule decide, dispatches, logs
//! and counts what was refused.

use std::io::{self, BufRead};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{error, fmt};

use arc_swap::{ArcSwap, Guard};

use crate::Host;
use crate::clients::{ClientRegistry, ClientsError};
use crate::config::Config;
use crate::event::{Event, Limits};
#[cfg(feature = "redis")]
use crate::flow::StoreError;
use crate::flow::{Decision, Evicted, FlowRule, Ignored, Outcome, Patience};
use crate::intake::ndjson::Lines;
use crate::intake::{Counts, InvalidIssuer, Pipeline, Refusal};
use crate::log::say;

/// Feeds streams of events to a host. Pending authorisations are kept across streams.
#[derive(Debug)]
pub struct Feed {
    /// Swapped as a whole at [`Feed::reload`].
    pipeline: ArcSwap<Pipeline>,
    flow: Arc<FlowRule>,
    /// How long a line of a stream waits for the flow rule's store.
    patience: Duration,
    counts: Counts,
}

/// What became of the lines of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Events handed to the listeners of their SPI, if it has any.
    pub dispatched: u64,
    /// Facts of which no event was due: authorisations whose code is yet to be exchanged, and
    /// exchanges whose event came with the authorisation.
    pub held: u64,
    /// Exchanges that gave no event though they should have; each logged as a warning.
    pub ignored: u64,
    /// Lines refused; each logged.
    pub refused: u64,
    /// Pending authorisations dropped at the bound; each logged.
    pub dropped: u64,
    /// Calls of listeners.
    pub calls: u64,
    /// Calls of listeners that failed; each logged.
    pub failures: u64,
}

impl Totals {
    /// Adds what became of others.
    pub fn add(&mut self, other: &Self) {
        self.dispatched += other.dispatched;
        self.held += other.held;
        self.ignored += other.ignored;
        self.refused += other.refused;
        self.dropped += other.dropped;
        self.calls += other.calls;
        self.failures += other.failures;
    }
}

/// Why a configuration cannot be used for a feed.
#[derive(Debug)]
#[non_exhaustive]
pub enum FeedError {
    /// The client registry cannot be used.
    Clients(ClientsError),
    /// The issuer is none.
    Issuer(InvalidIssuer),
    /// The configured Redis cannot even be tried.
    #[cfg(feature = "redis")]
    Redis(StoreError),
    /// Redis is configured for a host that is built without it.
    #[cfg(not(feature = "redis"))]
    NoRedis,
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clients(error) => error.fmt(f),
            Self::Issuer(error) => error.fmt(f),
            #[cfg(feature = "redis")]
            Self::Redis(error) => error.fmt(f),
            #[cfg(not(feature = "redis"))]
            Self::NoRedis => f.write_str(
                "`redis` under [flow]: this host is built without it; build it with the feature \
                 `redis`",
            ),
        }
    }
}

impl error::Error for FeedError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Clients(error) => error.source(),
            Self::Issuer(error) => error.source(),
            #[cfg(feature = "redis")]
            Self::Redis(error) => error.source(),
            #[cfg(not(feature = "redis"))]
            Self::NoRedis => None,
        }
    }
}

impl Feed {
    /// A feed with the `issuer`, `clients`, `intake` and `flow` of a configuration.
    ///
    /// # Errors
    ///
    /// The client registry cannot be read, the issuer is none, or Redis cannot even be tried.
    /// Whether Redis is there [`Feed::flow`] can tell.
    pub fn new(config: &Config) -> Result<Self, FeedError> {
        let flow = Arc::new(flow_rule(config)?);
        let pipeline = pipeline(config, &flow)?;
        Ok(Self {
            pipeline: ArcSwap::from_pointee(pipeline),
            flow,
            patience: (config.flow.redis.as_ref()).map_or(Duration::ZERO, |redis| redis.patience),
            counts: Counts::default(),
        })
    }

    /// What became of all events and facts, however they came.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The flow rule that all of them go by, to ask whether it is ready, and what was asked of its
    /// store.
    pub fn flow(&self) -> &FlowRule {
        &self.flow
    }

    /// Takes over the `issuer`, `clients`, limits on lines and `code_lifetime` of another
    /// configuration, for what is read from then on. Pending authorisations, and how many there may
    /// be, stay.
    ///
    /// # Errors
    ///
    /// The client registry cannot be read, or the issuer is none. Then nothing has changed.
    pub fn reload(&self, config: &Config) -> Result<(), FeedError> {
        let pipeline = pipeline(config, &self.flow)?;
        self.pipeline.store(Arc::new(pipeline));
        Ok(())
    }

    /// What reads and decides, as it is at present.
    pub(crate) fn pipeline(&self) -> Guard<Arc<Pipeline>> {
        self.pipeline.load()
    }

    /// Reads a stream to its end, dispatching each event before the next line is read. A line that
    /// is refused is logged and counted, and the next one is read.
    ///
    /// Whoever wants it to end early makes the stream end, and sets `stop`: whole lines that were
    /// taken from the stream by then are dispatched, and half a line at its end is no error.
    ///
    /// # Errors
    ///
    /// Reading failed; logged by then. What was read before was dispatched.
    pub fn lines(
        &self,
        stream: impl BufRead,
        host: &Host,
        stop: &AtomicBool,
        totals: &mut Totals,
    ) -> io::Result<()> {
        let mut lines = Lines::new(stream, self.pipeline().limits().line_bytes);
        loop {
            let line = match lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(()),
                Err(error) => {
                    say!(
                        INPUT_FAILED,
                        "The input cannot be read any further: {error}"
                    );
                    return Err(error);
                }
            };
            // Half a line, because the stop came in the middle of it, is no event yet.
            if !line.ended && stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let pipeline = self.pipeline();
            let patience = Patience::until(self.patience, stop);
            match pipeline.process_line_within(line, patience) {
                // Kept until its event was dispatched.
                Ok(decision) => {
                    // Nobody sends it again: what could not be stored is lost, as the log says.
                    if let Err(NotStored(decision)) = self.act(decision, host, totals) {
                        self.dispatched(&decision, totals);
                    }
                }
                Err(refusal) => {
                    self.counts.refused(&refusal);
                    refused(&refusal, totals);
                }
            }
            lines.set_limit(pipeline.limits().line_bytes);
        }
    }

    /// Does what was decided, and counts it. An event of which something could not be stored, what
    /// listeners pushed for it, counts as dispatched only after [`Feed::dispatched`].
    ///
    /// # Errors
    ///
    /// It could not be stored.
    #[inline]
    pub(crate) fn act<'d>(
        &self,
        decision: Decision<'d>,
        host: &Host,
        totals: &mut Totals,
    ) -> Result<(), NotStored<'d>> {
        if let Some(evicted) = &decision.evicted {
            self.counts.dropped();
            dropped(evicted, totals);
        }
        match &decision.outcome {
            Outcome::Dispatch(event) => {
                if self.dispatch(event, host, totals) {
                    return Ok(());
                }
                return Err(NotStored(Box::new(decision)));
            }
            Outcome::Held | Outcome::NothingDue => totals.held += 1,
            Outcome::Ignored(why) => ignored(why, totals),
        }
        self.counts.outcome(&decision.outcome);
        Ok(())
    }

    /// Counts an event as dispatched of which something could not be stored.
    fn dispatched(&self, decision: &Decision<'_>, totals: &mut Totals) {
        totals.dispatched += 1;
        self.counts.outcome(&decision.outcome);
    }

    /// Takes a decision back whose event is to be sent again, since something could not be stored.
    #[cfg(feature = "server")]
    pub(crate) fn take_back(&self, not_stored: NotStored<'_>) {
        self.flow.take_back(*not_stored.0);
    }

    /// Dispatches an event that is due, and counts it, unless something of it could not be stored: says
    /// whether all was.
    #[must_use]
    #[inline]
    pub(crate) fn dispatch(&self, event: &Event<'_>, host: &Host, totals: &mut Totals) -> bool {
        let dispatched = host.dispatch(event);
        totals.calls += u64::from(dispatched.calls);
        totals.failures += u64::from(dispatched.failures);
        let is_stored = dispatched.not_stored == 0;
        if is_stored {
            totals.dispatched += 1;
            self.counts.dispatched(event.spi());
        }
        is_stored
    }
}

/// An event whose listeners were called, and of which what they pushed could not be stored.
pub(crate) struct NotStored<'d>(Box<Decision<'d>>);

fn flow_rule(config: &Config) -> Result<FlowRule, FeedError> {
    if let Some(redis) = &config.flow.redis {
        #[cfg(feature = "redis")]
        return FlowRule::in_redis(redis).map_err(FeedError::Redis);
        #[cfg(not(feature = "redis"))]
        {
            let _ = redis;
            return Err(FeedError::NoRedis);
        }
    }
    let bound = NonZeroUsize::new(config.flow.max_pending).unwrap_or(NonZeroUsize::MIN);
    Ok(FlowRule::new(bound))
}

fn pipeline(config: &Config, flow: &Arc<FlowRule>) -> Result<Pipeline, FeedError> {
    let limits = Limits {
        line_bytes: config.intake.max_line,
        depth: config.intake.max_depth,
    };
    let lifetime = u32::try_from(config.flow.code_lifetime.as_secs()).unwrap_or(u32::MAX);
    let mut pipeline = Pipeline::new(Arc::clone(flow))
        .with_limits(limits)
        .with_code_lifetime(lifetime);
    if let Some(issuer) = &config.issuer {
        pipeline = pipeline.with_issuer(issuer).map_err(FeedError::Issuer)?;
    }
    if let Some(clients) = &config.clients {
        let clients = ClientRegistry::load(clients).map_err(FeedError::Clients)?;
        pipeline = pipeline.with_clients(Arc::new(clients));
    }
    Ok(pipeline)
}

#[cold]
fn refused(refusal: &Refusal, totals: &mut Totals) {
    totals.refused += 1;
    if refusal.is_retryable() {
        say!(NOT_DECIDED, "{refusal}");
    } else {
        say!(EVENT_REFUSED, "{refusal}");
    }
}

#[cold]
fn ignored(why: &Ignored, totals: &mut Totals) {
    totals.ignored += 1;
    say!(EXCHANGE_IGNORED, "{why}");
}

#[cold]
fn dropped(evicted: &Evicted, totals: &mut Totals) {
    totals.dropped += 1;
    say!(PENDING_DROPPED, "{evicted}");
}
