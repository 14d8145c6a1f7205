//! The sink: pushes what is queued to the receiver (RFC 8935), and says what came of it. The queue
//! keeps the SETs, as they were signed, and decides when to try again.

mod answer;
mod authorization;
mod report;

use op_listener_api::{Batch, Outcome, Outcomes, Sink};
use ureq::http::HeaderValue;

use crate::client::{Answer, Client, PostError, Route, TlsError, TlsFiles};
use crate::config::DeliverySettings;
use answer::{Mend, Verdict};
pub(crate) use authorization::{Authorization, AuthorizationError};
use report::Reports;

/// The receiver, as the queue sees it.
pub(crate) struct Receiver {
    client: Client,
    authorization: Option<Authorization>,
    receipts: Vec<u16>,
    reports: Reports,
}

/// Kinds of what is to be mended that are no status.
mod kind {
    pub(super) const AUTHORIZATION: u16 = 1;
    pub(super) const ADDRESS: u16 = 2;
    pub(super) const TLS: u16 = 3;
}

impl Receiver {
    /// Looks at the files, and connects to nothing.
    pub(crate) fn new(
        settings: &DeliverySettings,
        authorization: Option<Authorization>,
    ) -> Result<Self, TlsError> {
        let mut permits = settings.permits.clone();
        if let Some(proxy) = &settings.proxy {
            // Whoever names a proxy means it, wherever it is. The rest is for the proxy to say.
            permits.hosts.push(crate::client::guard::bare(proxy.host()));
        }
        let client = Client::new(Route {
            endpoint: settings.endpoint.uri().clone(),
            proxy: settings.proxy.clone(),
            permits,
            tls: settings.endpoint.is_encrypted().then(|| TlsFiles {
                authorities: settings.ca_file.clone(),
                client: settings.client.clone(),
            }),
            timeout: settings.timeout,
            connect_timeout: settings.connect_timeout,
        })?;
        Ok(Self {
            client,
            authorization,
            receipts: settings.success.clone(),
            reports: Reports::new(settings.endpoint.to_string()),
        })
    }

    fn push(&self, set: &[u8]) -> Outcome {
        if let Err(error) = self.client.refresh() {
            tracing::warn!("{error}; what was read before stays in use");
        }
        let verdict = match self.credential() {
            Ok(credential) => self.attempt(set, credential),
            Err(error) => to_mend(kind::AUTHORIZATION, &error),
        };
        match &verdict.mend {
            Some(mend) => self.reports.to_mend(mend),
            None if verdict.outcome.is_delivered() => self.reports.received(),
            None => {}
        }
        verdict.outcome
    }

    fn credential(&self) -> Result<Option<HeaderValue>, AuthorizationError> {
        let authorization = self.authorization.as_ref();
        authorization.map(Authorization::value).transpose()
    }

    fn attempt(&self, set: &[u8], mut credential: Option<HeaderValue>) -> Verdict {
        let mut answer = self.client.post(set, credential.as_ref());
        if let Ok(Answer { status: 401, .. }) = answer
            && let Ok(Some(now)) = self.credential()
            && Some(&now) != credential.as_ref()
        {
            // It was renewed while the old one was on its way.
            answer = self.client.post(set, Some(&now));
            credential = Some(now);
        }
        match answer {
            Ok(answer) => Verdict::of(&answer, &self.receipts, credential.as_ref()),
            Err(error @ PostError::Refused(_)) => to_mend(kind::ADDRESS, &error),
            Err(error @ PostError::Distrust(_)) => to_mend(kind::TLS, &error),
            Err(error) => Verdict {
                outcome: Outcome::retry(error),
                mend: None,
            },
        }
    }
}

fn to_mend(kind: u16, error: &dyn std::error::Error) -> Verdict {
    let text = answer::clean(&error.to_string(), 1000);
    Verdict {
        outcome: Outcome::retry(&text),
        mend: Some(Mend { kind, text }),
    }
}

impl Sink for Receiver {
    fn deliver(&self, batch: &Batch<'_>) -> Outcomes {
        let messages = batch.iter();
        messages
            .map(|message| self.push(message.payload()))
            .collect()
    }
}
