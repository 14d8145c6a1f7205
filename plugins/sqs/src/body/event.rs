//! The shape `event`: the whole event, with the member names of the provider's event format, so that
//! it can be handed to a host again.

use super::json::Members;
use super::{Entry, write_constants, write_details};
use crate::config::Payload;

/// The members that an event has of its own, which no constant may be named after.
pub(crate) const MEMBERS: [&str; 14] = [
    "type",
    "id",
    "txn",
    "time",
    "issuer",
    "client_id",
    "client",
    "subject",
    "claims",
    "id_token_claims",
    "scope",
    "consented_claims",
    "authz_data",
    "session",
];

pub(super) fn write(entry: &Entry<'_, '_>, payload: &Payload, members: &mut Members<'_>) {
    members.string("type", entry.kind.name());
    members.string("id", entry.id);
    if let Some(txn) = entry.txn {
        members.string("txn", txn);
    }
    members.raw("time", &entry.unix_seconds());
    members.string("issuer", entry.issuer);
    members.string("client_id", entry.client_id);
    if let Some(subject) = entry.subject {
        members.string("subject", subject);
    }
    // Of what the provider adds of its own, an operator's constant takes the place.
    write_details(entry, payload, members, |name| payload.has_constant(name));
    write_constants(payload, members);
}
