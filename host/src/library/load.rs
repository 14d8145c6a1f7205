//! Maps a library and checks its interface. From here on its code runs: its constructors, when it
//! is mapped.

#![allow(unsafe_code, reason = "loading a library is running its code")]

use std::error::Error;
use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    AbiInstability, AbiInstabilityErrors, check_layout_compatibility,
};
use abi_stable::library::{AbiHeaderRef, LibHeader, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use abi_stable::type_layout::{TLFieldOrFunction, TypeLayout};
use libloading::Library;
use op_listener_abi::{C_ENTRY_POINT, ListenerRef, PluginRef};

use super::sealed::Staged;
use super::{Inspected, InterfaceVersion, LoadError, Metadata, Reason, THIS_INTERFACE, Trusted};

/// A library in memory, its interface checked. Never unmapped: Rust code that has started threads
/// or registered thread-local destructors cannot be unloaded soundly.
#[derive(Clone)]
pub struct Loaded {
    metadata: Metadata,
    file: std::path::PathBuf,
    plugin: PluginRef,
}

impl Loaded {
    /// What the library said of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The file it came from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The library's table.
    pub(crate) fn plugin(&self) -> PluginRef {
        self.plugin
    }

    /// The listeners' tables, in the order of the export.
    pub(crate) fn listeners(&self) -> &'static [ListenerRef] {
        self.plugin.listeners().as_slice()
    }
}

/// Maps the bytes that were inspected and judged, and checks the table that they export.
///
/// # Errors
///
/// The system's loader refuses the library, or its table is of another interface.
pub(crate) fn load(trusted: &Trusted) -> Result<Loaded, LoadError> {
    let library = trusted.library();
    let file = library.sealed().file();
    match table(library) {
        Ok(plugin) => Ok(Loaded {
            metadata: library.metadata().clone(),
            file: file.to_owned(),
            plugin,
        }),
        Err(reason) => Err(LoadError::new(file, reason)),
    }
}

fn table(library: &Inspected) -> Result<PluginRef, Reason> {
    let staged = library.sealed().stage().map_err(Reason::Read)?;
    load_from(&staged, library.metadata(), || {})
}

/// Maps bytes and checks the table that they export. Calls `mapped` when the first is done. What
/// was mapped stays so, whatever comes after.
///
/// # Errors
///
/// The system's loader refuses the library, or its table is of another interface.
pub(crate) fn load_from(
    staged: &Staged,
    metadata: &Metadata,
    mapped: impl FnOnce(),
) -> Result<PluginRef, Reason> {
    let opened = open(staged.path()).map_err(|error| {
        Reason::Loader(one_line(&innermost(&error).replace(
            // The system's loader names the sealed copy.
            &format!("{}: ", staged.path().display()),
            "",
        )))
    })?;
    // Leaked before anything in it is called: see `Loaded`.
    let opened: &'static Library = Box::leak(Box::new(opened));
    mapped();
    let plugin = match header(opened)? {
        Some(header) => rust_table(header)?,
        None => c_table(opened)?,
    };
    matches_metadata(plugin, metadata)?;
    Ok(plugin)
}

#[cfg(unix)]
fn open(path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::unix;

    // SAFETY: runs the library's constructors. The bytes were inspected and judged, and what else
    // they may do is the operator's decision to trust.
    unsafe { unix::Library::open(Some(path), unix::RTLD_NOW | unix::RTLD_LOCAL) }.map(Into::into)
}

#[cfg(not(unix))]
fn open(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: as above.
    unsafe { Library::new(path) }
}

fn header(library: &'static Library) -> Result<Option<&'static LibHeader>, Reason> {
    let symbol = ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes();
    // SAFETY: by that name abi_stable exports nothing but a header, which begins with a magic
    // string and a version that `upgrade` checks before the rest is read.
    let Ok(header) = (unsafe { library.get::<AbiHeaderRef>(symbol) }) else {
        return Ok(None);
    };
    match header.upgrade() {
        Ok(header) => Ok(Some(header)),
        Err(error) => Err(Reason::Layout {
            summary: "its abi_stable is another version".to_owned(),
            detail: error.to_string(),
        }),
    }
}

/// The table of a library made by `export!`, compared type by type with this host's.
fn rust_table(header: &'static LibHeader) -> Result<PluginRef, Reason> {
    let versions = header.version_strings();
    let built_with = InterfaceVersion::parse(versions.version.as_str());
    let theirs = header.layout();
    let (Some(built_with), Some(theirs)) = (built_with, theirs) else {
        return Err(Reason::Layout {
            summary: "it carries no description of its types".to_owned(),
            detail: String::new(),
        });
    };
    compare(<PluginRef as StableAbi>::LAYOUT, theirs, built_with)?;
    // SAFETY: the layouts were compared just now.
    let plugin = unsafe { header.init_root_module_with_unchecked_layout::<PluginRef>() };
    plugin.map_err(|error| Reason::Start(one_line(&error.to_string())))
}

/// Compares in the direction of growth. A table of a later minor has all that the earlier one has,
/// so the earlier side's description is what the later one has to fulfil: an old listener loads in
/// a new host, and a new listener in an old host.
fn compare(
    ours: &'static TypeLayout,
    theirs: &'static TypeLayout,
    built_with: InterfaceVersion,
) -> Result<(), Reason> {
    let (earlier, later) = if built_with <= THIS_INTERFACE {
        (theirs, ours)
    } else {
        (ours, theirs)
    };
    // The comparison trusts the description that the library gives of itself, and may trip over a
    // damaged one.
    let compared = panic::catch_unwind(AssertUnwindSafe(|| {
        check_layout_compatibility(earlier, later).map_err(|errors| Reason::Layout {
            summary: summary(&errors),
            detail: errors.to_string(),
        })
    }));
    compared.unwrap_or_else(|_| {
        Err(Reason::Layout {
            summary: "its types cannot be compared".to_owned(),
            detail: String::new(),
        })
    })
}

/// The first difference, in a few words.
fn summary(errors: &AbiInstabilityErrors) -> String {
    let differences = errors.errors.iter();
    let mut differences = differences.flat_map(|at| at.errs.iter().map(move |what| (at, what)));
    let Some((at, what)) = differences.next() else {
        return "its types differ".to_owned();
    };
    let place = at
        .stack_trace
        .last()
        .map_or(String::new(), |place| match &place.found {
            TLFieldOrFunction::Field(field) => format!("`{}`: ", field.name()),
            TLFieldOrFunction::Function(function) => format!("`{}`: ", function.name),
        });
    let what = match what {
        AbiInstability::Size(size) => two("size", size.expected, size.found),
        AbiInstability::Alignment(align) => two("alignment", align.expected, align.found),
        AbiInstability::FieldCountMismatch(count) => two("fields", count.expected, count.found),
        AbiInstability::Name(name) => two("type", name.expected, name.found),
        AbiInstability::UnexpectedField(field) => {
            two("field", field.expected.name(), field.found.name())
        }
        AbiInstability::MismatchedPrimitive(of) => two(
            "primitive",
            format!("{:?}", of.expected),
            format!("{:?}", of.found),
        ),
        other => {
            let name = format!("{other:?}");
            let name = name.split(|end: char| !end.is_alphanumeric()).next();
            name.unwrap_or_default().to_owned()
        }
    };
    shortened(&one_line(&format!("{place}{what}")))
}

fn two(what: &str, expected: impl Display, found: impl Display) -> String {
    format!("{what} {expected} against {found}")
}

/// The table of a library that is not written in Rust. There is no description of its types to
/// compare: that its metadata names an interface of this major is all there is.
fn c_table(library: &'static Library) -> Result<PluginRef, Reason> {
    type EntryPoint = unsafe extern "C" fn() -> Option<PluginRef>;
    // SAFETY: the symbol's name is ours, and the header for C gives it this type: a pointer to a
    // table, or null.
    let entry = unsafe { library.get::<EntryPoint>(C_ENTRY_POINT.as_bytes()) };
    let entry = entry.map_err(|_| Reason::NoTable)?;
    // SAFETY: as above.
    unsafe { entry() }.ok_or_else(|| Reason::Start(format!("{C_ENTRY_POINT} returned null")))
}

/// What `list` shows without running the library is what is there.
fn matches_metadata(plugin: PluginRef, metadata: &Metadata) -> Result<(), Reason> {
    let listeners = plugin.listeners();
    let (exported, promised) = (listeners.len(), metadata.listeners.len());
    if exported != promised {
        return Err(Reason::Exports(format!(
            "{exported}, and the metadata names {promised}"
        )));
    }
    for (index, (listener, promised)) in listeners.iter().zip(&metadata.listeners).enumerate() {
        let spi = crate::ffi::spi_of(listener.spi());
        if spi.map(crate::Spi::name) != promised.known_spi().map(crate::Spi::name) {
            return Err(Reason::Exports(format!(
                "number {} is of another SPI than {}",
                index + 1,
                promised.spi
            )));
        }
    }
    Ok(())
}

/// The text of the last cause: what the system's loader said.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
