//! A host's side that writes down how listeners use it: for the conformance checks.
//!
//! It serves as [`HostSide`] does, and can be told to refuse. It counts records, and keeps them only
//! where it is asked to, so that it does not show up where memory is measured.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use abi_stable::prefix_type::WithMetadata;
use op_listener_abi::{
    Buffer, HostHandle, HostTable, HostTableRef, LogRecord, Status, Text, level,
};

use super::services::{HostSide, Services};

/// The host as all instances of one check see it. Never freed, as listeners may keep it.
pub(crate) struct Witness {
    side: &'static HostSide,
    /// The most verbose level that is kept.
    level: AtomicU32,
    /// The status with which services are refused; OK for not at all.
    refusing: AtomicU32,
    keeping: AtomicBool,
    ended: AtomicBool,
    records: AtomicU64,
    calls_after_end: AtomicU64,
    seen: Mutex<Seen>,
}

/// What was seen.
#[derive(Default)]
struct Seen {
    kept: Vec<Kept>,
    faults: Vec<String>,
}

/// A record of a listener.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) level: u32,
    /// The message, and the fields as they came.
    pub(crate) text: String,
}

/// Of further records only the number is kept, …
const MOST_KEPT: usize = 2_000;
/// … of faults the first few, which tell enough, …
const MOST_FAULTS: usize = 5;
/// … and of each record this many characters.
const LONGEST_KEPT: usize = 2_000;

impl Witness {
    pub(crate) fn new(name: &str, services: &Arc<Services>, level: u32) -> &'static Self {
        Box::leak(Box::new(Self {
            side: HostSide::new(name, services),
            level: AtomicU32::new(level),
            refusing: AtomicU32::new(Status::OK.0),
            keeping: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            records: AtomicU64::new(0),
            calls_after_end: AtomicU64::new(0),
            seen: Mutex::default(),
        }))
    }

    pub(super) fn handle(&'static self) -> HostHandle {
        HostHandle {
            table: Self::TABLE,
            context: std::ptr::from_ref(self).cast(),
        }
    }

    /// From now on services are refused with that status, or with OK served again.
    pub(crate) fn refuse(&self, status: Status) {
        self.refusing.store(status.0, Relaxed);
    }

    /// From now on records are kept.
    pub(crate) fn keep_records(&self) {
        self.keeping.store(true, Relaxed);
    }

    /// All instances were shut down: services answer that they are closed, and whatever is called
    /// is counted.
    pub(crate) fn end(&self) {
        self.side.close();
        self.ended.store(true, Relaxed);
    }

    /// How many records came.
    pub(crate) fn records(&self) -> u64 {
        self.records.load(Relaxed)
    }

    /// How often the host was called after [`Witness::end`].
    pub(crate) fn calls_after_end(&self) -> u64 {
        self.calls_after_end.load(Relaxed)
    }

    /// The first records since [`Witness::keep_records`].
    pub(crate) fn kept(&self) -> Vec<Kept> {
        self.seen().kept.clone()
    }

    /// What was wrong with records.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.seen().faults.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn called(&self) {
        if self.ended.load(Relaxed) {
            self.calls_after_end.fetch_add(1, Relaxed);
        }
    }

    fn record(&self, record: &LogRecord<'_>) {
        self.records.fetch_add(1, Relaxed);
        let mut seen = self.seen();
        for fault in faults_of(record) {
            if seen.faults.len() < MOST_FAULTS && !seen.faults.contains(&fault) {
                seen.faults.push(fault);
            }
        }
        if self.keeping.load(Relaxed) && seen.kept.len() < MOST_KEPT {
            let lossy = |text| super::services::lossy(text);
            let text = format!("{} {}", lossy(record.message), lossy(record.fields));
            seen.kept.push(Kept {
                level: record.level,
                text: text.chars().take(LONGEST_KEPT).collect(),
            });
        }
    }

    /// # Safety
    ///
    /// `context` is that of a handle made by `handle`.
    unsafe fn from_context(context: *const ()) -> &'static Self {
        // SAFETY: the caller's promise; a `Witness` is never freed and is `Sync`.
        unsafe { &*context.cast::<Self>() }
    }

    abi_stable::staticref! {
        const FIELDS: WithMetadata<HostTable> = WithMetadata::new(HostTable {
            log_enabled,
            log,
            invoke,
        });
    }

    const TABLE: HostTableRef = HostTableRef(Self::FIELDS.as_prefix());
}

type Fields = serde_json::Map<String, serde_json::Value>;

/// What the interface demands of a record.
fn faults_of(record: &LogRecord<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    if !(level::ERROR..=level::TRACE).contains(&record.level) {
        faults.push(format!("a record has level {}", record.level));
    }
    let mut text = |name: &str, text: Text<'_>| {
        let bytes = text.bytes().unwrap_or_default();
        if let Err(error) = std::str::from_utf8(bytes) {
            faults.push(format!("the {name} of a record is not UTF-8: {error}"));
        }
    };
    text("target", record.target);
    text("message", record.message);
    text("fields", record.fields);
    text("file", record.file);
    if record.target.bytes().is_none_or(<[u8]>::is_empty) {
        faults.push("a record has no target".to_owned());
    }
    let is_object = |fields| serde_json::from_slice::<Fields>(fields).is_ok();
    if !record.fields.bytes().is_none_or(is_object) {
        faults.push("the fields of a record are no JSON object".to_owned());
    }
    faults
}

unsafe extern "C" fn log_enabled(context: *const (), level: u32, _: Text<'_>) -> u8 {
    // SAFETY: listeners pass the context of their handle, by the contract of the interface.
    let witness = unsafe { Witness::from_context(context) };
    witness.called();
    (level <= witness.level.load(Relaxed)).into()
}

unsafe extern "C" fn log(context: *const (), record: &LogRecord<'_>) {
    // Nothing may unwind into the listener.
    let _ = panic::catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as in `log_enabled`.
        let witness = unsafe { Witness::from_context(context) };
        witness.called();
        witness.record(record);
    }));
}

unsafe extern "C" fn invoke(
    context: *const (),
    service: u32,
    input: Text<'_>,
    output: &mut Buffer,
) -> Status {
    let answered = panic::catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as in `log_enabled`.
        let witness = unsafe { Witness::from_context(context) };
        witness.called();
        match Status(witness.refusing.load(Relaxed)) {
            Status::OK => witness.side.serve(service, input),
            refused => (refused, "refused by the check".to_owned()),
        }
    }));
    let (status, text) =
        answered.unwrap_or_else(|_| (Status::ERROR, "the host failed inside".to_owned()));
    *output = text.into();
    status
}
