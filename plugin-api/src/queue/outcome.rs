//! What became of messages.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest reason and answer that are kept, in bytes.
const LONGEST: usize = 4096;

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Delivered,
    Retry(Failure),
    Dead(Failure),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Failure {
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

impl Outcome {
    /// It arrived. The message is done with.
    pub fn delivered() -> Self {
        Self(Kind::Delivered)
    }

    /// It did not arrive this time: a time-out, a receiver that is busy or gone. It is tried again
    /// after a while, until its attempts are used up. The reason is for operators.
    pub fn retry(reason: impl fmt::Display) -> Self {
        Self(Kind::Retry(Failure::new(&reason)))
    }

    /// It was refused for good: to try again would come to the same. The message is kept as a dead
    /// letter, with the reason, for operators to look at and to try again.
    pub fn dead(reason: impl fmt::Display) -> Self {
        Self(Kind::Dead(Failure::new(&reason)))
    }

    /// How long the receiver asks to be left alone (`Retry-After`, RFC 9110 section 10.2.3). No
    /// attempt is made sooner, though it may be later. Matters with [`Outcome::retry`] alone; more
    /// than a day counts as a day.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        if let Kind::Retry(failure) = &mut self.0 {
            failure.after_ms = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        }
        self
    }

    /// The receiver's status, such as that of HTTP.
    #[must_use]
    pub fn status(mut self, status: u32) -> Self {
        if let Some(failure) = self.failure_mut() {
            failure.status = Some(status);
        }
        self
    }

    /// What the receiver answered, of which the first 4,096 bytes are kept. Not the place for
    /// credentials: operators see it.
    #[must_use]
    pub fn answer(mut self, answer: impl Into<String>) -> Self {
        if let Some(failure) = self.failure_mut() {
            failure.answer = Some(bounded(answer.into()));
        }
        self
    }

    /// Whether it arrived.
    pub fn is_delivered(&self) -> bool {
        self.0 == Kind::Delivered
    }

    /// Whether it is to be tried again.
    pub fn is_retry(&self) -> bool {
        matches!(self.0, Kind::Retry(_))
    }

    /// Whether it was refused for good.
    pub fn is_dead(&self) -> bool {
        matches!(self.0, Kind::Dead(_))
    }

    /// Why it did not arrive.
    pub fn reason(&self) -> Option<&str> {
        self.failure().map(|failure| &*failure.reason)
    }

    /// How long the receiver asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.failure()?.after_ms.map(Duration::from_millis)
    }

    fn failure(&self) -> Option<&Failure> {
        match &self.0 {
            Kind::Delivered => None,
            Kind::Retry(failure) | Kind::Dead(failure) => Some(failure),
        }
    }

    fn failure_mut(&mut self) -> Option<&mut Failure> {
        match &mut self.0 {
            Kind::Delivered => None,
            Kind::Retry(failure) | Kind::Dead(failure) => Some(failure),
        }
    }
}

impl Failure {
    fn new(reason: &dyn fmt::Display) -> Self {
        Self {
            reason: bounded(reason.to_string()),
            after_ms: None,
            status: None,
            answer: None,
        }
    }
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

/// What became of the messages of a batch: one [`Outcome`] for all, or one for each, in the order of
/// the batch. Collected from an iterator of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes(Each);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Each {
    All(Outcome),
    Outcomes(Vec<Outcome>),
}

impl Outcomes {
    /// All arrived.
    pub fn delivered() -> Self {
        Self(Each::All(Outcome::delivered()))
    }

    /// The same became of all: nothing could be sent, say.
    pub fn all(outcome: Outcome) -> Self {
        Self(Each::All(outcome))
    }

    /// Reads the form that crosses, for a batch of that many messages. Those of which nothing is said
    /// are to be tried again.
    #[cfg(feature = "testing")]
    pub(crate) fn from_wire(
        text: &str,
        messages: usize,
    ) -> Result<Vec<Outcome>, serde_json::Error> {
        let each = match text {
            "" => Each::All(Outcome::delivered()),
            text => serde_json::from_str(text)?,
        };
        let mut each = match each {
            Each::All(outcome) => vec![outcome; messages],
            Each::Outcomes(each) => each,
        };
        each.resize_with(messages, || Outcome::retry("the sink says nothing of it"));
        Ok(each)
    }

    /// The form that crosses to the host for a batch of that many messages; empty where all arrived.
    pub(super) fn to_wire(&self, messages: usize) -> Result<String, serde_json::Error> {
        let delivered = match &self.0 {
            Each::All(outcome) => outcome.is_delivered(),
            Each::Outcomes(each) => {
                each.len() == messages && each.iter().all(Outcome::is_delivered)
            }
        };
        if delivered {
            return Ok(String::new());
        }
        serde_json::to_string(&self.0)
    }
}

impl From<Outcome> for Outcomes {
    fn from(outcome: Outcome) -> Self {
        Self::all(outcome)
    }
}

impl FromIterator<Outcome> for Outcomes {
    fn from_iter<I: IntoIterator<Item = Outcome>>(each: I) -> Self {
        Self(Each::Outcomes(each.into_iter().collect()))
    }
}
