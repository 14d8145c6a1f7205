//! The plugins of a directory by their ids, each loaded when first asked for.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ffi::{self, HostSide, Services};
use crate::library::{
    Judge, LoadError, Loaded, Reason, Sealed, Sha256, Trust, Trusted, discover, inspect, load,
};
use crate::log::{bridge, say};
use crate::probe::Prober;
use crate::register::error::LookError;
use crate::register::{Libraries, Loads};

/// The plugins of a directory.
pub(super) struct Catalogue {
    /// By id.
    plugins: BTreeMap<String, Plugin>,
    /// The ids of those that were not refused, in the order of the files' names.
    order: Vec<String>,
    refused: usize,
    /// The files that were refused, or are no plugins, or should be there and are not.
    unusable: HashSet<PathBuf>,
    /// The ids of plugins that the operator has switched off: nobody minds what they are like.
    off: HashSet<String>,
    /// Tries libraries before they are loaded, if any is.
    prober: Option<Prober>,
    loads: Arc<Loads>,
}

enum Plugin {
    Found(Box<Trusted>),
    Loaded(Box<Ready>),
    /// Logged by then.
    Refused,
}

/// A plugin that is loaded.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) library: Loaded,
    /// The file in which the bytes were found just now. When the library was loaded, it may have
    /// been another.
    pub(super) file: PathBuf,
    pub(super) sha256: Sha256,
}

impl Catalogue {
    /// Looks at all files of a directory. Nothing is run. What is refused is logged.
    pub(super) fn read(
        dir: &Path,
        trust: &Trust,
        off: HashSet<String>,
        prober: Option<Prober>,
        loads: Arc<Loads>,
    ) -> Result<Self, LookError> {
        let judge = trust.judge().map_err(LookError::Trust)?;
        let mut catalogue = Self {
            plugins: BTreeMap::new(),
            order: Vec::new(),
            refused: 0,
            unusable: HashSet::new(),
            off,
            prober,
            loads,
        };
        let files = discover(dir).map_err(LookError::Discover)?;
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
        self.unusable.insert(error.file().to_owned());
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

    /// Whether there is, or should be, a file of that name from which nothing can be loaded.
    pub(super) fn has_refused(&self, file: &Path) -> bool {
        self.unusable.contains(file)
    }

    /// The ids of the plugins that passed, in the order of their files' names.
    pub(super) fn ids(&self) -> &[String] {
        &self.order
    }

    /// The file of a plugin that passed.
    pub(super) fn file_of(&self, id: &str) -> Option<&Path> {
        match self.plugins.get(id)? {
            Plugin::Found(found) => Some(found.library().sealed().file()),
            Plugin::Loaded(ready) => Some(&ready.file),
            Plugin::Refused => None,
        }
    }

    /// The plugin of that id, loaded if its bytes were not yet. `None` if there is none; an error,
    /// logged by then, if it was refused.
    pub(super) fn get(
        &mut self,
        id: &str,
        services: &Arc<Services>,
        libraries: &Libraries,
    ) -> Option<Result<Ready, ()>> {
        let plugin = self.plugins.get_mut(id)?;
        let found = match plugin {
            Plugin::Loaded(ready) => return Some(Ok(Ready::clone(ready))),
            Plugin::Refused => return Some(Err(())),
            Plugin::Found(found) => &*found,
        };
        let sealed = found.library().sealed();
        let (file, sha256) = (sealed.file().to_owned(), sealed.sha256());
        let library = libraries.get(sha256).map_or_else(
            || {
                let prober = self.prober.as_mut();
                load_anew(found, prober, services, libraries, &self.loads)
            },
            Ok,
        );
        match library {
            Ok(library) => {
                let ready = Ready {
                    library,
                    file,
                    sha256,
                };
                // The bytes that were read are not needed any more.
                *plugin = Plugin::Loaded(Box::new(ready.clone()));
                Some(Ok(ready))
            }
            Err(error) => {
                *plugin = Plugin::Refused;
                self.refuse(&error);
                Some(Err(()))
            }
        }
    }
}

fn load_anew(
    found: &Trusted,
    prober: Option<&mut Prober>,
    services: &Arc<Services>,
    libraries: &Libraries,
    loads: &Loads,
) -> Result<Loaded, LoadError> {
    if let Some(prober) = prober {
        let said = prober.vouch_for(found.library());
        loads.probed(&said);
        said?;
    }
    let loaded = load_and_start(found, services)?;
    loads.loaded();
    libraries.keep(found.library().sealed().sha256(), loaded.clone());
    Ok(loaded)
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
