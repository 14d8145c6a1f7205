//! `CloudEvents` 1.0.2, structured content mode, JSON format. Extension attributes have names of
//! lower-case letters and digits and scalar values (section "Naming Conventions"); the chain closes
//! the record with `sequence`, `prevhash` and `hash`.

use super::json::Members;
use super::{Entry, Filter};

pub(super) fn write(entry: &Entry<'_, '_>, filter: &Filter<'_>, out: &mut Vec<u8>) {
    let mut record = Members::open(out);
    record.string("specversion", "1.0");
    record.string("id", entry.id);
    record.string("source", entry.issuer);
    record.string("type", entry.kind.uri());
    // Not empty where it is there at all.
    if let Some(subject) = entry.subject.filter(|subject| !subject.is_empty()) {
        record.string("subject", subject);
    }
    record.string("time", &entry.time().to_string());
    record.string("datacontenttype", "application/json");
    if let Some(txn) = entry.txn {
        record.string("txn", txn);
    }
    if let Some(set) = entry.set {
        record.string("set", set);
    }
    record.object("data", |data| {
        data.string("client_id", entry.client_id);
        if let Some(subject) = entry.subject {
            data.string("subject", subject);
        }
        entry.write_details(filter, data);
    });
}
