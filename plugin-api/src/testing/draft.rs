//! What the three events of the test kit are made of.

use std::sync::atomic::{AtomicU64, Ordering};

use op_listener_abi::{EVENT_SCHEMA, Event, Text};
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::{CLIENT_ID, ISSUER, SUBJECT};
use crate::JsonObject;

/// The members of a JSON object, in order; a name that is set again keeps its place.
#[derive(Clone, Default)]
pub(super) struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    pub(super) fn set(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        let value = raw(value);
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some(member) => member.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// The object's text, if there is any member.
    fn text(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let members = self.0.iter().map(|(name, value)| {
            let name = serde_json::Value::from(name.as_str());
            format!("{name}:{value}")
        });
        Some(format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
    }
}

pub(super) fn raw(value: &(impl Serialize + ?Sized)) -> Box<RawValue> {
    to_raw_value(value).expect("a member of an event has to serialise")
}

/// Text that a host would have checked to be a JSON object.
pub(super) fn object_text(text: &str) -> String {
    if let Err(error) = JsonObject::parse(text) {
        panic!("an event has JSON objects for claims and clients, and this is none: {error}");
    }
    text.to_owned()
}

#[derive(Clone)]
pub(super) enum Claims {
    /// Those of an ordinary token, and these.
    Ordinary(Members),
    /// This very object.
    Text(String),
    Absent,
}

/// What is common to the three.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) txn: Option<String>,
    pub(super) time_micros: u64,
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) subject: Option<String>,
    pub(super) claims: Claims,
    pub(super) client: Option<String>,
    pub(super) more: Members,
}

impl Draft {
    pub(super) fn new(claims: Claims) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);

        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let client = json!({
            "client_id": CLIENT_ID,
            "client_name": "Example app",
            "redirect_uris": ["https://app.example.com/callback"],
        });
        Self {
            id: format!("test-event-{number}"),
            txn: None,
            time_micros: 1_760_000_000_000_000,
            issuer: ISSUER.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            subject: Some(SUBJECT.to_owned()),
            claims,
            client: Some(client.to_string()),
            more: Members::default(),
        }
    }

    pub(super) fn set_claim(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        match &mut self.claims {
            Claims::Ordinary(members) => members.set(name, value),
            Claims::Text(_) | Claims::Absent => {
                let mut members = Members::default();
                if let Claims::Text(text) = &self.claims {
                    let given = JsonObject::parse(text).expect("it was checked when it was set");
                    for (name, value) in given.iter() {
                        members.set(name, value);
                    }
                }
                members.set(name, value);
                self.claims = Claims::Text(members.text().expect("there is a member now"));
            }
        }
    }

    /// The claims of a token as it is issued at the time of the event for an hour.
    fn claims(&self) -> Option<String> {
        let given = match &self.claims {
            Claims::Ordinary(given) => given,
            Claims::Text(text) => return Some(text.clone()),
            Claims::Absent => return None,
        };
        let issued_at = self.time_micros / 1_000_000;
        let mut all = Members::default();
        all.set("iss", &self.issuer);
        // As RFC 9068 section 2.2 has it where there is no end-user.
        all.set("sub", self.subject.as_ref().unwrap_or(&self.client_id));
        all.set("aud", &self.client_id);
        all.set("iat", &issued_at);
        all.set("exp", &(issued_at + 3600));
        for (name, value) in &given.0 {
            all.set(name, value);
        }
        all.text()
    }

    pub(super) fn render(&self, spi: u32) -> Rendered {
        Rendered {
            spi,
            claims: self.claims(),
            more: self.more.text(),
            draft: self.clone(),
        }
    }
}

/// An event whose texts are made.
pub struct Rendered {
    spi: u32,
    draft: Draft,
    claims: Option<String>,
    more: Option<String>,
}

impl Rendered {
    pub(super) fn event(&self) -> Event<'_> {
        let draft = &self.draft;
        Event {
            spi: self.spi,
            schema: EVENT_SCHEMA,
            time_micros: draft.time_micros,
            id: Text::new(&draft.id),
            txn: Text::from_option(draft.txn.as_deref()),
            issuer: Text::new(&draft.issuer),
            client_id: Text::new(&draft.client_id),
            subject: Text::from_option(draft.subject.as_deref()),
            claims: Text::from_option(self.claims.as_deref()),
            client: Text::from_option(draft.client.as_deref()),
            more: Text::from_option(self.more.as_deref()),
        }
    }
}
