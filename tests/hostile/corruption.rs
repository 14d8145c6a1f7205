//! A library with wrong bytes where the loader looks: whatever gets past the inspection meets its
//! end in the probe's process, not in the host.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::time::Duration;

use object::read::elf::{ElfFile64, FileHeader as _};
use object::{Endianness, Object as _, ObjectSection as _};
use op_listener_tests::Setup;

use crate::random::Random;
use crate::stage::{listed, shipped, survived, with_good_listener, with_id};

const SINGLE: usize = 5000;
const MULTIPLE: usize = 1000;
/// How many of them are loaded, one in so many, unless `OP_LISTENER_ALL_CORRUPTIONS` is set: each
/// is probed in a process of its own.
const LOADED_ONE_IN: usize = 6;
/// How many files there are at once.
const AT_ONCE: usize = 1000;
/// The most memory that the host may take, in KiB, beside what is loaded, whatever a file asks for.
const MOST_MEMORY: u64 = 64 << 10;

/// The most time that a host may take with so many.
const LONG: Duration = Duration::from_mins(20);

/// What the loader reads: the headers, and the tables that the dynamic section leads to.
const SECTIONS: [&str; 11] = [
    ".dynamic",
    ".dynsym",
    ".dynstr",
    ".gnu.hash",
    ".gnu.version",
    ".gnu.version_r",
    ".rela.dyn",
    ".rela.plt",
    ".init_array",
    ".data.rel.ro",
    ".op_listener",
];

fn targets(bytes: &[u8]) -> Vec<Range<usize>> {
    let elf: ElfFile64<'_, Endianness> = ElfFile64::parse(bytes).unwrap();
    let (header, endian) = (elf.elf_header(), elf.endian());
    let headers = usize::try_from(header.e_phoff(endian)).unwrap();
    let size = usize::from(header.e_phentsize(endian)) * usize::from(header.e_phnum(endian));
    let mut targets = vec![0..64, headers..headers + size];
    for name in SECTIONS {
        let section = elf
            .section_by_name(name)
            .and_then(|section| section.file_range());
        let (start, length) = section.unwrap_or_else(|| panic!("there is no {name}"));
        let start = usize::try_from(start).unwrap();
        targets.push(start..start + usize::try_from(length).unwrap());
    }
    targets
}

/// Corrupts one byte, or 2 to 16 in a row or scattered over one part.
fn corrupt(bytes: &mut [u8], target: &Range<usize>, several: bool, random: &mut Random) {
    let count = if several { 2 + random.below(15) } else { 1 };
    let in_a_row = random.below(2) == 0;
    let mut at = target.start + random.below(target.len());
    for _ in 0..count {
        let was = bytes[at];
        bytes[at] = match random.below(4) {
            // What overflows, what ends a text, what is one off, and anything.
            0 if was != 0xff => 0xff,
            1 if was != 0 => 0,
            2 => was ^ (1 << random.below(8)),
            _ => was.wrapping_add(1 + u8::try_from(random.below(255)).unwrap()),
        };
        at = if in_a_row && at + 1 < target.end {
            at + 1
        } else {
            target.start + random.below(target.len())
        };
    }
}

/// The corrupted library of a number: the same in every run.
fn corrupted(number: usize, targets: &[Range<usize>]) -> Vec<u8> {
    let mut random = Random::seeded(u64::try_from(number).unwrap());
    let mut bytes = shipped().to_vec();
    with_id(&mut bytes, number);
    let target = &targets[random.below(targets.len())];
    corrupt(&mut bytes, target, number >= SINGLE, &mut random);
    bytes
}

/// Entries by which the corrupted libraries are loaded, made and ended, as in a probe, and do
/// nothing more: no events, and no thread that wakes up later. What is wrong in code that does not
/// run in the probe shows when it runs; a hash or a signature of the file is what helps against that.
fn loaded_only(numbers: &[usize]) -> String {
    let entry = |number| {
        format!(
            "[[listener]]\nplugin = \"v{number:08}\"\nclients = [\"nobody\"]\n\
             [listener.config]\nfsync = \"never\"\n"
        )
    };
    numbers.iter().map(entry).collect()
}

fn write(setup: &Setup, numbers: &[usize]) {
    let targets = targets(shipped());
    for number in numbers {
        let file = setup.plugins().join(format!("corrupt-{number:05}.so"));
        fs::write(file, corrupted(*number, &targets)).unwrap();
    }
}

#[test]
fn corrupted_libraries_are_listed() {
    let numbers: Vec<usize> = (0..SINGLE + MULTIPLE).collect();
    let mut outcomes = BTreeMap::new();
    for numbers in numbers.chunks(AT_ONCE) {
        let setup = with_good_listener("");
        write(&setup, numbers);
        let listed = listed(&setup, MOST_MEMORY);
        assert_eq!(listed.len(), numbers.len() + 1);
        for file in listed {
            let loads = file["loads"] == true;
            assert_ne!(loads, file["reason"].is_string(), "{file}");
            if file["file"] == "libpuppet.so" {
                assert!(loads, "{file}");
            } else {
                *outcomes.entry(loads).or_insert(0) += 1;
            }
        }
    }
    println!("of the corrupted libraries, loadable as far as can be seen: {outcomes:?}");
    // The checks do see damage, and do not take every byte for it.
    assert!(
        outcomes[&false] > 1000 && outcomes[&true] > 100,
        "{outcomes:?}"
    );
}

#[test]
fn a_host_that_loads_corrupted_libraries_goes_on() {
    let all = std::env::var_os("OP_LISTENER_ALL_CORRUPTIONS").is_some();
    let step = if all { 1 } else { LOADED_ONE_IN };
    let numbers: Vec<usize> = (0..SINGLE + MULTIPLE).step_by(step).collect();
    for numbers in numbers.chunks(AT_ONCE) {
        // What is good is known before there is little time for each: the machine may be busy.
        let setup = with_good_listener("probe_timeout_ms = 60000");
        survived(&setup, MOST_MEMORY, LONG);
        fs::remove_file(setup.path().join("record.ndjson")).unwrap();
        let config = fs::read_to_string(setup.path().join("op-listener.toml")).unwrap();
        let config = config.replace("probe_timeout_ms = 60000", "probe_timeout_ms = 2000");
        setup.file("op-listener.toml", config + &loaded_only(numbers));
        write(&setup, numbers);
        let run = survived(&setup, MOST_MEMORY, LONG);
        let refused = run.log.matches("[OPL0102]").count();
        let in_probe = run
            .log
            .lines()
            .filter(|line| line.contains("probe"))
            .count();
        println!(
            "{} corrupted: {refused} refused, {in_probe} of them in the probe",
            numbers.len()
        );
        assert!(refused > 0, "{}", run.log);
    }
}
