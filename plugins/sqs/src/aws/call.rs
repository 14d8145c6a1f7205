//! Calls of SQS in its JSON protocol (AWS JSON 1.0): signed, and made once more where the answer says
//! that only the credentials or the clock were wrong.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::credentials::{Cache, Chain, Credentials};
use super::endpoint;
use super::locate::{self, Located};
use super::profiles::Profiles;
use super::sign::{Request, sign};
use super::web::Answer;
use super::{AwsError, Environment, Refusal, Web, WebError};
use crate::config::{AwsSettings, Target};

/// Clocks that differ by less are near enough for AWS.
const SKEW: i64 = 240;

/// SQS, as one instance of the listener uses it. Threads share it.
pub(crate) struct Service {
    settings: AwsSettings,
    target: Target,
    environment: Environment,
    web: Web,
    credentials: Cache,
    located: Mutex<Option<Arc<Located>>>,
    /// By how many seconds AWS's clock is ahead of this machine's.
    ahead: AtomicI64,
}

impl Service {
    /// Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// What is set in the configuration, the environment or the shared files cannot be right.
    pub(crate) fn new(
        settings: AwsSettings,
        target: Target,
        environment: Environment,
    ) -> Result<Self, AwsError> {
        let profiles = Profiles::read(&environment)?;
        let endpoint = locate::endpoint(&settings, &target, &environment, &profiles)?;
        let name = locate::profile_name(&settings, &environment);
        let bundle = || {
            let of_profile = || profiles.get(&name)?.get("ca_bundle").cloned();
            let set = environment.get("AWS_CA_BUNDLE").or_else(of_profile)?;
            Some(environment.path(&set))
        };
        let ca_file = settings.ca_file.clone().or_else(bundle);
        let web = match Web::new(ca_file.as_deref(), settings.timeout) {
            Err(WebError::NoCas(_)) if endpoint.as_ref().is_some_and(|to| !to.secure) => {
                Web::without_tls(settings.timeout)
            }
            web => web?,
        };
        if let Some(endpoint) = endpoint.filter(endpoint::Endpoint::is_open_to_others) {
            tracing::warn!(
                endpoint = endpoint.url,
                "messages go over plain http: whoever is on the way can read and change them"
            );
        }
        let chain = Chain {
            environment: environment.clone(),
            web: web.clone(),
            identity: settings.identity.clone(),
            assume_role: settings.assume_role.clone(),
            region: locate::region(&settings, &target, &environment, &profiles),
        };
        Ok(Self {
            settings,
            target,
            environment,
            web,
            credentials: Cache::new(chain),
            located: Mutex::new(None),
            ahead: AtomicI64::new(0),
        })
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// Calls an action with its parameters, and gives the JSON of the answer.
    pub(crate) fn call(&self, action: &str, parameters: &[u8]) -> Result<Vec<u8>, AwsError> {
        let located = self.located()?;
        let credentials = self.credentials.get()?;
        let answer = self.ask(&located, &credentials, action, parameters)?;
        let refusal = match result(&answer) {
            Err(AwsError::Refused(refusal)) => refusal,
            result => return result.map(|()| answer.body),
        };
        let corrected = self.corrects_clock(&refusal, &answer);
        let renewed = if corrected {
            None
        } else {
            self.renewed(&refusal, &credentials)?
        };
        let credentials = match renewed {
            None if !corrected => return Err(AwsError::Refused(refusal)),
            None => credentials,
            Some(renewed) => renewed,
        };
        let answer = self.ask(&located, &credentials, action, parameters)?;
        result(&answer).map(|()| answer.body)
    }

    fn ask(
        &self,
        located: &Located,
        credentials: &Credentials,
        action: &str,
        parameters: &[u8],
    ) -> Result<Answer, AwsError> {
        let target = format!("AmazonSQS.{action}");
        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", &*target),
        ];
        let request = Request {
            service: "sqs",
            region: &located.region,
            host: &located.endpoint.host,
            path: &located.endpoint.path,
            headers: &headers.clone(),
            body: parameters,
        };
        let signature = sign(&request, credentials, self.now());
        headers.extend(signature.iter().map(|(name, value)| (*name, &**value)));
        let url = format!("{}/", located.endpoint.url);
        Ok(self.web.post(&url, &headers, parameters)?)
    }

    fn located(&self) -> Result<Arc<Located>, AwsError> {
        let mut located = self.located.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(located) = &*located {
            return Ok(Arc::clone(located));
        }
        let found = locate::locate(&self.settings, &self.target, &self.environment, &self.web)?;
        let found = Arc::new(found);
        *located = Some(Arc::clone(&found));
        Ok(found)
    }

    /// What AWS's clock shows, as far as is known.
    fn now(&self) -> SystemTime {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let by = Duration::from_secs(ahead.unsigned_abs());
        let now = SystemTime::now();
        if ahead < 0 { now - by } else { now + by }
    }

    /// Learns what AWS's clock shows from an answer that is about time; whether that is news.
    fn corrects_clock(&self, refusal: &Refusal, answer: &Answer) -> bool {
        const CODES: [&str; 4] = [
            "RequestTimeTooSkewed",
            "RequestExpired",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
        ];
        if !CODES.contains(&&*refusal.code) {
            return false;
        }
        let date = answer.header("date");
        let Some(date) = date.and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok()) else {
            return false;
        };
        let off = date.unix_timestamp() - OffsetDateTime::from(self.now()).unix_timestamp();
        if off.abs() < SKEW {
            return false;
        }
        let ahead = self.ahead.fetch_add(off, Ordering::Relaxed) + off;
        tracing::warn!(
            seconds = ahead,
            "AWS's clock is ahead of this machine's; allowing for it"
        );
        true
    }

    /// Other credentials, where those that were used are no good any more and there are any.
    fn renewed(
        &self,
        refusal: &Refusal,
        used: &Arc<Credentials>,
    ) -> Result<Option<Arc<Credentials>>, AwsError> {
        const CODES: [&str; 8] = [
            "ExpiredToken",
            "ExpiredTokenException",
            "TokenRefreshRequired",
            "InvalidToken",
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
            "UnrecognizedClientException",
            "InvalidSignatureException",
        ];
        if !CODES.contains(&&*refusal.code) {
            return Ok(None);
        }
        self.credentials.forget(used);
        let new = self.credentials.get()?;
        let same = new.access_key_id == used.access_key_id
            && new.secret_access_key == used.secret_access_key
            && new.session_token == used.session_token;
        Ok((!same).then_some(new))
    }
}

#[derive(Deserialize)]
struct Refused {
    #[serde(rename = "__type")]
    code: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

/// Whether an answer is a result.
fn result(answer: &Answer) -> Result<(), AwsError> {
    if answer.status == 200 {
        return Ok(());
    }
    if answer.status < 400 {
        return Err(AwsError::NotUnderstood(answer.status));
    }
    let refused: Option<Refused> = serde_json::from_slice(&answer.body).ok();
    let (code, message) = refused.map_or((None, None), |refused| (refused.code, refused.message));
    let header = answer.header("x-amzn-errortype").map(str::to_owned);
    Err(AwsError::Refused(Refusal {
        status: answer.status,
        code: Refusal::bare_code(&code.or(header).unwrap_or_default()),
        message: Refusal::bare_message(&message.unwrap_or_default()),
        retry_after: answer.header("retry-after").and_then(retry_after),
    }))
}

/// In seconds, or until a date (RFC 9110 section 10.2.3).
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(text.trim(), &Rfc2822).ok()?;
    let date = SystemTime::from(date);
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests;
