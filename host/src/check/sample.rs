//! Events to send: an ordinary one of each kind, to be changed by the checks.

use op_listener_abi::{EVENT_SCHEMA, Event, Text};

use crate::Spi;
use crate::ffi::spi_number;

/// An event in the making. All texts are what the event format allows, unless a check says
/// otherwise.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) spi: u32,
    pub(super) schema: u32,
    pub(super) time_micros: u64,
    pub(super) id: String,
    pub(super) txn: Option<String>,
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) subject: Option<String>,
    pub(super) claims: Option<String>,
    pub(super) client: Option<String>,
    pub(super) more: Option<String>,
}

/// An ordinary claims set with room for more members.
const CLAIMS: &str = r#""iss":"https://op.example.com","sub":"alice","aud":["000123"],"iat":1760000000,"exp":1760003600,"auth_time":1759999990,"acr":"urn:example:acr:basic","amr":["pwd","otp"],"email":"alice@example.com","email_verified":true,"address":{"country":"BG","locality":"Sofia"},"scope":"openid email""#;

impl Sample {
    /// An event with all members.
    pub(super) fn ordinary(spi: Spi) -> Self {
        let more = match spi {
            Spi::IdTokenIssue | Spi::AccessTokenIssue => r#"{"grant":"authorization_code"}"#,
            Spi::SubjectAuthAndConsent => {
                r#"{"scope":["openid","email"],"consented_claims":["email"],"authz_data":{"order":[1,2]},"session":{"sid":"s-1","auth_time":1759999990,"acr":"1","amr":["pwd"],"expires_at":1790000000}}"#
            }
        };
        Self {
            spi: spi_number(spi),
            schema: EVENT_SCHEMA,
            time_micros: 1_760_000_000_000_000,
            id: "check-event-1".to_owned(),
            txn: Some("check-txn-1".to_owned()),
            issuer: "https://op.example.com".to_owned(),
            client_id: "000123".to_owned(),
            subject: Some("alice".to_owned()),
            claims: Some(format!("{{{CLAIMS}}}")),
            client: Some(
                r#"{"client_id":"000123","client_name":"Example app","redirect_uris":["https://app.example.com/callback"]}"#
                    .to_owned(),
            ),
            more: Some(more.to_owned()),
        }
    }

    /// An event with no more than it needs.
    pub(super) fn minimal(spi: Spi) -> Self {
        let subject = (spi != Spi::AccessTokenIssue).then(|| "alice".to_owned());
        let claims = (spi != Spi::SubjectAuthAndConsent).then(|| "{}".to_owned());
        Self {
            txn: None,
            subject,
            claims,
            client: None,
            more: None,
            ..Self::ordinary(spi)
        }
    }

    /// An ordinary event with these members added to its claims set.
    pub(super) fn claiming(spi: Spi, members: &str) -> Self {
        Self {
            claims: Some(format!("{{{CLAIMS},{members}}}")),
            ..Self::ordinary(spi)
        }
    }

    /// The same with another id.
    pub(super) fn numbered(mut self, number: u64) -> Self {
        self.id = format!("check-event-{number}");
        self
    }

    pub(super) fn event(&self) -> Event<'_> {
        Event {
            spi: self.spi,
            schema: self.schema,
            time_micros: self.time_micros,
            id: Text::new(&self.id),
            txn: Text::from_option(self.txn.as_deref()),
            issuer: Text::new(&self.issuer),
            client_id: Text::new(&self.client_id),
            subject: Text::from_option(self.subject.as_deref()),
            claims: Text::from_option(self.claims.as_deref()),
            client: Text::from_option(self.client.as_deref()),
            more: Text::from_option(self.more.as_deref()),
        }
    }
}
