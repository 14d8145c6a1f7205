//! Events to try a listener with.

use std::time::{SystemTime, UNIX_EPOCH};

use op_listener_abi::spi;
use serde::Serialize;

use super::draft::{Claims, Draft, Members, Rendered, object_text, raw};
use crate::ffi::drive;
use crate::{OwnedAccessTokenIssueEvent, OwnedIdTokenIssueEvent, OwnedSubjectAuthAndConsentEvent};

/// The issuer of events that name no other.
pub const ISSUER: &str = "https://op.example.com";
/// The client of events that name no other.
pub const CLIENT_ID: &str = "000123";
/// The local subject of events that name no other.
pub const SUBJECT: &str = "alice";

/// An event of the test kit: each of [`IdTokenIssue`], [`AccessTokenIssue`] and
/// [`SubjectAuthAndConsent`].
pub trait TestEvent: sealed::Sealed {}

mod sealed {
    /// What a host knows of an event's type.
    pub trait Sealed {
        const SPI: u32;
        const NAME: &'static str;

        fn render(&self) -> super::super::draft::Rendered;
    }
}

macro_rules! test_event {
    ($event:ident, $owned:ident, $spi:ident, $name:literal, $claims:expr) => {
        impl TestEvent for $event {}

        impl sealed::Sealed for $event {
            const SPI: u32 = spi::$spi;
            const NAME: &'static str = $name;

            fn render(&self) -> Rendered {
                self.0.render(Self::SPI)
            }
        }

        impl Default for $event {
            fn default() -> Self {
                Self::new()
            }
        }

        impl std::fmt::Debug for $event {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.to_event(), f)
            }
        }

        impl $event {
            /// An ordinary event. Its `id` is one that no other event of this process has.
            pub fn new() -> Self {
                Self(Draft::new($claims))
            }

            /// Sets the event's `id`.
            #[must_use]
            pub fn id(mut self, id: &str) -> Self {
                id.clone_into(&mut self.0.id);
                self
            }

            /// Sets `txn`. There is none otherwise.
            #[must_use]
            pub fn txn(mut self, txn: &str) -> Self {
                self.0.txn = Some(txn.to_owned());
                self
            }

            /// Sets when it happened. Otherwise at 1,760,000,000 seconds.
            ///
            /// # Panics
            ///
            /// `time` is before the Unix epoch.
            #[must_use]
            pub fn time(mut self, time: SystemTime) -> Self {
                let since = time.duration_since(UNIX_EPOCH);
                let micros = since
                    .ok()
                    .and_then(|since| since.as_micros().try_into().ok());
                self.0.time_micros = micros.expect("events happen after the Unix epoch");
                self
            }

            /// Sets the issuer. Otherwise [`ISSUER`].
            #[must_use]
            pub fn issuer(mut self, issuer: &str) -> Self {
                issuer.clone_into(&mut self.0.issuer);
                self
            }

            /// Sets the client. Otherwise [`CLIENT_ID`]. The client's metadata stay as they are.
            #[must_use]
            pub fn client_id(mut self, client_id: &str) -> Self {
                client_id.clone_into(&mut self.0.client_id);
                self
            }

            /// Sets the local subject. Otherwise [`SUBJECT`].
            #[must_use]
            pub fn subject(mut self, subject: &str) -> Self {
                self.0.subject = Some(subject.to_owned());
                self
            }

            /// Sets the registered metadata of the client: a map or a struct.
            ///
            /// # Panics
            ///
            /// `client` does not serialise to a JSON object.
            #[must_use]
            pub fn client(mut self, client: &(impl Serialize + ?Sized)) -> Self {
                self.0.client = Some(object_text(raw(client).get()));
                self
            }

            /// Leaves out the client's metadata, as of a client that the host does not know.
            #[must_use]
            pub fn without_client(mut self) -> Self {
                self.0.client = None;
                self
            }

            /// Sets a member that has no method here, such as one that a provider adds of its own.
            ///
            /// # Panics
            ///
            /// `value` does not serialise.
            #[must_use]
            pub fn member(mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Self {
                self.0.more.set(name, value);
                self
            }

            /// Leaves out a member that was set.
            #[must_use]
            pub fn without_member(mut self, name: &str) -> Self {
                self.0.more.remove(name);
                self
            }

            /// The event's `id`, as listeners see it.
            pub fn event_id(&self) -> &str {
                &self.0.id
            }

            /// The event as listeners get it, to try functions that take one.
            pub fn to_event(&self) -> $owned {
                let rendered = sealed::Sealed::render(self);
                $owned::new(drive::own(&rendered.event()))
            }
        }
    };
}

macro_rules! token_claims {
    ($event:ident) => {
        impl $event {
            /// Sets one claim, beside those of an ordinary token: `iss`, `sub`, `aud`, `iat` and
            /// `exp`.
            ///
            /// # Panics
            ///
            /// `value` does not serialise.
            #[must_use]
            pub fn claim(mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Self {
                self.0.set_claim(name, value);
                self
            }

            /// Sets the whole claims set: a map or a struct.
            ///
            /// # Panics
            ///
            /// `claims` does not serialise to a JSON object.
            #[must_use]
            pub fn claims(self, claims: &(impl Serialize + ?Sized)) -> Self {
                self.claims_json(raw(claims).get())
            }

            /// Sets the whole claims set as text, which listeners get to the letter.
            ///
            /// # Panics
            ///
            /// `claims` is not one JSON object.
            #[must_use]
            pub fn claims_json(mut self, claims: &str) -> Self {
                self.0.claims = Claims::Text(object_text(claims));
                self
            }
        }
    };
}

/// An ID token was issued.
#[derive(Clone)]
pub struct IdTokenIssue(Draft);

test_event!(
    IdTokenIssue,
    OwnedIdTokenIssueEvent,
    ID_TOKEN_ISSUE,
    "id_token_issue",
    Claims::Ordinary(Members::default())
);
token_claims!(IdTokenIssue);

/// An access token was issued.
#[derive(Clone)]
pub struct AccessTokenIssue(Draft);

test_event!(
    AccessTokenIssue,
    OwnedAccessTokenIssueEvent,
    ACCESS_TOKEN_ISSUE,
    "access_token_issue",
    Claims::Ordinary(Members::default())
);
token_claims!(AccessTokenIssue);

impl AccessTokenIssue {
    /// Leaves out the subject, as of client credentials.
    #[must_use]
    pub fn without_subject(mut self) -> Self {
        self.0.subject = None;
        self
    }
}

/// A subject was authenticated and consented. None of its optional members is there until it is
/// set.
#[derive(Clone)]
pub struct SubjectAuthAndConsent(Draft);

test_event!(
    SubjectAuthAndConsent,
    OwnedSubjectAuthAndConsentEvent,
    SUBJECT_AUTH_AND_CONSENT,
    "subject_auth_and_consent",
    Claims::Absent
);

impl SubjectAuthAndConsent {
    /// Sets the claims set of the ID token that is issued: a map or a struct.
    ///
    /// # Panics
    ///
    /// `claims` does not serialise to a JSON object.
    #[must_use]
    pub fn id_token_claims(self, claims: &(impl Serialize + ?Sized)) -> Self {
        self.id_token_claims_json(raw(claims).get())
    }

    /// Sets the claims set of the ID token as text, which listeners get to the letter.
    ///
    /// # Panics
    ///
    /// `claims` is not one JSON object.
    #[must_use]
    pub fn id_token_claims_json(mut self, claims: &str) -> Self {
        self.0.claims = Claims::Text(object_text(claims));
        self
    }

    /// Sets the consented scope values.
    #[must_use]
    pub fn scope(self, scope: &[&str]) -> Self {
        self.member("scope", scope)
    }

    /// Sets the consented claim names.
    #[must_use]
    pub fn consented_claims(self, claims: &[&str]) -> Self {
        self.member("consented_claims", claims)
    }

    /// Sets the authorisation data.
    ///
    /// # Panics
    ///
    /// `data` does not serialise.
    #[must_use]
    pub fn authz_data(self, data: &(impl Serialize + ?Sized)) -> Self {
        self.member("authz_data", data)
    }

    /// Sets the subject's session: a map or a struct.
    ///
    /// # Panics
    ///
    /// `session` does not serialise to a JSON object.
    #[must_use]
    pub fn session(self, session: &(impl Serialize + ?Sized)) -> Self {
        let session = raw(session);
        object_text(session.get());
        self.member("session", &session)
    }
}
