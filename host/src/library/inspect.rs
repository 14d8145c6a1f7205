//! Looks at a library's bytes without running any of them.

use abi_stable::library::ROOT_MODULE_LOADER_NAME;
use object::read::NameOrOrdinal;
use object::{BinaryFormat, Object, ObjectKind, ObjectSection, ObjectSegment};

use op_listener_abi::C_ENTRY_POINT;

use super::{LoadError, Metadata, PanicStrategy, Reason, Sealed, THIS_INTERFACE, elf};

/// A library that this host can load, as far as can be seen without running it.
pub struct Inspected {
    sealed: Sealed,
    metadata: Metadata,
}

impl Inspected {
    /// What the library says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The library's bytes.
    pub fn sealed(&self) -> &Sealed {
        &self.sealed
    }
}

/// The names of the metadata section, by format: ELF's, PE's (8 characters at the most) and
/// Mach-O's (16).
const SECTIONS: [&str; 3] = [".op_listener", ".oplstnr", "__op_listener"];

/// The longest metadata, in bytes.
const MOST_METADATA: u64 = 64 << 10;

/// Inspects a library: that it is whole, of this machine, a plugin, and one that this host serves.
///
/// # Errors
///
/// It is not; the error says in what.
pub fn inspect(sealed: Sealed) -> Result<Inspected, LoadError> {
    match inspect_bytes(sealed.bytes()) {
        Ok(metadata) => Ok(Inspected { sealed, metadata }),
        Err(reason) => Err(LoadError::new(sealed.file(), reason)),
    }
}

/// As [`inspect`], for tools that have a library's bytes in memory.
///
/// # Errors
///
/// This host would not load it; the error says why.
pub fn inspect_bytes(bytes: &[u8]) -> Result<Metadata, Reason> {
    let metadata = read_metadata(bytes)?;
    servable(bytes, &metadata)?;
    Ok(metadata)
}

/// What a library says of itself, for tools: also one of another machine, format or byte order, one
/// that is damaged elsewhere, and one that this host does not serve.
///
/// # Errors
///
/// It is not in a format that is known (ELF, PE or Mach-O, but no universal binary), no plugin, or
/// its metadata cannot be read.
pub fn metadata_of(bytes: &[u8]) -> Result<Metadata, Reason> {
    let object = object::File::parse(bytes).map_err(|error| Reason::Format(error.to_string()))?;
    Metadata::parse(section_of(&object)?)
}

/// Reads the metadata of a library that the system's loader could load.
pub(crate) fn read_metadata(bytes: &[u8]) -> Result<Metadata, Reason> {
    if bytes.is_empty() {
        return Err(Reason::Incomplete("it is empty".to_owned()));
    }
    if let Some(reason) = elf::cut_off(bytes) {
        return Err(reason);
    }
    let object = object::File::parse(bytes).map_err(|error| Reason::Format(error.to_string()))?;
    of_this_machine(&object)?;
    whole(&object, bytes)?;
    let section = section_of(&object);
    if object.format() == BinaryFormat::Elf && !matches!(section, Err(Reason::NotAPlugin)) {
        elf::check(bytes)?;
    }
    Metadata::parse(section?)
}

/// The contents of the section with the metadata.
fn section_of<'d>(object: &object::File<'d>) -> Result<&'d [u8], Reason> {
    let section = SECTIONS
        .iter()
        .find_map(|name| object.section_by_name(name))
        .ok_or(Reason::NotAPlugin)?;
    if section.size() > MOST_METADATA {
        return Err(Reason::Metadata(format!(
            "it is {} bytes long, and {MOST_METADATA} are the most",
            section.size()
        )));
    }
    section
        .data()
        .map_err(|error| Reason::Incomplete(format!("its metadata section: {error}")))
}

/// Whether this host serves such a plugin.
pub(crate) fn servable(bytes: &[u8], metadata: &Metadata) -> Result<(), Reason> {
    let (id, version) = (&metadata.id, &metadata.version);
    if !THIS_INTERFACE.serves(metadata.interface) {
        return Err(Reason::Interface {
            id: id.clone(),
            version: version.clone(),
            needed: metadata.interface,
        });
    }
    if metadata.panic == PanicStrategy::Abort {
        return Err(Reason::PanicAbort {
            id: id.clone(),
            version: version.clone(),
        });
    }
    if has_table(bytes)? {
        Ok(())
    } else {
        Err(Reason::NoTable)
    }
}

/// Whether a library exports one of the symbols behind which the table of its listeners is found.
fn has_table(bytes: &[u8]) -> Result<bool, Reason> {
    let names = [ROOT_MODULE_LOADER_NAME, C_ENTRY_POINT];
    let damaged = |error: object::Error| Reason::Format(error.to_string());
    let object = object::File::parse(bytes).map_err(damaged)?;
    if object.format() == BinaryFormat::Elf {
        return elf::exports(bytes, &names);
    }
    for export in object.exports().map_err(damaged)? {
        let export = export.map_err(damaged)?;
        if let NameOrOrdinal::Name(name) = export.name() {
            // Mach-O puts an underscore before each name.
            let bare = name.strip_prefix(b"_").unwrap_or(name);
            if names
                .iter()
                .any(|wanted| [name, bare].contains(&wanted.as_bytes()))
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn of_this_machine(object: &object::File<'_>) -> Result<(), Reason> {
    let format = match std::env::consts::OS {
        "windows" => BinaryFormat::Pe,
        "macos" | "ios" => BinaryFormat::MachO,
        _ => BinaryFormat::Elf,
    };
    // `object` names architectures as Rust does, but for case and for `I386`.
    let machine = format!("{:?}", object.architecture()).to_ascii_lowercase();
    let machine = machine.replace("i386", "x86");
    let bits = if object.is_64() { 64 } else { 32 };
    let little = cfg!(target_endian = "little");
    let order = object.is_little_endian() == little;
    if object.format() != format
        || !order
        || machine != std::env::consts::ARCH
        || bits != usize::BITS
    {
        return Err(Reason::Foreign(format!(
            "{:?}, {:?}, {bits} bits",
            object.format(),
            object.architecture()
        )));
    }
    if object.kind() != ObjectKind::Dynamic {
        return Err(Reason::Format(format!(
            "it is of kind {:?} and not a shared library",
            object.kind()
        )));
    }
    Ok(())
}

/// Everything that the loader would map lies inside the file: a missing page would be a fault in
/// the middle of loading.
fn whole(object: &object::File<'_>, bytes: &[u8]) -> Result<(), Reason> {
    let length = bytes.len() as u64;
    for segment in object.segments() {
        let (offset, size) = segment.file_range();
        if offset.checked_add(size).is_none_or(|end| end > length) {
            return Err(Reason::Incomplete(format!(
                "a segment of {size} bytes at {offset} ends behind the file's {length} bytes"
            )));
        }
    }
    Ok(())
}
