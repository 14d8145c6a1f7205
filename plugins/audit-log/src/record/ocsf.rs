//! The Open Cybersecurity Schema Framework: class Authentication (3002) for tokens, Authorize
//! Session (3003) for a subject's consent. What the classes have no place for, and the chain that
//! closes the record, stand in `unmapped`.

use std::borrow::Cow;

use op_listener_api::JsonObject;

use super::json::Members;
use super::{Entry, Filter, Kind};

/// The version of the schema.
pub const SCHEMA_VERSION: &str = "1.8.0";

/// `metadata.product.name`.
const PRODUCT: &str = "op-listener";

/// The class attributes of a kind of event.
struct Class {
    uid: u64,
    name: &'static str,
    activity: u64,
    activity_name: &'static str,
    message: &'static str,
}

/// A consent is what assigns privileges (the scope) to a session. A token that is issued is a stage
/// of authentication: an ID token tells its client that the user has logged on; for an access token
/// the class knows only the words of Kerberos, so it is an `Other` with a name.
const fn class(kind: Kind) -> Class {
    match kind {
        Kind::IdTokenIssue => Class {
            uid: 3002,
            name: "Authentication",
            activity: 1,
            activity_name: "Logon",
            message: "An ID token was issued",
        },
        Kind::AccessTokenIssue => Class {
            uid: 3002,
            name: "Authentication",
            activity: 99,
            activity_name: "Access Token Issue",
            message: "An access token was issued",
        },
        Kind::SubjectAuthAndConsent => Class {
            uid: 3003,
            name: "Authorize Session",
            activity: 1,
            activity_name: "Assign Privileges",
            message: "A subject was authenticated and consented",
        },
    }
}

pub(super) fn write(entry: &Entry<'_, '_>, filter: &Filter<'_>, out: &mut Vec<u8>) {
    let class = class(entry.kind);
    let mut record = Members::open(out);
    record.number("category_uid", 3);
    record.string("category_name", "Identity & Access Management");
    record.number("class_uid", class.uid);
    record.string("class_name", class.name);
    record.number("activity_id", class.activity);
    record.string("activity_name", class.activity_name);
    // The rule of the schema's base event.
    record.number("type_uid", class.uid * 100 + class.activity);
    record.number("severity_id", 1);
    record.string("severity", "Informational");
    record.number("status_id", 1);
    record.string("status", "Success");
    record.number("time", entry.time().millis());
    record.string("message", class.message);
    record.object("metadata", |metadata| write_metadata(entry, metadata));
    record.object("user", |user| write_user(entry, user));
    record.object("actor", |actor| {
        actor.string("app_uid", entry.client_id);
        if let Some(name) = &entry.client_name {
            actor.string("app_name", name);
        }
        actor.object("idp", |idp| {
            idp.string("uid", entry.issuer);
            idp.string("issuer", entry.issuer);
        });
    });
    match entry.kind {
        Kind::IdTokenIssue => write_authentication(entry, filter, &mut record, 4, "OpenID"),
        Kind::AccessTokenIssue => write_authentication(entry, filter, &mut record, 6, "OAUTH 2.0"),
        Kind::SubjectAuthAndConsent => write_consent(entry, filter, &mut record),
    }
    // The chain goes into this object, so it is left open.
    let mut unmapped = record.open_object("unmapped");
    unmapped.object("event", |event| {
        event.string("type", entry.kind.name());
        entry.write_details(filter, event);
    });
    if let Some(set) = entry.set {
        unmapped.string("set", set);
    }
}

fn write_metadata(entry: &Entry<'_, '_>, metadata: &mut Members<'_>) {
    metadata.string("version", SCHEMA_VERSION);
    metadata.object("product", |product| {
        product.string("name", PRODUCT);
        product.string("version", env!("CARGO_PKG_VERSION"));
    });
    metadata.string("uid", entry.id);
    if let Some(txn) = entry.txn {
        metadata.string("correlation_uid", txn);
    }
    metadata.string("event_code", entry.kind.name());
}

/// Where there is no end-user the client acts for itself (RFC 6749 section 4.4).
fn write_user(entry: &Entry<'_, '_>, user: &mut Members<'_>) {
    if let Some(subject) = entry.subject {
        user.string("uid", subject);
        user.number("type_id", 1);
        user.string("type", "User");
    } else {
        user.string("uid", entry.client_id);
        if let Some(name) = &entry.client_name {
            user.string("name", name);
        }
        user.number("type_id", 4);
        user.string("type", "Service");
    }
}

fn write_authentication(
    entry: &Entry<'_, '_>,
    filter: &Filter<'_>,
    record: &mut Members<'_>,
    protocol: u64,
    protocol_name: &'static str,
) {
    record.number("auth_protocol_id", protocol);
    record.string("auth_protocol", protocol_name);
    record.object("service", |service| {
        service.string("uid", entry.client_id);
        if let Some(name) = &entry.client_name {
            service.string("name", name);
        }
    });
    let shown = |claim| entry.claims.filter(|_| filter.claims.shows(claim));
    record.object("authentication_token", |token| {
        if entry.kind == Kind::IdTokenIssue {
            token.number("type_id", 3);
            token.string("type", "Identity Token");
        } else {
            token.number("type_id", 99);
            token.string("type", "Access Token");
        }
        if let Some(jti) = shown("jti").and_then(|claims| claims.string("jti")) {
            token.string("uid", &jti);
        }
        if let Some(time) = shown("iat").and_then(|claims| milliseconds(claims, "iat")) {
            token.number("created_time", time);
        }
        if let Some(time) = shown("exp").and_then(|claims| milliseconds(claims, "exp")) {
            token.number("expiration_time", time);
        }
    });
    write_session(
        entry,
        record,
        shown("sid").and_then(|claims| claims.string("sid")),
        shown("auth_time").and_then(|claims| milliseconds(claims, "auth_time")),
        None,
    );
}

fn write_consent(entry: &Entry<'_, '_>, filter: &Filter<'_>, record: &mut Members<'_>) {
    let scope = entry.more.raw("scope").filter(|_| filter.wants("scope"));
    record.raw("privileges", scope.map_or("[]", |scope| scope.get()));
    let session = entry
        .more
        .raw("session")
        .filter(|_| filter.wants("session"));
    let session = session.and_then(|session| JsonObject::parse(session.get()).ok());
    let session = session.as_ref();
    write_session(
        entry,
        record,
        session.and_then(|session| session.string("sid")),
        session.and_then(|session| milliseconds(session, "auth_time")),
        session.and_then(|session| milliseconds(session, "expires_at")),
    );
}

fn write_session(
    entry: &Entry<'_, '_>,
    record: &mut Members<'_>,
    sid: Option<Cow<'_, str>>,
    created: Option<u64>,
    expires: Option<u64>,
) {
    record.object("session", |session| {
        session.string("issuer", entry.issuer);
        if let Some(sid) = sid {
            session.string("uid", &sid);
        }
        if let Some(created) = created {
            session.number("created_time", created);
        }
        if let Some(expires) = expires {
            session.number("expiration_time", expires);
        }
    });
}

/// A member in Unix seconds as milliseconds, where it is a sensible time. The member itself is
/// recorded as it came, in `unmapped`.
fn milliseconds(object: &JsonObject<'_>, member: &str) -> Option<u64> {
    let seconds: f64 = object.get(member).ok().flatten()?;
    if !(0.0..253_402_300_800.0).contains(&seconds) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    Some((seconds * 1_000.0).round() as u64)
}
