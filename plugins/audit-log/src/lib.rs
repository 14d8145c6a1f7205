#![doc = include_str!("../README.md")]

pub mod chain;
pub mod claims;
pub mod config;
pub mod log;
pub mod record;
pub mod verify;

use std::cell::RefCell;

use op_listener_api::set::{SetBuilder, SetSubject};
use op_listener_api::{
    AccessTokenIssueEvent, AccessTokenIssueEventListener, Error, EventContext, IdTokenIssueEvent,
    IdTokenIssueEventListener, InitContext, Lifecycle, SubjectAuthAndConsentEvent,
    SubjectAuthAndConsentEventListener,
};

use chain::Body;
use config::{Settings, Switch, Table};
use log::{LateLog, LogError};
use record::{Entry, Filter, Format, Kind};

op_listener_api::export! {
    vendor = "The op-listener developers";
    IdTokenIssueEventListener for AuditLog,
    AccessTokenIssueEventListener for AuditLog,
    SubjectAuthAndConsentEventListener for AuditLog,
}

/// The file in the instance's data directory where no `path` is configured.
const DEFAULT_FILE: &str = "audit.ndjson";

/// Records each event in the audit log.
pub struct AuditLog {
    /// `None` if it is switched off.
    writer: Option<Writer>,
}

struct Writer {
    log: LateLog,
    settings: Settings,
}

impl Lifecycle for AuditLog {
    fn init(context: &InitContext<'_>) -> Result<Self, Error> {
        if !context.config::<Switch>()?.enable {
            return Ok(Self { writer: None });
        }
        let settings = context.config::<Table>()?.check().map_err(Error::config)?;
        let path = match &settings.path {
            Some(path) => context.resolve(path),
            None => context.data_dir()?.join(DEFAULT_FILE),
        };
        let logger = Some(context.logger());
        let log = LateLog::new(&path, &settings.file, logger, context.takes_over());
        let log = log.map_err(at_init)?;
        Ok(Self {
            writer: Some(Writer { log, settings }),
        })
    }

    fn is_enabled(&self) -> bool {
        self.writer.is_some()
    }

    /// The file is closed when the last instance that writes it is shut down.
    fn shutdown(&self) -> Result<(), Error> {
        match &self.writer {
            Some(writer) => Ok(writer.log.close()?),
            None => Ok(()),
        }
    }
}

fn at_init(error: LogError) -> Error {
    if error.is_config() {
        Error::config(error)
    } else {
        Error::from(error)
    }
}

impl IdTokenIssueEventListener for AuditLog {
    fn id_token_issued(
        &self,
        event: &IdTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let entry = Entry {
            kind: Kind::IdTokenIssue,
            id: event.id(),
            txn: event.txn(),
            time_micros: event.time_micros(),
            issuer: context.issuer(),
            client_id: event.client_id(),
            client_name: None,
            subject: Some(event.subject()),
            claims: Some(event.claims()),
            more: event.more(),
            set: None,
        };
        self.record(&entry, event, context)
    }
}

impl AccessTokenIssueEventListener for AuditLog {
    fn access_token_issued(
        &self,
        event: &AccessTokenIssueEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let entry = Entry {
            kind: Kind::AccessTokenIssue,
            id: event.id(),
            txn: event.txn(),
            time_micros: event.time_micros(),
            issuer: context.issuer(),
            client_id: event.client_id(),
            client_name: None,
            subject: event.subject(),
            claims: Some(event.claims()),
            more: event.more(),
            set: None,
        };
        self.record(&entry, event, context)
    }
}

impl SubjectAuthAndConsentEventListener for AuditLog {
    fn subject_authenticated_and_consented(
        &self,
        event: &SubjectAuthAndConsentEvent<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let entry = Entry {
            kind: Kind::SubjectAuthAndConsent,
            id: event.id(),
            txn: event.txn(),
            time_micros: event.time_micros(),
            issuer: context.issuer(),
            client_id: event.client_id(),
            client_name: None,
            subject: Some(event.subject()),
            claims: event.id_token_claims(),
            more: event.more(),
            set: None,
        };
        self.record(&entry, event, context)
    }
}

thread_local! {
    /// Reused for each record of a thread.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A buffer that one large event made larger than this is not kept.
const LARGEST_KEPT_BUFFER: usize = 64 << 10;

impl AuditLog {
    fn record(
        &self,
        entry: &Entry<'_, '_>,
        event: &impl SetSubject,
        context: &EventContext<'_>,
    ) -> Result<(), Error> {
        let Some(Writer { log, settings }) = &self.writer else {
            return Ok(());
        };
        let id = entry.id;
        let format = settings.file.format;
        let client_name = match format {
            Format::Ocsf => context
                .client()
                .and_then(|client| client.string("client_name")),
            Format::Native | Format::CloudEvents => None,
        };
        // An event that cannot be signed is recorded all the same.
        let signed = settings.set.is_on().then(|| {
            let set = context.jwt_signer().set(event);
            let audience = settings.set.audience().iter().map(String::as_str);
            audience.fold(set, SetBuilder::audience).sign()
        });
        let entry = Entry {
            client_name,
            set: signed.as_ref().and_then(|set| set.as_deref().ok()),
            ..*entry
        };

        let mut buffer = BUFFER.take();
        buffer.clear();
        let filter = Filter {
            claims: &settings.claims,
            members: settings.members.as_ref(),
        };
        entry.write(format, &filter, &mut buffer);
        let written = log.append(Body::new(&mut buffer, format));
        if buffer.capacity() <= LARGEST_KEPT_BUFFER {
            BUFFER.set(buffer);
        }
        let about = |error: Error| error.context(format_args!("event {id}"));
        written.map_err(|error| about(error.into()))?;
        match signed {
            Some(Err(error)) => Err(about(error.context("recorded, but without its SET"))),
            _ => Ok(()),
        }
    }
}
