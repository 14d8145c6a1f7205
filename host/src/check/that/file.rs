//! What the file and its metadata say.

use object::{Object, ObjectSection};
use op_listener_abi::C_ENTRY_POINT;

use super::super::Check;
use super::super::bench::{Bench, responsible};
use super::super::outcome::{Outcome, Verdict};
use super::symbols;
use crate::library::{PanicStrategy, Reason, Sealed, THIS_INTERFACE, read_metadata, servable};

pub(super) fn library_format(bench: &Bench<'_>) -> Verdict {
    let sealed = Sealed::read(&bench.job.file);
    let sealed = sealed.map_err(|error| Outcome::failed(error.reason().to_string()))?;
    match read_metadata(sealed.bytes()) {
        Err(reason) if responsible(&reason) == Check::LibraryFormat => {
            Ok(Outcome::failed(reason.to_string()))
        }
        _ => Ok(Outcome::success()),
    }
}

pub(super) fn metadata(bench: &Bench<'_>) -> Verdict {
    match read_metadata(bench.sealed()?.bytes()) {
        Ok(_) => Ok(Outcome::success()),
        Err(Reason::NotAPlugin) => Ok(Outcome::failed(
            "there is no metadata section, so no host takes it for a plugin: export its listeners with `export!`, or with OP_LISTENER_METADATA in C",
        )),
        Err(reason) if responsible(&reason) == Check::Metadata => {
            Ok(Outcome::failed(reason.to_string()))
        }
        Err(_) => Err(Outcome::skipped(format!("see `{}`", Check::LibraryFormat))),
    }
}

pub(super) fn interface_minimum(bench: &Bench<'_>) -> Verdict {
    let metadata = bench.metadata()?;
    match servable(bench.sealed()?.bytes(), &metadata) {
        Err(reason @ Reason::Interface { .. }) => Ok(Outcome::failed(reason.to_string())),
        _ => Ok(Outcome::note(format!(
            "it needs {}, this host has {THIS_INTERFACE}",
            metadata.interface
        ))),
    }
}

/// By format: ELF's, PE's and Mach-O's.
const UNWIND_TABLES: [&str; 3] = [".eh_frame", ".pdata", "__unwind_info"];

pub(super) fn panic_strategy(bench: &Bench<'_>) -> Verdict {
    let metadata = bench.metadata()?;
    if metadata.panic == PanicStrategy::Abort {
        let reason = Reason::PanicAbort {
            id: metadata.id,
            version: metadata.version,
        };
        return Ok(Outcome::failed(reason.to_string()));
    }
    let sealed = bench.sealed()?;
    let object = parse(&sealed)?;
    let has = |name: &&'static str| {
        object
            .section_by_name(name)
            .is_some_and(|section| section.size() > 0)
    };
    if UNWIND_TABLES.iter().any(has) {
        return Ok(Outcome::success());
    }
    if symbols::names(&object)?
        .iter()
        .any(|name| name == C_ENTRY_POINT)
    {
        return Ok(Outcome::note(
            "there are no tables to unwind by, which a library in C does not need",
        ));
    }
    Ok(Outcome::failed(
        "the metadata says that a panic unwinds, but the tables for it are missing, so it would end the process: do not strip `.eh_frame`",
    ))
}

pub(super) fn parse(sealed: &Sealed) -> Result<object::File<'_>, Outcome> {
    object::File::parse(sealed.bytes())
        .map_err(|_| Outcome::skipped(format!("see `{}`", Check::LibraryFormat)))
}

pub(super) fn version(bench: &Bench<'_>) -> Verdict {
    let version = bench.metadata()?.version;
    if is_semantic(&version) {
        return Ok(Outcome::note(version));
    }
    Ok(Outcome::warning(format!(
        "the version {version:?} is not of the form `major.minor.patch`, so operators cannot tell which of two is newer"
    )))
}

/// Whether a text is a version by semver.org 2.0.0.
fn is_semantic(version: &str) -> bool {
    let (rest, build) = match version.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (version, None),
    };
    let (core, early) = match rest.split_once('-') {
        Some((core, early)) => (core, Some(early)),
        None => (rest, None),
    };
    let is_number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let is_word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_early = |part: &str| {
        is_word(part) && (is_number(part) || !part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && early.is_none_or(|early| early.split('.').all(is_early))
        && build.is_none_or(|build| build.split('.').all(is_word))
}

pub(super) fn licence(bench: &Bench<'_>) -> Verdict {
    let licence = bench.metadata()?.license;
    if licence.trim().is_empty() {
        return Ok(Outcome::warning(
            "no licence is stated, so nobody knows whether it may be used: set `license` in `Cargo.toml`",
        ));
    }
    Ok(Outcome::note(licence))
}

pub(super) fn vendor(bench: &Bench<'_>) -> Verdict {
    let vendor = bench.metadata()?.vendor;
    if vendor.trim().is_empty() {
        return Ok(Outcome::warning(
            "it does not say who makes it: set `authors` in `Cargo.toml`, or `vendor` in `export!`",
        ));
    }
    Ok(Outcome::note(vendor))
}

/// Bytes of debug information.
fn debug_bytes(object: &object::File<'_>) -> u64 {
    let sections = object.sections();
    let debug = sections.filter(|section| {
        let name = section.name().unwrap_or_default();
        name.starts_with(".debug_") || name.starts_with("__debug_")
    });
    debug
        .map(|section| {
            section
                .compressed_file_range()
                .map_or(0, |range| range.compressed_size)
        })
        .sum()
}

pub(super) fn debug_info(bench: &Bench<'_>) -> Verdict {
    let sealed = bench.sealed()?;
    let bytes = debug_bytes(&parse(&sealed)?);
    if bytes == 0 {
        return Ok(Outcome::success());
    }
    let whole = sealed.bytes().len() as u64;
    Ok(Outcome::warning(format!(
        "{} of {} are debug information, which every start of a host reads: set `strip = true` in the release profile, or keep it in a file of its own with `split-debuginfo = \"packed\"`",
        mebibytes(bytes),
        mebibytes(whole),
    )))
}

/// Listeners of the size of the shipped ones come to half a mebibyte.
const LARGE: u64 = 4 << 20;

pub(super) fn size(bench: &Bench<'_>) -> Verdict {
    let sealed = bench.sealed()?;
    let debug = debug_bytes(&parse(&sealed)?);
    let bytes = (sealed.bytes().len() as u64).saturating_sub(debug);
    let told = mebibytes(bytes);
    if bytes <= LARGE {
        return Ok(Outcome::note(told));
    }
    Ok(Outcome::warning(format!(
        "it is {told} large, all of which is read at every start of a host: try `opt-level = \"s\"`, `lto = true` and `strip = true`, and look at what it depends on"
    )))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure with one digit after the point"
)]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::is_semantic;

    #[test]
    fn versions_are_told_from_other_texts() {
        for version in [
            "0.1.0",
            "1.2.3",
            "10.20.30-rc.1",
            "1.0.0-x-y.0+build.007",
            "1.0.0+a",
        ] {
            assert!(is_semantic(version), "{version}");
        }
        for version in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "01.2.3",
            "1.2.x",
            "v1.2.3",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3+",
            "1.2.3-a..b",
        ] {
            assert!(!is_semantic(version), "{version}");
        }
    }
}
