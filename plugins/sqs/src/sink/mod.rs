//! Takes batches of the delivery queue to SQS, and says what became of each message.

mod batch;
mod send;
mod verdict;

use std::sync::{Mutex, PoisonError};

use op_listener_api::{Batch, Outcome, Outcomes, Sink};
use serde_json::json;

use crate::aws::{AwsError, Service};
use crate::config::Target;
use batch::{Entry, parts};
use verdict::Verdict;

/// The queue of SQS.
pub(crate) struct SqsSink {
    service: Service,
    is_fifo: bool,
    /// Of a queue that is configured by name: its URL, once SQS was asked.
    url: Mutex<Option<String>>,
}

impl SqsSink {
    /// Connects to nothing yet.
    pub(crate) const fn new(service: Service, is_fifo: bool) -> Self {
        Self {
            service,
            is_fifo,
            url: Mutex::new(None),
        }
    }

    /// The queue's URL.
    fn url(&self) -> Result<String, AwsError> {
        let (name, owner) = match self.service.target() {
            Target::Url(url) => return Ok(url.clone()),
            Target::Name { name, owner } => (name, owner),
        };
        let mut known = self.url.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(url) = &*known {
            return Ok(url.clone());
        }
        let mut parameters = json!({ "QueueName": name });
        if let Some(owner) = owner {
            parameters["QueueOwnerAWSAccountId"] = owner.as_str().into();
        }
        let answer = self
            .service
            .call("GetQueueUrl", parameters.to_string().as_bytes())?;
        let answer: serde_json::Value =
            serde_json::from_slice(&answer).map_err(|_| AwsError::NotUnderstood(200))?;
        let url = answer["QueueUrl"].as_str();
        let url = url.ok_or(AwsError::NotUnderstood(200))?.to_owned();
        *known = Some(url.clone());
        Ok(url)
    }

    /// Asks anew for the URL of a queue that is not where it was.
    fn forget_url(&self) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Sends one request, and says what became of each of its entries.
    fn send(&self, entries: &[&Entry<'_>]) -> Result<Vec<Outcome>, AwsError> {
        let url = self.url()?;
        let request = send::request(&url, entries);
        let answer = self.service.call("SendMessageBatch", &request)?;
        send::outcomes(&answer, entries.len())
    }
}

impl Sink for SqsSink {
    fn deliver(&self, batch: &Batch<'_>) -> Outcomes {
        let entries: Vec<_> = batch
            .iter()
            .map(|message| Entry::of(message, self.is_fifo))
            .collect();
        let mut outcomes: Vec<Option<Outcome>> = vec![None; batch.len()];
        let mut waiting = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match entry {
                Ok(entry) => waiting.push((index, entry)),
                Err(why) => outcomes[index] = Some(Outcome::dead(why)),
            }
        }
        // The next one to send is the last.
        let mut parts = parts(&waiting);
        parts.reverse();
        while let Some(part) = parts.pop() {
            let sent: Vec<_> = part.iter().map(|(_, entry)| *entry).collect();
            match self.send(&sent) {
                Ok(became) => {
                    for ((index, _), outcome) in part.iter().zip(became) {
                        outcomes[*index] = Some(outcome);
                    }
                }
                Err(error) => match verdict::of_error(&error) {
                    // One of them may be at fault for all: each by itself tells which.
                    Verdict::Dead if part.len() > 1 => {
                        parts.extend(part.iter().rev().map(|one| vec![*one]));
                    }
                    verdict => {
                        if verdict::is_about_the_queue(&error) {
                            self.forget_url();
                        }
                        let outcome = verdict::outcome(verdict, &error);
                        for (index, _) in part {
                            outcomes[index] = Some(outcome.clone());
                        }
                        if verdict == Verdict::Retry {
                            // The others would fare no better now.
                            let rest = outcomes.iter_mut().filter(|became| became.is_none());
                            rest.for_each(|became| *became = Some(outcome.clone()));
                            break;
                        }
                    }
                },
            }
        }
        let unsaid = || Outcome::retry("nothing was said of it");
        outcomes
            .into_iter()
            .map(|became| became.unwrap_or_else(unsaid))
            .collect()
    }
}

#[cfg(test)]
mod tests;
