#![doc = include_str!("../README.md")]

mod aws;
mod body;
mod config;
mod publisher;
mod sink;

use op_listener_api::{
    AccessTokenIssueEvent, AccessTokenIssueEventListener, Error, EventContext, IdTokenIssueEvent,
    IdTokenIssueEventListener, InitContext, Lifecycle, SubjectAuthAndConsentEvent,
    SubjectAuthAndConsentEventListener,
};

use body::{Entry, Kind};
use publisher::Publisher;

op_listener_api::export! {
    vendor = "The op-listener developers";
    IdTokenIssueEventListener for TokenEventSqsPublisher,
    AccessTokenIssueEventListener for TokenEventSqsPublisher,
    SubjectAuthAndConsentEventListener for SubjectEventSqsPublisher,
}

/// Publishes an event of each ID token and each access token that is issued.
pub struct TokenEventSqsPublisher {
    /// `None` while it is switched off.
    publisher: Option<Publisher>,
}

/// Publishes an event of each subject who was authenticated and consented.
pub struct SubjectEventSqsPublisher {
    /// `None` while it is switched off.
    publisher: Option<Publisher>,
}

macro_rules! life_of {
    ($listener:ident) => {
        impl Lifecycle for $listener {
            fn init(context: &InitContext<'_>) -> Result<Self, Error> {
                Publisher::init(context).map(|publisher| Self { publisher })
            }

            fn is_enabled(&self) -> bool {
                self.publisher.is_some()
            }
        }
    };
}

life_of!(TokenEventSqsPublisher);
life_of!(SubjectEventSqsPublisher);

impl IdTokenIssueEventListener for TokenEventSqsPublisher {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let Some(publisher) = &self.publisher else {
            return Ok(());
        };
        let entry = Entry {
            kind: Kind::IdTokenIssue,
            id: event.id(),
            txn: event.txn(),
            time_micros: event.time_micros(),
            issuer: context.issuer(),
            client_id: event.client_id(),
            subject: Some(event.subject()),
            claims: Some(event.claims()),
            more: event.more(),
        };
        publisher.publish(&entry, event, context)
    }
}

impl AccessTokenIssueEventListener for TokenEventSqsPublisher {
    fn access_token_issued(
        &self,
        event: &AccessTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let Some(publisher) = &self.publisher else {
            return Ok(());
        };
        let entry = Entry {
            kind: Kind::AccessTokenIssue,
            id: event.id(),
            txn: event.txn(),
            time_micros: event.time_micros(),
            issuer: context.issuer(),
            client_id: event.client_id(),
            subject: event.subject(),
            claims: Some(event.claims()),
            more: event.more(),
        };
        publisher.publish(&entry, event, context)
    }
}

impl SubjectAuthAndConsentEventListener for SubjectEventSqsPublisher {
    fn subject_authenticated_and_consented(
        &self,
        event: &SubjectAuthAndConsentEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let Some(publisher) = &self.publisher else {
            return Ok(());
        };
        let entry = Entry {
            kind: Kind::SubjectAuthAndConsent,
            id: event.id(),
            txn: event.txn(),
            time_micros: event.time_micros(),
            issuer: context.issuer(),
            client_id: event.client_id(),
            subject: Some(event.subject()),
            claims: event.id_token_claims(),
            more: event.more(),
        };
        publisher.publish(&entry, event, context)
    }
}
