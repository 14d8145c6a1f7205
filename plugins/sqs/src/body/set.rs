//! The shape `set`: a Security Event Token (RFC 8417), signed with the provider's key. It is signed
//! when the event comes, so that it is the same to the byte however often it is sent.

use op_listener_api::set::{SetBuilder, SetSubject};
use op_listener_api::{Error, EventContext};
use serde_json::Value;

use crate::config::Payload;

pub(super) fn sign(
    payload: &Payload,
    event: &impl SetSubject,
    context: &EventContext<'_>,
) -> Result<String, Error> {
    let set = context.jwt_signer().set(event);
    let audience = payload.audience.iter().map(String::as_str);
    let mut set = audience.fold(set, SetBuilder::audience);
    if let Some(names) = payload.claims.listed() {
        set = set.claims(names.iter().map(String::as_str))?;
    }
    for (name, value) in &payload.constants {
        let value: Value = serde_json::from_str(value.get())?;
        set = set.payload(name, value);
    }
    set.sign()
}
