//! The plugins of a directory by their ids, each loaded when first asked for.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use op_listener_abi::PluginRef;

use crate::ffi::{self, HostSide, Services};
use crate::library::{
    Judge, LoadError, Loaded, Reason, Sealed, Trust, Trusted, discover, inspect, load,
};
use crate::log::{bridge, say};
use crate::probe::Prober;
use crate::register::{Loads, StartError};

/// The plugins of a directory.
pub(super) struct Catalogue {
    /// By id.
    plugins: BTreeMap<String, Plugin>,
    /// The ids of those that were not refused, in the order of the files' names.
    order: Vec<String>,
    refused: usize,
    /// The ids of plugins that the operator has switched off: nobody minds what they are like.
    off: HashSet<String>,
    /// Tries libraries before they are loaded, if any is.
    prober: Option<Prober>,
    loads: Arc<Loads>,
}

enum Plugin {
    Found(Box<Trusted>),
    Loaded(Loaded),
    /// Logged by then.
    Refused,
}

impl Catalogue {
    /// Looks at all files of a directory. Nothing is run. What is refused is logged.
    pub(super) fn read(
        dir: &Path,
        trust: &Trust,
        off: HashSet<String>,
        prober: Option<Prober>,
        loads: Arc<Loads>,
    ) -> Result<Self, StartError> {
        let judge = trust.judge().map_err(StartError::Trust)?;
        let mut catalogue = Self {
            plugins: BTreeMap::new(),
            order: Vec::new(),
            refused: 0,
            off,
            prober,
            loads,
        };
        let files = discover(dir).map_err(StartError::Discover)?;
        for file in &files {
            if let Err(error) = catalogue.add(file, &judge) {
                catalogue.refuse(&error);
            }
        }
        for error in judge.missing(dir, &files) {
            catalogue.refuse(&error);
        }
        Ok(catalogue)
    }

    fn add(&mut self, file: &Path, judge: &Judge) -> Result<(), LoadError> {
        let inspected = inspect(Sealed::read(file)?)?;
        let id = inspected.metadata().id.clone();
        if self.off.contains(&id) {
            return Ok(());
        }
        let trusted = match judge.admit(inspected) {
            Ok(trusted) => trusted,
            Err(error) => {
                // Whoever can put a file there must not keep another from being loaded by it.
                self.plugins.entry(id).or_insert(Plugin::Refused);
                return Err(error);
            }
        };
        if let Some(Plugin::Found(first)) = self.plugins.get(&id) {
            let first = first.library().sealed().file().to_owned();
            return Err(LoadError::new(file, Reason::Duplicate { id, first }));
        }
        self.order.push(id.clone());
        self.plugins.insert(id, Plugin::Found(Box::new(trusted)));
        Ok(())
    }

    fn refuse(&mut self, error: &LoadError) {
        match error.reason() {
            Reason::NotAPlugin => {
                self.loads.not_a_plugin();
                say!(NOT_A_PLUGIN, "{error}");
            }
            Reason::Interface { id, .. } | Reason::PanicAbort { id, .. }
                if self.off.contains(id) => {}
            reason => {
                self.refused += 1;
                self.loads.refused();
                say!(PLUGIN_REFUSED, "{error}");
                if let Reason::Layout { detail, .. } = reason {
                    say!(INCOMPATIBLE_IN_DETAIL, "{detail}");
                }
            }
        }
    }

    /// How many libraries were refused so far.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    /// The libraries that were loaded.
    pub(super) fn loaded(&self) -> Vec<PluginRef> {
        let plugins = self.plugins.values();
        plugins
            .filter_map(|plugin| match plugin {
                Plugin::Loaded(loaded) => Some(loaded.plugin()),
                Plugin::Found(_) | Plugin::Refused => None,
            })
            .collect()
    }

    /// The ids of the plugins that passed, in the order of their files' names.
    pub(super) fn ids(&self) -> &[String] {
        &self.order
    }

    /// The plugin of that id, loaded if it was not yet. `None` if there is none; an error, logged
    /// by then, if it was refused.
    pub(super) fn get(&mut self, id: &str, services: &Arc<Services>) -> Option<Result<Loaded, ()>> {
        let plugin = self.plugins.get_mut(id)?;
        let found = match plugin {
            Plugin::Loaded(loaded) => return Some(Ok(loaded.clone())),
            Plugin::Refused => return Some(Err(())),
            Plugin::Found(found) => &*found,
        };
        let vouched = match &mut self.prober {
            Some(prober) => {
                let said = prober.vouch_for(found.library());
                self.loads.probed(&said);
                said.map(drop)
            }
            None => Ok(()),
        };
        match vouched.and_then(|()| load_and_start(found, services)) {
            Ok(loaded) => {
                self.loads.loaded();
                // The bytes that were read are not needed any more.
                *plugin = Plugin::Loaded(loaded.clone());
                Some(Ok(loaded))
            }
            Err(error) => {
                *plugin = Plugin::Refused;
                self.refuse(&error);
                Some(Err(()))
            }
        }
    }
}

fn load_and_start(found: &Trusted, services: &Arc<Services>) -> Result<Loaded, LoadError> {
    let loaded = load(found)?;
    let metadata = loaded.metadata();
    let side = HostSide::new(&metadata.id, services);
    ffi::start(loaded.plugin(), side, bridge::most_verbose())
        .map_err(|failure| LoadError::new(loaded.file(), Reason::Start(failure.to_string())))?;
    say!(
        PLUGIN_LOADED,
        "Plugin '{}' {} is loaded from {:?}: sha256 {}…, trust: {}",
        metadata.id,
        metadata.version,
        loaded.file(),
        found.library().sealed().sha256().short(),
        found.verdict(),
    );
    Ok(loaded)
}
