//! The shape `cloudevents`: `CloudEvents` 1.0.2, structured content mode, JSON format. Constants are
//! extension attributes.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::json::Members;
use super::{Entry, write_constants, write_details};
use crate::config::Payload;

/// The attributes that it has of its own, which no constant may be named after.
pub(crate) const ATTRIBUTES: [&str; 11] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
    "database64",
    "txn",
];

/// RFC 3339.
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

pub(super) fn write(entry: &Entry<'_, '_>, payload: &Payload, members: &mut Members<'_>) {
    members.string("specversion", "1.0");
    members.string("id", entry.id);
    members.string("source", entry.issuer);
    members.string("type", entry.kind.uri());
    // Not empty where it is there at all.
    if let Some(subject) = entry.subject.filter(|subject| !subject.is_empty()) {
        members.string("subject", subject);
    }
    // Optional; the event format has no time that has no such text.
    if let Some(time) = time_text(entry.time_micros) {
        members.string("time", &time);
    }
    members.string("datacontenttype", "application/json");
    if let Some(txn) = entry.txn {
        members.string("txn", txn);
    }
    write_constants(payload, members);
    members.object("data", |data| {
        data.string("client_id", entry.client_id);
        if let Some(subject) = entry.subject {
            data.string("subject", subject);
        }
        write_details(entry, payload, data, |_| false);
    });
}

fn time_text(micros: u64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()?;
    time.format(TIME).ok()
}
