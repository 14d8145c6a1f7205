//! The host of a test.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use op_listener_abi::{ListenerRef, PluginRef};
use serde::Serialize;
use serde_json::json;

use super::queue::{Queues, TestQueue};
use super::scratch::Scratch;
use super::wire::{self, lock};
use super::{
    AccessTokenIssue, Failure, IdTokenIssue, Instance, Record, SubjectAuthAndConsent, TestEvent,
};
use crate::ffi::drive::Requests;
use crate::ffi::{self, drive};
use crate::{
    AccessTokenIssueEventListener, IdTokenIssueEventListener, JwtSigner, OwnedJwtSigner,
    SubjectAuthAndConsentEventListener,
};

/// A host in memory: makes instances of listeners, keeps what they log, and signs for them. Each
/// is separate from all others, so that tests can run side by side; clones are the same host.
///
/// It has a directory in the system's place for temporary files, which is removed when the host
/// and all of its instances are gone.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
    takes_over: bool,
}

pub(super) struct Shared {
    scratch: Scratch,
    records: Mutex<Vec<Record>>,
    /// The message with which signing fails, if it does.
    signing_refused: Mutex<Option<String>>,
    queues: Mutex<Queues>,
}

impl Shared {
    pub(super) fn log(&self, record: Record) {
        lock(&self.records).push(record);
    }

    pub(super) fn queues(&self) -> MutexGuard<'_, Queues> {
        lock(&self.queues)
    }

    pub(super) fn signing_refused(&self) -> Option<String> {
        lock(&self.signing_refused).clone()
    }
}

impl Host {
    /// A host that signs and keeps every record.
    ///
    /// # Panics
    ///
    /// The system's place for temporary files cannot be written to.
    #[expect(
        clippy::new_without_default,
        reason = "it makes a directory, which a default should not"
    )]
    pub fn new() -> Self {
        wire::start();
        Self {
            shared: Arc::new(Shared {
                scratch: Scratch::new(),
                records: Mutex::default(),
                signing_refused: Mutex::default(),
                queues: Mutex::default(),
            }),
            takes_over: false,
        }
    }

    /// The same host at a reload: the instances that it makes are told that they take the place of
    /// one of the same name, as by
    /// [`InitContext::takes_over`](crate::InitContext::takes_over).
    #[must_use]
    pub fn reloading(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            takes_over: true,
        }
    }

    /// Makes an instance of an ID token issue event listener: calls its `init`. `config` is what
    /// the instance's entry in the host's configuration file would hold: a map or a struct, such as
    /// `json!({})`.
    ///
    /// # Errors
    ///
    /// `init` fails or panics.
    ///
    /// # Panics
    ///
    /// `config` does not serialise to a JSON object.
    pub fn id_token_issue<L: IdTokenIssueEventListener>(
        &self,
        name: &str,
        config: &(impl Serialize + ?Sized),
    ) -> Result<Instance<IdTokenIssue>, Failure> {
        self.make(ffi::id_token_issue::<L>(), Requests::of_own(), name, config)
    }

    /// Makes an instance of an access token issue event listener, as [`Host::id_token_issue`] does.
    ///
    /// # Errors
    ///
    /// `init` fails or panics.
    ///
    /// # Panics
    ///
    /// `config` does not serialise to a JSON object.
    pub fn access_token_issue<L: AccessTokenIssueEventListener>(
        &self,
        name: &str,
        config: &(impl Serialize + ?Sized),
    ) -> Result<Instance<AccessTokenIssue>, Failure> {
        self.make(
            ffi::access_token_issue::<L>(),
            Requests::of_own(),
            name,
            config,
        )
    }

    /// Makes an instance of a subject auth + consent event listener, as [`Host::id_token_issue`]
    /// does.
    ///
    /// # Errors
    ///
    /// `init` fails or panics.
    ///
    /// # Panics
    ///
    /// `config` does not serialise to a JSON object.
    pub fn subject_auth_and_consent<L: SubjectAuthAndConsentEventListener>(
        &self,
        name: &str,
        config: &(impl Serialize + ?Sized),
    ) -> Result<Instance<SubjectAuthAndConsent>, Failure> {
        self.make(
            ffi::subject_auth_and_consent::<L>(),
            Requests::of_own(),
            name,
            config,
        )
    }

    fn make<E: TestEvent>(
        &self,
        table: ListenerRef,
        library: Requests,
        name: &str,
        config: &(impl Serialize + ?Sized),
    ) -> Result<Instance<E>, Failure> {
        let config = serde_json::to_value(config).expect("the configuration has to serialise");
        assert!(
            config.is_object(),
            "the configuration has to be an object, as it is a table in the host's file: {config}"
        );
        // Made by `InitContext::data_dir`, and the same for all instances of that name, as one entry
        // of a configuration makes several where a plugin serves several SPIs.
        let data_dir = self.base_dir().join("data").join(file_name(name));
        let mut request = json!({
            "name": name,
            "config": config,
            "data_dir": data_dir,
            "base_dir": self.base_dir(),
            "host": { "version": env!("CARGO_PKG_VERSION"), "interface": drive::interface() },
        });
        if self.takes_over {
            request["takes_over"] = true.into();
        }
        Instance::init(table, library, name, &self.shared, &request.to_string())
    }

    /// The directory that is to listeners the one of the configuration file: what
    /// [`InitContext::resolve`](crate::InitContext::resolve) is relative to. A test may put files
    /// into it.
    pub fn base_dir(&self) -> &Path {
        self.shared.scratch.path()
    }

    /// From now on signing fails with that message, or with `None` succeeds again: for trying what
    /// a listener does when the host cannot sign.
    pub fn refuse_signing(&self, message: Option<&str>) {
        *lock(&self.shared.signing_refused) = message.map(ToOwned::to_owned);
    }

    /// The delivery queue of that name: the instance's, or `instance/name` where the instance gives
    /// it one. Nothing is delivered until the test says so, with [`TestQueue::deliver`].
    pub fn queue(&self, name: &str) -> TestQueue {
        TestQueue::new(&self.shared, name)
    }

    /// From now on pushes fail with that message, as when a queue is full, or with `None` succeed
    /// again.
    pub fn refuse_pushes(&self, message: Option<&str>) {
        self.shared.queues().refuse(message);
    }

    /// From now on it answers as a host of before [`InitContext::polled_queue`](crate::InitContext::polled_queue).
    pub fn forget_polled_queues(&self) {
        self.shared.queues().be_of_before();
    }

    /// A signer of this host for the issuer [`ISSUER`](super::ISSUER), to try functions that take
    /// one. Listeners get theirs with each event.
    pub fn jwt_signer(&self) -> OwnedJwtSigner {
        let number = wire::register("", &self.shared, Requests::of_own());
        JwtSigner::new(drive::link(number), super::ISSUER)
    }

    /// All that the host's instances have logged so far, in order.
    pub fn records(&self) -> Vec<Record> {
        lock(&self.shared.records).clone()
    }

    /// The first record whose message contains `text`.
    pub fn record(&self, text: &str) -> Option<Record> {
        let records = lock(&self.shared.records);
        let found = records.iter().find(|record| record.message.contains(text));
        found.cloned()
    }

    /// Forgets the records so far, and returns them.
    pub fn take_records(&self) -> Vec<Record> {
        std::mem::take(&mut lock(&self.shared.records))
    }

    /// Starts a library that was loaded and makes an instance of one of its listeners. For the
    /// project's own tests of libraries in C.
    ///
    /// # Errors
    ///
    /// Starting fails, or `init` does.
    #[doc(hidden)]
    pub fn adopt<E: TestEvent>(
        &self,
        plugin: PluginRef,
        index: usize,
        name: &str,
        config: &(impl Serialize + ?Sized),
    ) -> Result<Instance<E>, Failure> {
        drive::start(plugin)?;
        let table = plugin.listeners()[index];
        assert_eq!(table.spi(), E::SPI, "the listener is for another SPI");
        self.make(table, Requests::of(plugin), name, config)
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("base_dir", &self.base_dir())
            .finish_non_exhaustive()
    }
}

/// A name that every file system takes, different for different names.
fn file_name(name: &str) -> String {
    use std::fmt::Write as _;

    let mut safe = String::from("_");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            safe.push(byte.into());
        } else {
            let _ = write!(safe, "%{byte:02x}");
        }
    }
    safe
}
