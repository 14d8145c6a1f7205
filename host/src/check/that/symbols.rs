//! Which symbols a library gives and takes, and from whom.

use abi_stable::library::ROOT_MODULE_LOADER_NAME;
use object::read::NameOrOrdinal;
use object::{BinaryFormat, Object};
use op_listener_abi::C_ENTRY_POINT;

use super::super::bench::Bench;
use super::super::outcome::{Outcome, Verdict};
use super::file::parse;
use super::hardening::Dynamic;

/// Marks that linkers leave of their own accord.
const OF_LINKERS: [&str; 5] = ["_init", "_fini", "_edata", "_end", "__bss_start"];

/// The names of all that a library exports, in order.
pub(super) fn names(object: &object::File<'_>) -> Result<Vec<String>, Outcome> {
    let unreadable =
        |error: object::Error| Outcome::failed(format!("the exports cannot be read: {error}"));
    // Mach-O puts a line before each name.
    let prefix = match object.format() {
        BinaryFormat::MachO => "_",
        _ => "",
    };
    let mut names = Vec::new();
    for export in object.exports().map_err(unreadable)? {
        names.push(match export.map_err(unreadable)?.name() {
            NameOrOrdinal::Name(name) => {
                let name = String::from_utf8_lossy(name);
                name.strip_prefix(prefix).unwrap_or(&name).to_owned()
            }
            NameOrOrdinal::Ordinal(number) => format!("#{number}"),
        });
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// What the library exports beside what a host looks for.
fn others(bench: &Bench<'_>) -> Result<Vec<String>, Outcome> {
    let sealed = bench.sealed()?;
    let mut names = names(&parse(&sealed)?)?;
    names.retain(|name| {
        name != ROOT_MODULE_LOADER_NAME
            && name != C_ENTRY_POINT
            && !OF_LINKERS.contains(&name.as_str())
    });
    Ok(names)
}

fn told(names: &[String]) -> String {
    const MOST: usize = 8;

    let text = names[..names.len().min(MOST)].join(", ");
    match names.len().saturating_sub(MOST) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

pub(super) fn exported(bench: &Bench<'_>) -> Verdict {
    let names = others(bench)?;
    if names.is_empty() {
        return Ok(Outcome::success());
    }
    Ok(Outcome::warning(format!(
        "it also exports {}, which may clash with what others export: take `#[no_mangle]` away, or make them hidden (`-fvisibility=hidden` in C)",
        told(&names)
    )))
}

/// What is there wherever the C library is: its parts, the loader, and the one for unwinding.
const EVERYWHERE: [&str; 10] = [
    "libc.so",
    "libm.so",
    "libdl.so",
    "libpthread.so",
    "librt.so",
    "libresolv.so",
    "libutil.so",
    "libgcc_s.so",
    "ld-linux",
    "linux-vdso.so",
];

pub(super) fn needed_libraries(bench: &Bench<'_>) -> Verdict {
    let needed = Dynamic::read(bench)?.needed;
    let everywhere = |name: &String| EVERYWHERE.iter().any(|known| name.starts_with(known));
    let others: Vec<String> = needed
        .iter()
        .filter(|name| !everywhere(name))
        .cloned()
        .collect();
    if others.is_empty() {
        return Ok(Outcome::note(needed.join(", ")));
    }
    Ok(Outcome::warning(format!(
        "it needs {}, which has to be installed wherever it runs: link it statically, or tell operators",
        told(&others)
    )))
}

#[cfg(unix)]
pub(super) fn undefined(bench: &Bench<'_>) -> Verdict {
    use object::ObjectSymbol;

    use crate::ffi::raw::symbols;

    let needed = Dynamic::read(bench)?.needed;
    // So that the libraries that it needs are in memory.
    bench.load()?;
    let sealed = bench.sealed()?;
    let object = parse(&sealed)?;
    let lacks = object
        .dynamic_symbols()
        .filter(|symbol| symbol.is_undefined() && !symbol.is_weak());
    let names = lacks.filter_map(|symbol| symbol.name().ok().filter(|name| !name.is_empty()));
    let elsewhere: Vec<String> = names
        .filter(|symbol| {
            !needed
                .iter()
                .any(|library| symbols::in_library(library, symbol))
        })
        .map(ToOwned::to_owned)
        .collect();
    if elsewhere.is_empty() {
        return Ok(Outcome::success());
    }
    Ok(Outcome::warning(format!(
        "{} come from this host and not from a library that it names, so another host may refuse it: link what has them (`-l…`), best with `-z defs`",
        told(&elsewhere)
    )))
}

#[cfg(unix)]
pub(super) fn interposed(bench: &Bench<'_>) -> Verdict {
    let names = others(bench)?;
    bench.load()?;
    let taken = |name: &String| crate::ffi::raw::symbols::in_process(name);
    let taken: Vec<String> = names.into_iter().filter(taken).collect();
    if taken.is_empty() {
        return Ok(Outcome::success());
    }
    Ok(Outcome::warning(format!(
        "its own {} may be passed over for the process's: give them other names, or make them hidden",
        told(&taken)
    )))
}

#[cfg(not(unix))]
pub(super) fn undefined(_: &Bench<'_>) -> Verdict {
    Err(Outcome::skipped(
        "on this system libraries name the library of each symbol",
    ))
}

#[cfg(not(unix))]
pub(super) fn interposed(_: &Bench<'_>) -> Verdict {
    Err(Outcome::skipped(
        "on this system no symbol stands before a library's own",
    ))
}
