//! What a check has to work with: the library on its way from file to instances, through the same
//! rooms as in a host. Where a step fails that is another check's matter, this one is skipped.

use std::path::Path;
use std::sync::Arc;

use op_listener_abi::{Event, ListenerRef, PluginRef, level};
use serde_json::{Map, Value, json};

use super::Check;
use super::job::{self, Job};
use super::outcome::{Findings, Outcome};
use crate::Spi;
use crate::ffi::raw::{self, Answer, Made, RawInstance};
use crate::ffi::witness::Witness;
use crate::ffi::{Queues, Services, spi_of};
use crate::library::{
    Inspected, LoadError, Loaded, Metadata, Reason, Sealed, THIS_INTERFACE, Trust, Trusted,
    inspect, load, read_metadata,
};
use crate::signing::{Algorithm, Signer};

/// The check whose matter a refusal is.
pub(super) fn responsible(reason: &Reason) -> Check {
    match reason {
        Reason::NotAPlugin | Reason::Metadata(_) => Check::Metadata,
        Reason::Interface { .. } => Check::InterfaceMinimum,
        Reason::PanicAbort { .. } => Check::PanicStrategy,
        Reason::Loader(_) | Reason::NoTable | Reason::Start(_) => Check::Loads,
        Reason::Layout { .. } => Check::Layout,
        Reason::Exports(_) => Check::Exports,
        _ => Check::LibraryFormat,
    }
}

pub(super) fn skipped(reason: &Reason) -> Outcome {
    Outcome::skipped(format!("see `{}`", responsible(reason)))
}

/// A check and its file.
pub(super) struct Bench<'a> {
    pub(super) job: &'a Job,
}

impl Bench<'_> {
    pub(super) fn sealed(&self) -> Result<Sealed, Outcome> {
        Sealed::read(&self.job.file).map_err(|error| skipped(error.reason()))
    }

    pub(super) fn metadata(&self) -> Result<Metadata, Outcome> {
        read_metadata(self.sealed()?.bytes()).map_err(|reason| skipped(&reason))
    }

    pub(super) fn inspect(&self) -> Result<Inspected, Outcome> {
        inspect(self.sealed()?).map_err(|error| skipped(error.reason()))
    }

    /// Maps the library, if nothing keeps it from getting there.
    pub(super) fn try_load(&self) -> Result<Result<Loaded, Reason>, Outcome> {
        if let Err(error) = inspect(self.sealed()?) {
            return Ok(Err(error.into_reason()));
        }
        Ok(load(&self.admit()?).map_err(LoadError::into_reason))
    }

    /// A library that is ready to be mapped. What is checked here need not be trusted: it has this
    /// process alone.
    pub(super) fn admit(&self) -> Result<Trusted, Outcome> {
        let judge = Trust::Off.judge();
        let judge = judge.map_err(|error| Outcome::skipped(error.to_string()))?;
        let admitted = judge.admit(self.inspect()?);
        admitted.map_err(|error| skipped(error.reason()))
    }

    pub(super) fn load(&self) -> Result<Loaded, Outcome> {
        self.try_load()?.map_err(|reason| skipped(&reason))
    }

    /// Loads the library and makes its first call; the witness keeps records of up to that level.
    pub(super) fn try_start(&self, level: u32) -> Result<(Library<'_>, Answer), Outcome> {
        let loaded = self.load()?;
        // Fast to make; which algorithm it is, is nothing to a listener.
        let signer = Signer::ephemeral(Algorithm::Es256).map_err(|error| {
            Outcome::skipped(format!("no key can be made to sign with: {error}"))
        })?;
        let services = Arc::new(Services {
            signer: Arc::new(signer),
            queues: Queues::Nowhere,
        });
        let witness = Witness::new(&loaded.metadata().id, &services, level);
        let answer = raw::start(loaded.plugin(), witness, level);
        let library = Library {
            job: self.job,
            loaded,
            witness,
        };
        Ok((library, answer))
    }

    pub(super) fn start_at(&self, level: u32) -> Result<Library<'_>, Outcome> {
        let (library, answer) = self.try_start(level)?;
        match hear(&answer) {
            Heard::Well => Ok(library),
            _ => Err(Outcome::skipped(format!("see `{}`", Check::Starts))),
        }
    }

    pub(super) fn start(&self) -> Result<Library<'_>, Outcome> {
        self.start_at(level::INFO)
    }
}

/// A library that was started.
pub(super) struct Library<'a> {
    job: &'a Job,
    pub(super) loaded: Loaded,
    pub(super) witness: &'static Witness,
}

/// A listener of the library.
#[derive(Clone)]
pub(super) struct Exported {
    pub(super) table: ListenerRef,
    pub(super) spi: Spi,
}

impl Library<'_> {
    pub(super) fn plugin(&self) -> PluginRef {
        self.loaded.plugin()
    }

    /// The listeners of SPIs that this host knows.
    pub(super) fn exported(&self) -> Vec<Exported> {
        let tables = self.loaded.listeners().iter();
        let known = |table: &ListenerRef| {
            let (table, spi) = (*table, spi_of(table.spi())?);
            Some(Exported { table, spi })
        };
        tables.filter_map(known).collect()
    }

    /// The settings that were given for the check.
    pub(super) fn config(&self) -> Map<String, Value> {
        self.job.config.clone().unwrap_or_default()
    }

    pub(super) fn config_was_given(&self) -> bool {
        self.job.config.is_some()
    }

    /// Calls `init` with the request of an ordinary host. An instance's name is that of its data
    /// directory too.
    pub(super) fn init(&self, of: &Exported, name: &str, config: &Map<String, Value>) -> Made {
        let data_dir = self.job.dir(job::DATA).join(name);
        self.init_in(of, name, config, &data_dir)
    }

    pub(super) fn init_in(
        &self,
        of: &Exported,
        name: &str,
        config: &Map<String, Value>,
        data_dir: &Path,
    ) -> Made {
        let request = self.request(name, config, data_dir);
        RawInstance::init(of.table, self.witness, &request.to_string())
    }

    /// Calls `init` as a host does that has not seen the library before.
    pub(super) fn init_as_probe(&self, of: &Exported) -> Made {
        let data_dir = self.job.dir(job::DATA).join("check");
        let mut request = self.request("check", &Map::new(), &data_dir);
        request["probe"] = true.into();
        RawInstance::init(of.table, self.witness, &request.to_string())
    }

    fn request(&self, name: &str, config: &Map<String, Value>, data_dir: &Path) -> Value {
        json!({
            "name": name,
            "config": config,
            "data_dir": data_dir,
            "base_dir": self.job.dir(job::BASE),
            "host": {
                "version": env!("CARGO_PKG_VERSION"),
                "interface": THIS_INTERFACE.to_string(),
            },
        })
    }

    /// An instance of each listener, with the settings that were given.
    pub(super) fn instances(&self) -> Result<Vec<Live>, Outcome> {
        let config = self.config();
        let mut all = Vec::new();
        for of in self.exported() {
            match self.init(&of, "check", &config) {
                Made::Instance(instance) => all.push(Live {
                    instance,
                    spi: of.spi,
                }),
                Made::Not(_) | Made::Nothing => {
                    return Err(Outcome::skipped(format!("see `{}`", Check::Init)));
                }
            }
        }
        if all.is_empty() {
            return Err(Outcome::skipped("it has no listener that this host knows"));
        }
        Ok(all)
    }

    /// Those that want events. A host sends none to the others, nor does a check.
    pub(super) fn enabled(&self) -> Result<Vec<Live>, Outcome> {
        let all = self.instances()?;
        let enabled = |live: &Live| live.instance.is_enabled().1 != 0;
        let (on, off): (Vec<_>, Vec<_>) = all.into_iter().partition(enabled);
        off.into_iter().for_each(Live::end);
        if on.is_empty() {
            return Err(Outcome::skipped(
                "no listener is enabled: give it the settings that enable it with `--config`",
            ));
        }
        Ok(on)
    }
}

/// An instance of a listener.
pub(super) struct Live {
    pub(super) instance: RawInstance,
    pub(super) spi: Spi,
}

impl Live {
    /// Sends an event, and notes what is wrong with the answer. An error is answered in order, but
    /// the listener misses a valid event.
    pub(super) fn send(&self, event: &Event<'_>, what: &str, findings: &mut Findings) {
        let spi = self.spi;
        match hear(&self.instance.on_event(event)) {
            Heard::Well => {}
            Heard::Refused(why) => {
                findings.warn(format!("{what}: {spi} answers with an error: {why}"));
            }
            Heard::Bad(why) => findings.fail(format!("{what}: {spi} {why}")),
        }
    }

    /// Ends the instance as a host does. How, is the matter of another check.
    pub(super) fn end(self) {
        self.instance.shutdown();
        self.instance.release();
    }
}

/// What an answer says.
pub(super) enum Heard {
    /// All is well.
    Well,
    /// No, and why.
    Refused(String),
    /// Nothing that a listener should say.
    Bad(String),
}

/// A message is one line of a log.
const LONGEST_MESSAGE: usize = 300;

pub(super) fn hear(answer: &Answer) -> Heard {
    use op_listener_abi::Status;

    let Ok(message) = std::str::from_utf8(&answer.message) else {
        return Heard::Bad("answers with a message that is not UTF-8".to_owned());
    };
    let mut short: String = message.chars().take(LONGEST_MESSAGE).collect();
    if short.len() < message.len() {
        short.push('…');
    }
    match answer.status {
        Status::OK => Heard::Well,
        Status::PANIC => Heard::Bad(format!("panics: {short}")),
        Status::UNSUPPORTED | Status::CLOSED | Status::ERROR | Status::CONFIG => {
            Heard::Refused(if message.is_empty() {
                format!("(no reason, status {})", answer.status.0)
            } else {
                short
            })
        }
        Status(number) => Heard::Bad(format!(
            "answers with status {number}, which the interface does not have"
        )),
    }
}
