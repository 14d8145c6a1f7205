//! The native format: `{"event":{…},"set":"…",` and the chain. The event has the members of the
//! provider's event format, so it can be handed to a host again.

use super::json::Members;
use super::{Entry, Filter};

pub(super) fn write(entry: &Entry<'_, '_>, filter: &Filter<'_>, out: &mut Vec<u8>) {
    let mut record = Members::open(out);
    record.object("event", |event| {
        event.string("type", entry.kind.name());
        event.string("id", entry.id);
        if let Some(txn) = entry.txn {
            event.string("txn", txn);
        }
        event.raw("time", &entry.time().unix_seconds());
        event.string("issuer", entry.issuer);
        event.string("client_id", entry.client_id);
        if let Some(subject) = entry.subject {
            event.string("subject", subject);
        }
        entry.write_details(filter, event);
    });
    if let Some(set) = entry.set {
        record.string("set", set);
    }
}
