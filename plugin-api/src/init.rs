//! What a listener gets when it is made.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::Error;
use crate::ffi::HostLink;
use crate::logger::Logger;
use crate::queue::{Queue, QueueOptions, Sink};
use crate::signer::{JwtSigner, OwnedJwtSigner};

/// What the host tells an instance in [`init`](crate::Lifecycle::init). There is no issuer here:
/// one host may serve several, so it comes with each event.
pub struct InitContext<'a> {
    request: Request<'a>,
    host: HostLink,
}

/// The JSON that crosses. Members that a later host adds are passed over.
#[derive(Deserialize)]
struct Request<'a> {
    name: String,
    #[serde(borrow)]
    config: &'a RawValue,
    data_dir: PathBuf,
    base_dir: PathBuf,
    host: HostInfo,
    #[serde(default)]
    probe: bool,
    #[serde(default)]
    takes_over: bool,
}

#[derive(Deserialize)]
struct HostInfo {
    version: String,
    interface: String,
}

impl<'a> InitContext<'a> {
    pub(crate) fn new(request: &'a str, host: HostLink) -> Result<Self, Error> {
        match serde_json::from_str(request) {
            Ok(request) => Ok(Self { request, host }),
            Err(error) => Err(Error::from(error).context("the host's request to init")),
        }
    }

    /// The name of the instance: unique among the entries of the configuration. The instances of
    /// one plugin that one entry makes (one for each SPI) share it.
    pub fn name(&self) -> &str {
        &self.request.name
    }

    /// The instance's configuration as a type of yours. Without an entry in the host's
    /// configuration file the table is empty, so defaults should serve where they can. Dates and
    /// times of TOML come as strings. With `#[serde(deny_unknown_fields)]` misspelt keys are found.
    ///
    /// # Errors
    ///
    /// The configuration does not fit the type; the message names the key.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_str(self.request.config.get());
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            // The position is one in text that the operator never sees.
            let text = error.into_inner().to_string();
            let text = text
                .rsplit_once(" at line ")
                .map_or(&*text, |(text, _)| text);
            if path == "." {
                Error::config(text)
            } else {
                Error::config(format_args!("`{path}`: {text}"))
            }
        })
    }

    /// The instance's configuration as JSON text.
    pub fn config_json(&self) -> &str {
        self.request.config.get()
    }

    /// A directory of the instance's own for what it keeps, made if need be (on Unix readable by
    /// the host's user alone).
    ///
    /// # Errors
    ///
    /// The directory cannot be made.
    pub fn data_dir(&self) -> Result<&Path, Error> {
        let dir = &*self.request.data_dir;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(dir) {
            Ok(()) => Ok(dir),
            Err(error) => Err(Error::new(format_args!(
                "the data directory {} cannot be made: {error}",
                dir.display()
            ))),
        }
    }

    /// A path from the configuration: a relative one is relative to the configuration file.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.request.base_dir.join(path)
    }

    /// Whether this is a probe: the host has not seen this library before, and tries in a process
    /// of its own whether it can be made and ended without a crash. The configuration is empty, the
    /// data directory vanishes afterwards, no event comes, and time, memory and open files are
    /// limited.
    ///
    /// A listener does nothing here that is felt outside: it connects to nothing, sends nothing and
    /// starts nothing that outlives `init`. Most need not ask, as they do nothing of the kind
    /// without a configuration; and an error is a fine answer to an empty one.
    ///
    /// ```
    /// # use op_listener_api::*;
    /// # struct Connection;
    /// # impl Connection { fn open() -> Result<Self, Error> { Ok(Self) } }
    /// struct Publisher {
    ///     connection: Option<Connection>,
    /// }
    ///
    /// impl Lifecycle for Publisher {
    ///     fn init(context: &InitContext) -> Result<Self, Error> {
    ///         let connection = if context.is_probe() { None } else { Some(Connection::open()?) };
    ///         Ok(Self { connection })
    ///     }
    /// }
    /// ```
    pub fn is_probe(&self) -> bool {
        self.request.probe
    }

    /// Whether this instance takes the place of one of the same name in this host, which is still in
    /// service: a reload, because the library or the configuration has changed. The old one gets its
    /// last event before this one gets its first, or at the same time on another thread; it is shut
    /// down when all of its calls have ended, which may be after the first event of this one. Its
    /// library may be another copy, so nothing is shared with it but what lies outside of the
    /// process's memory.
    ///
    /// A listener that holds something alone (a lock, a port, a file that only one may write)
    /// checks here what it can without it, and takes it at its first event, waiting for the old one
    /// within limits. All others need not ask. A host that cannot reload never says so.
    ///
    /// ```
    /// # use op_listener_api::*;
    /// # struct Port;
    /// # impl Port { fn open() -> Result<Self, Error> { Ok(Self) } }
    /// struct Publisher {
    ///     port: std::sync::OnceLock<Port>,
    /// }
    ///
    /// impl Lifecycle for Publisher {
    ///     fn init(context: &InitContext) -> Result<Self, Error> {
    ///         let port = std::sync::OnceLock::new();
    ///         if !context.takes_over() {
    ///             let _ = port.set(Port::open()?);
    ///         }
    ///         Ok(Self { port })
    ///     }
    /// }
    /// ```
    pub fn takes_over(&self) -> bool {
        self.request.takes_over
    }

    /// The host's version.
    pub fn host_version(&self) -> &str {
        &self.request.host.version
    }

    /// The interface version that the host serves, as `major.minor`.
    pub fn host_interface(&self) -> &str {
        &self.request.host.interface
    }

    /// Opens a delivery queue of the instance's own, for what a network or anything slow has to
    /// take: the event method pushes a message, which is durable before the provider is answered, and
    /// the host hands it to `sink` on threads of its own, again and again until it is delivered or
    /// refused for good. See [`Queue`] and [`Sink`].
    ///
    /// The queue goes by the instance's name, and by [`QueueOptions::name`] where an instance has
    /// several. What waits in it outlives the process, and the instance that next has the name takes
    /// it over: after a restart, a reload, or an upgrade of the plugin. So the instances that one entry
    /// of the configuration makes for several SPIs share one queue; the sink of whichever opened it
    /// last is called.
    ///
    /// Deliveries may begin before `init` has returned. They end before `shutdown` is called.
    ///
    /// In a [probe](InitContext::is_probe) the queue is there and does nothing.
    ///
    /// # Errors
    ///
    /// The store of the queues cannot be opened or belongs to another host, the name is none, the
    /// operator's settings for the queue do not fit, or the host has no delivery queue.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "made where it is passed, and of no use afterwards"
    )]
    pub fn queue(&self, options: QueueOptions, sink: impl Sink) -> Result<Queue, Error> {
        Queue::open(self.host, self.is_probe(), &options, sink)
            .map_err(|error| error.context("the delivery queue"))
    }

    /// Opens a delivery queue without a sink: what is pushed waits until its receiver fetches it from
    /// the host over HTTP, and acknowledges it (poll-based delivery of Security Event Tokens, RFC 8936).
    /// The operator says under `[listener.poll]` who that is.
    ///
    /// Only SETs can be fetched: messages with the content type `application/secevent+jwt`, a SET in
    /// compact form for payload, and the SET's `jti` for [id](crate::Message::id). Of the options
    /// those about order and bounds are of use. Otherwise all is as with [`InitContext::queue`]: a
    /// listener that opens a queue of the same name with a sink the next time takes over what waits.
    ///
    /// ```
    /// use op_listener_api::*;
    ///
    /// struct Publisher {
    ///     queue: Queue,
    /// }
    ///
    /// impl Lifecycle for Publisher {
    ///     fn init(context: &InitContext<'_>) -> Result<Self, Error> {
    ///         Ok(Self { queue: context.polled_queue(QueueOptions::new())? })
    ///     }
    /// }
    ///
    /// impl IdTokenIssueEventListener for Publisher {
    ///     fn id_token_issued(&self, event: &IdTokenIssueEvent<'_>, context: &EventContext<'_>) -> Result<(), Error> {
    ///         let set = context.jwt_signer().set(event).sign()?;
    ///         let message = Message::new(set.as_bytes()).id(event.id());
    ///         self.queue.push(&message.content_type("application/secevent+jwt"))
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As with [`InitContext::queue`]; the operator has not said who may fetch; or the host is one of
    /// before such queues.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "made where it is passed, and of no use afterwards"
    )]
    pub fn polled_queue(&self, options: QueueOptions) -> Result<Queue, Error> {
        Queue::open_polled(self.host, self.is_probe(), &options)
            .map_err(|error| error.context("the delivery queue"))
    }

    /// Signs with the provider's key in the name of an issuer, for a token that belongs to no event: one
    /// that verifies a connection, say. There is no issuer to know here, so the configuration has to
    /// name it; the signer of an event comes with the event, see
    /// [`EventContext::jwt_signer`](crate::EventContext::jwt_signer).
    pub fn jwt_signer(&self, issuer: &str) -> OwnedJwtSigner {
        JwtSigner::new(self.host, issuer).to_owned()
    }

    /// The host's log for threads of the listener's own. Inside the host's calls `tracing` is
    /// enough.
    pub fn logger(&self) -> Logger {
        Logger::new(self.host)
    }
}

/// Names the instance; its configuration may hold secrets, and is left out.
impl fmt::Debug for InitContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitContext")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
