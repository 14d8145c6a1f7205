//! Looks for damage in an ELF library that the system's loader would trip over: it trusts most of
//! what a file says of itself, and a wrong number is a crash in the middle of loading.
//!
//! Whatever can be seen to be wrong without running anything is refused here: tables that do not
//! lie in the file, segments that overlap or ask for absurd amounts of memory, symbols, versions
//! and relocations that point out of the library. What passes may still be damaged, in its code and
//! data; that is left to [`crate::probe`]. All work is bounded by the length of the file.
//!
//! Rules come from the System V ABI's generic part (chapters "Object files" and "Program loading
//! and dynamic linking"), the GNU extensions to it, and from what glibc and musl do.

mod dynamic;
mod image;
mod relocations;
mod symbols;
#[cfg(all(test, target_os = "linux"))]
mod tests;
mod versions;

use object::elf;
use object::endian::NativeEndian;
use object::pod::{Pod, slice_from_all_bytes};
use object::read::elf::FileHeader;

use super::Reason;
use dynamic::Dynamic;
use image::Image;
use symbols::Symbols;

/// The byte order of this machine, for which alone libraries are loaded.
const NATIVE: NativeEndian = NativeEndian;

#[cfg(target_pointer_width = "64")]
type Header = elf::FileHeader64<NativeEndian>;
#[cfg(target_pointer_width = "32")]
type Header = elf::FileHeader32<NativeEndian>;

type ProgramHeader = <Header as FileHeader>::ProgramHeader;
type Symbol = <Header as FileHeader>::Sym;
type Rela = <Header as FileHeader>::Rela;
type Rel = <Header as FileHeader>::Rel;
type Dyn = <Header as FileHeader>::Dyn;

/// The size of an address, in bytes.
const WORD: u64 = size_of::<usize>() as u64;

/// Says what is cut off, if a table that the header names ends behind the file.
///
/// Asked first: the answer to a file that is still being copied is another than to a damaged one.
pub(super) fn cut_off(bytes: &[u8]) -> Option<Reason> {
    let header = Header::parse(bytes).ok()?;
    let length = bytes.len() as u64;
    let tables = [
        (
            "program headers",
            wide(header.e_phoff(NATIVE)),
            u64::from(header.e_phnum(NATIVE)) * u64::from(header.e_phentsize(NATIVE)),
        ),
        (
            "section headers",
            wide(header.e_shoff(NATIVE)),
            u64::from(header.e_shnum(NATIVE)) * u64::from(header.e_shentsize(NATIVE)),
        ),
    ];
    tables.into_iter().find_map(|(name, offset, size)| {
        let inside = offset.checked_add(size).is_some_and(|end| end <= length);
        (!inside).then(|| {
            Reason::Incomplete(format!(
                "its {name}, {size} bytes at {offset}, end behind the file's {length} bytes"
            ))
        })
    })
}

/// Checks a library. It is one of this machine, as far as its header says.
///
/// # Errors
///
/// It is damaged, or asks for what no plugin should.
pub(super) fn check(bytes: &[u8]) -> Result<(), Reason> {
    let library = Library::read(bytes)?;
    let Library {
        image,
        dynamic,
        symbols,
    } = &library;
    dynamic.check(image)?;
    versions::check(image, dynamic, symbols)?;
    relocations::check(image, dynamic, symbols)
}

/// Whether a library exports something by one of these names.
///
/// # Errors
///
/// It is damaged.
pub(super) fn exports(bytes: &[u8], names: &[&str]) -> Result<bool, Reason> {
    let Library {
        dynamic, symbols, ..
    } = Library::read(bytes)?;
    Ok(names.iter().any(|name| symbols.export(&dynamic, name)))
}

/// What the checks are about.
struct Library<'d> {
    image: Image<'d>,
    dynamic: Dynamic<'d>,
    symbols: Symbols<'d>,
}

impl<'d> Library<'d> {
    fn read(bytes: &'d [u8]) -> Result<Self, Reason> {
        let header = Header::parse(bytes).map_err(|error| damaged(error.to_string()))?;
        let segments = header
            .program_headers(NATIVE, bytes)
            .map_err(|error| damaged(error.to_string()))?;
        let image = Image::read(bytes, segments)?;
        let dynamic = Dynamic::read(&image)?;
        let symbols = Symbols::read(&image, &dynamic)?;
        Ok(Self {
            image,
            dynamic,
            symbols,
        })
    }
}

fn damaged(what: impl Into<String>) -> Reason {
    Reason::Format(what.into())
}

fn wide(word: impl Into<u64>) -> u64 {
    word.into()
}

/// Bytes as a table.
fn table<'d, T: Pod>(name: &str, bytes: &'d [u8]) -> Result<&'d [T], Reason> {
    slice_from_all_bytes(bytes).map_err(|()| {
        damaged(format!(
            "its {name} is no table of entries of {} bytes",
            size_of::<T>()
        ))
    })
}
