//! A library that is cut off anywhere, as by a disk that is full or a copy that is not done.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use object::read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSection as _};

use crate::stage::{listed, shipped, survived, with_good_listener, with_id};

/// The lengths to try: steps of 1 KiB, and one byte about each boundary.
fn lengths(bytes: &[u8]) -> BTreeSet<usize> {
    let elf: ElfFile64<'_, Endianness> = ElfFile64::parse(bytes).unwrap();
    let (header, endian) = (elf.elf_header(), elf.endian());
    let at = |offset: u64| usize::try_from(offset).unwrap();
    let headers = at(header.e_phoff(endian));
    let size = usize::from(header.e_phentsize(endian));
    let mut edges = vec![64, at(header.e_shoff(endian)), bytes.len()];
    for (number, segment) in elf.elf_program_headers().iter().enumerate() {
        let (start, length) = (segment.p_offset(endian), segment.p_filesz(endian));
        edges.extend([
            headers + number * size,
            headers + (number + 1) * size,
            at(start),
            at(start + length),
        ]);
    }
    for (start, length) in elf.sections().filter_map(|section| section.file_range()) {
        edges.extend([at(start), at(start + length)]);
    }
    let about = edges
        .iter()
        .flat_map(|edge| [edge.saturating_sub(1), *edge, edge + 1]);
    let mut lengths: BTreeSet<usize> = (0..bytes.len()).step_by(1024).chain(about).collect();
    lengths.retain(|length| *length <= bytes.len());
    lengths
}

/// The most memory that the host may take, in KiB: it holds no more than a few of the files at once.
const MOST_MEMORY: u64 = 64 << 10;

#[test]
fn a_library_cut_to_any_length_is_refused_and_the_host_goes_on() {
    let setup = with_good_listener("");
    let whole = shipped();
    let mut bytes = whole.to_vec();
    let lengths = lengths(whole);
    for (number, length) in lengths.iter().enumerate() {
        with_id(&mut bytes, number);
        fs::write(
            setup.plugins().join(format!("cut-{length:08}.so")),
            &bytes[..*length],
        )
        .unwrap();
        bytes.copy_from_slice(whole);
    }
    println!("{} lengths of {} bytes", lengths.len(), whole.len());

    let listed = listed(&setup, MOST_MEMORY);
    assert_eq!(listed.len(), lengths.len() + 1);
    let mut loadable = BTreeSet::new();
    for file in &listed {
        let name = file["file"].as_str().unwrap();
        if file["loads"] == true {
            loadable.insert(name.to_owned());
        } else {
            let reason = file["reason"].as_str().unwrap();
            assert!(reason.ends_with(": copy it again"), "{name} {reason}");
        }
    }
    let good = [
        format!("cut-{:08}.so", whole.len()),
        "libpuppet.so".to_owned(),
    ];
    assert_eq!(loadable, BTreeSet::from(good));

    let run = survived(&setup, MOST_MEMORY, Duration::from_mins(10));
    let refused = run.log.matches("[OPL0102]").count();
    assert_eq!(refused, lengths.len() - 1, "{}", run.log);
}
