//! The tester: the process in which a library is loaded and called before any host does.
//!
//! Its standard output is the pipe to the supervisor, its standard input the library. Both are
//! moved out of the library's way before it is mapped.

use std::io;

use op_listener_abi::ListenerRef;
use serde_json::json;

use super::processes::Inside;
use super::report::{self, Phase, Refusal, Report};
use super::system::{self, Reports};
use crate::ffi::{self, HostSide, Instance, Queues, Services};
use crate::library::{Metadata, Reason, Sealed, THIS_INTERFACE, inspect, load_from};
use crate::log::bridge;
use crate::signing::{KeyRing, Signer};

/// Tries the library. Comes back when it came through or was refused in good order; the process
/// is then to end with exit code 0.
pub(super) fn test(orders: &Inside) -> io::Result<()> {
    let (reports, staged) = system::confine(orders)?;
    let mut tester = Tester {
        reports,
        token: &orders.token,
        orders,
    };
    let sealed = Sealed::read(staged.path()).map_err(io::Error::other)?;
    // The supervisor has found nothing wrong with them, so this is where the metadata comes from.
    let metadata = match inspect(sealed) {
        Ok(inspected) => inspected.metadata().clone(),
        Err(error) => return Err(io::Error::other(error.reason().to_string())),
    };
    tester.begin(Phase::Mapping)?;
    let mut told = Ok(());
    let plugin = load_from(&staged, &metadata, || told = tester.begin(Phase::Table));
    told?;
    let outcome = match plugin {
        Ok(plugin) => tester.call(plugin, &metadata)?,
        Err(reason) => Err(reason),
    };
    if let Err(reason) = outcome {
        tester.tell(&Report::Refused(Refusal::from(reason)))?;
    }
    tester.begin(Phase::Exit)
}

struct Tester<'a> {
    reports: Reports,
    token: &'a str,
    orders: &'a Inside,
}

/// The outer error is the probe's own, the inner one that of the library.
type Outcome = io::Result<Result<(), Reason>>;

impl Tester<'_> {
    fn tell(&mut self, report: &Report) -> io::Result<()> {
        report::write(&mut self.reports, self.token, report)
    }

    /// Comes back when the supervisor knows of it, so that whatever happens next is laid to this.
    fn begin(&mut self, phase: Phase) -> io::Result<()> {
        self.tell(&Report::Begins(phase))?;
        system::await_go(&mut self.reports)
    }

    /// Does with a library what a host does, but for the events.
    fn call(&mut self, plugin: op_listener_abi::PluginRef, metadata: &Metadata) -> Outcome {
        let signer = Signer::worthless().map_err(io::Error::other)?;
        let services = Services {
            queues: Queues::Nowhere,
            keys: KeyRing::new(signer),
        }
        .into();
        self.begin(Phase::Start)?;
        let side = HostSide::new(&metadata.id, &services);
        if let Err(failure) = ffi::start(plugin, side, bridge::most_verbose()) {
            return Ok(Err(Reason::Start(failure.to_string())));
        }
        let mut instances = Vec::new();
        for (table, listener) in plugin.listeners().iter().zip(&metadata.listeners) {
            // The host makes no instance of what it does not know.
            if listener.known_spi().is_some() {
                let class = &listener.class;
                let side = HostSide::new(&metadata.id, &services);
                instances.extend(self.make(*table, side, class)?.map(|made| (made, class)));
            }
        }
        while let Some((instance, class)) = instances.pop() {
            self.begin(Phase::Shutdown(class.clone()))?;
            // An error is one that can be dealt with: it is logged when the host stops.
            let _ = instance.shutdown();
            self.begin(Phase::Release(class.clone()))?;
            let _ = instance.release();
        }
        Ok(Ok(()))
    }

    fn make(
        &mut self,
        table: ListenerRef,
        side: &'static HostSide,
        class: &str,
    ) -> io::Result<Option<Instance>> {
        self.begin(Phase::Init(class.to_owned()))?;
        let scratch = &self.orders.scratch;
        let request = json!({
            "name": side.name(),
            "config": {},
            "data_dir": scratch.join("data").join(side.name()),
            "base_dir": scratch,
            "host": {
                "version": env!("CARGO_PKG_VERSION"),
                "interface": THIS_INTERFACE.to_string(),
            },
            "probe": true,
        });
        let instance = match Instance::init(table, side, &request.to_string()) {
            Ok(instance) => instance,
            Err(failure) => {
                self.tell(&Report::Declined {
                    class: class.to_owned(),
                    why: failure.to_string(),
                })?;
                return Ok(None);
            }
        };
        self.begin(Phase::Class(class.to_owned()))?;
        let _ = instance.class();
        self.begin(Phase::IsEnabled(class.to_owned()))?;
        // Either answer is fine, and so is an error: the host asks again.
        let _ = instance.is_enabled();
        Ok(Some(instance))
    }
}
