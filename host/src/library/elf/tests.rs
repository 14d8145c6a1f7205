//! A library as the system's compiler makes it, and the same with one thing wrong.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use object::elf::*;
use object::pod::{bytes_of, from_bytes};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};

use super::*;

/// The listener in C that comes with the interface.
fn sound() -> Vec<u8> {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();

    let make = || {
        let dir = tempfile::tempdir().unwrap();
        let library = dir.path().join("library.so");
        let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let status = Command::new(compiler)
            .args(["-shared", "-fPIC", "-Wl,--hash-style=both", "-I"])
            .arg(api.join("include"))
            .arg("-o")
            .args([&library, &api.join("examples/c/sign_in_counter.c")])
            .status();
        assert!(status.unwrap().success(), "the C compiler works");
        std::fs::read(library).unwrap()
    };
    BYTES.get_or_init(make).clone()
}

/// A library to be changed.
struct Changed(Vec<u8>);

impl Changed {
    fn new() -> Self {
        Self(sound())
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Changes the last program header of a type.
    fn segment(mut self, kind: ProgramType, change: impl FnOnce(&mut ProgramHeader)) -> Self {
        let header = Header::parse(&*self.0).unwrap();
        let headers = header.program_headers(NATIVE, &*self.0).unwrap();
        let index = headers.iter().rposition(|h| h.p_type(NATIVE) == kind);
        let index = index.unwrap_or_else(|| panic!("there is a {kind:?}"));
        let mut changed = headers[index];
        change(&mut changed);
        let start = usize::try_from(wide(header.e_phoff(NATIVE))).unwrap();
        self.put(start + index * size_of_val(&changed), bytes_of(&changed));
        self
    }

    /// Changes the entry of a tag.
    fn entry(mut self, tag: DynamicTag, change: impl FnOnce(&mut Dyn)) -> Self {
        let at = self.place(tag);
        let (entry, _) = from_bytes::<Dyn>(&self.0[at..]).unwrap();
        let mut changed = *entry;
        change(&mut changed);
        self.put(at, bytes_of(&changed));
        self
    }

    fn value(self, tag: DynamicTag, value: impl FnOnce(u64) -> u64) -> Self {
        self.entry(tag, |entry| {
            let value = value(entry.val(NATIVE));
            entry.d_val.set(NATIVE, value);
        })
    }

    /// Where in the file the entry of a tag is.
    fn place(&self, tag: DynamicTag) -> usize {
        let header = Header::parse(&*self.0).unwrap();
        let headers = header.program_headers(NATIVE, &*self.0).unwrap();
        let dynamic = headers.iter().find(|h| h.p_type(NATIVE) == PT_DYNAMIC);
        let start = usize::try_from(wide(dynamic.unwrap().p_offset(NATIVE))).unwrap();
        let entries = self.0[start..].chunks_exact(size_of::<Dyn>());
        let mut entries = entries.map(|bytes| from_bytes::<Dyn>(bytes).unwrap().0);
        let index = entries.position(|entry| entry.tag(NATIVE) == tag);
        start + index.unwrap_or_else(|| panic!("there is a {tag:?}")) * size_of::<Dyn>()
    }

    /// Changes bytes of the table that a tag points to. All of them lie in the first segment, where
    /// addresses are offsets.
    fn table(mut self, tag: DynamicTag, offset: usize, bytes: &[u8]) -> Self {
        let at = self.place(tag);
        let (entry, _) = from_bytes::<Dyn>(&self.0[at..]).unwrap();
        let start = usize::try_from(entry.val(NATIVE)).unwrap();
        self.put(start + offset, bytes);
        self
    }

    /// That the library is refused with these words.
    #[track_caller]
    fn refused(&self, words: &str) {
        match check(&self.0) {
            Ok(()) => panic!("not refused: {words}"),
            Err(reason) => assert!(reason.to_string().contains(words), "{reason}"),
        }
    }
}

#[test]
fn a_sound_library_passes_and_says_what_it_exports() {
    let bytes = sound();
    assert!(cut_off(&bytes).is_none());
    check(&bytes).unwrap();
    assert!(exports(&bytes, &["no_such", "op_listener_plugin_v1"]).unwrap());
    assert!(!exports(&bytes, &["op_listener_plugin_v", "malloc", ""]).unwrap());
}

#[test]
fn segments_that_cannot_be_mapped_are_refused() {
    let last = |change: fn(&mut ProgramHeader)| Changed::new().segment(PT_LOAD, change);
    last(|h| h.p_memsz.set(NATIVE, 1 << 60)).refused("bytes of memory");
    last(|h| h.p_memsz.set(NATIVE, u64::MAX - 5)).refused("bytes long");
    last(|h| h.p_vaddr.set(NATIVE, h.p_offset(NATIVE) % 0x1000)).refused("overlaps");
    last(|h| h.p_memsz.set(NATIVE, 8)).refused("smaller in memory");
    last(|h| h.p_filesz.set(NATIVE, 1 << 40)).refused("ends behind the file");
    last(|h| h.p_offset.set(NATIVE, u64::MAX)).refused("ends behind the file");
    last(|h| h.p_align.set(NATIVE, 24)).refused("aligned to 24");
    last(|h| h.p_align.set(NATIVE, 1)).refused("aligned to 1");
    last(|h| h.p_align.set(NATIVE, 1 << 40)).refused("aligned to");
    last(|h| h.p_vaddr.set(NATIVE, h.p_vaddr(NATIVE) + 16)).refused("cannot be mapped");
}

#[test]
fn special_segments_that_lie_elsewhere_are_refused() {
    let changed = |kind, change: fn(&mut ProgramHeader)| Changed::new().segment(kind, change);
    changed(PT_DYNAMIC, |h| h.p_type.set(NATIVE, PT_NULL)).refused("no dynamic table");
    changed(PT_GNU_EH_FRAME, |h| h.p_type.set(NATIVE, PT_DYNAMIC)).refused("dynamic table");
    changed(PT_DYNAMIC, |h| h.p_vaddr.set(NATIVE, 0x10_0000)).refused("dynamic table");
    changed(PT_DYNAMIC, |h| h.p_offset.set(NATIVE, 0)).refused("dynamic table");
    changed(PT_DYNAMIC, |h| h.p_filesz.set(NATIVE, 0)).refused("dynamic table");
    changed(PT_DYNAMIC, |h| h.p_filesz.set(NATIVE, 17)).refused("dynamic table");
    changed(PT_DYNAMIC, |h| h.p_filesz.set(NATIVE, 32)).refused("has no end");
    changed(PT_GNU_RELRO, |h| h.p_memsz.set(NATIVE, 1 << 40)).refused("read-only");
    changed(PT_GNU_RELRO, |h| h.p_vaddr.set(NATIVE, 0)).refused("read-only");
    changed(PT_GNU_EH_FRAME, |h| h.p_vaddr.set(NATIVE, 0)).refused("unwinding");
    changed(PT_GNU_STACK, |h| h.p_flags.set(NATIVE, PF_R | PF_W | PF_X)).refused("executed");
    changed(PT_NOTE, |h| h.p_type.set(NATIVE, PT_INTERP)).refused("interpreter");
    changed(PT_NOTE, |h| {
        h.p_type.set(NATIVE, PT_TLS);
        h.p_memsz.set(NATIVE, 1 << 40);
    })
    .refused("thread-local");
}

#[test]
fn a_dynamic_table_that_points_outside_is_refused() {
    let to = |tag, value| Changed::new().value(tag, |_| value);
    to(DT_STRTAB, 1 << 40).refused("string table");
    to(DT_STRSZ, 1 << 40).refused("string table");
    to(DT_STRSZ, 3).refused("string table");
    to(DT_SYMTAB, u64::MAX).refused("symbol table");
    to(DT_SYMENT, 8).refused("symbol table");
    to(DT_GNU_HASH, 1 << 40).refused("hash table");
    to(DT_HASH, u64::MAX - 3).refused("hash table");
    to(DT_RELA, 1 << 40).refused("relocations");
    to(DT_RELASZ, 25).refused("relocations");
    to(DT_RELAENT, 8).refused("relocations");
    to(DT_JMPREL, 0).refused("relocations");
    to(DT_PLTREL, 3).refused("unknown kind");
    to(DT_INIT, 0).refused("code to run");
    to(DT_FINI, u64::MAX).refused("code to run");
    to(DT_INIT_ARRAY, 1 << 40).refused("code to run");
    to(DT_INIT_ARRAYSZ, 7).refused("code to run");
    to(DT_NEEDED, 1 << 30).refused("a name");
    to(DT_VERSYM, 1 << 40).refused("versions");
    to(DT_VERNEED, 1 << 40).refused("versions");
    to(DT_VERNEEDNUM, 9).refused("versions");
    let no_symbols = Changed::new().entry(DT_SYMTAB, |e| e.d_tag.set(NATIVE, DT_DEBUG));
    no_symbols.refused("symbol table");
    let twice = Changed::new().entry(DT_SYMENT, |e| e.d_tag.set(NATIVE, DT_STRSZ));
    twice.refused("twice");
    let endless = Changed::new().entry(DT_NULL, |e| e.d_tag.set(NATIVE, DT_DEBUG));
    // There may be more than one to end it.
    assert!(check(&endless.0).is_ok());
    let program = Changed::new().entry(DT_FINI, |e| {
        e.d_tag.set(NATIVE, DT_FLAGS_1);
        e.d_val.set(NATIVE, DF_1_PIE.0);
    });
    program.refused("a program");
}

#[test]
fn tables_whose_contents_lead_outside_are_refused() {
    let put = |tag, offset, bytes: &[u8]| Changed::new().table(tag, offset, bytes);
    let big = &0x7fff_fff0_u32.to_ne_bytes();
    put(DT_GNU_HASH, 0, big).refused("hash table");
    put(DT_GNU_HASH, 4, big).refused("hash table");
    put(DT_GNU_HASH, 8, &0_u32.to_ne_bytes()).refused("hash table");
    put(DT_GNU_HASH, 8, &3_u32.to_ne_bytes()).refused("hash table");
    put(DT_GNU_HASH, 12, big).refused("hash table");
    put(DT_HASH, 0, big).refused("hash table");
    put(DT_HASH, 4, big).refused("hash table");
    put(DT_HASH, 8, big).refused("hash table");
    // The name and the value of the first symbol behind the empty one.
    put(DT_SYMTAB, 24, big).refused("name of a symbol");
    put(DT_SYMTAB, 24 + 6, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 1]).refused("a symbol lies outside");
    put(DT_VERSYM, 2, &0x7000_u16.to_ne_bytes()).refused("versions");
    put(DT_VERNEED, 0, &7_u16.to_ne_bytes()).refused("versions");
    put(DT_VERNEED, 2, &900_u16.to_ne_bytes()).refused("versions");
    put(DT_VERNEED, 8, big).refused("versions");
    put(DT_RELA, 0, &u64::MAX.to_ne_bytes()).refused("write outside");
    // Into code.
    put(DT_RELA, 0, &0x1000_u64.to_ne_bytes()).refused("write outside");
    put(DT_JMPREL, 12, big).refused("symbols that are not there");
    put(DT_JMPREL, 8, &5_u32.to_ne_bytes()).refused("of a program");
    put(DT_JMPREL, 8, &37_u32.to_ne_bytes()).refused("no code");
}

#[test]
fn a_circle_of_symbols_is_refused() {
    let sound = Changed::new();
    let at = sound.place(DT_HASH);
    let (entry, _) = from_bytes::<Dyn>(&sound.0[at..]).unwrap();
    let start = usize::try_from(entry.val(NATIVE)).unwrap();
    let word = |at: usize| u32::from_ne_bytes(sound.0[at..at + 4].try_into().unwrap()) as usize;
    let buckets = word(start);
    let first = word(start + 8);
    assert_ne!(first, 0, "the first bucket is in use");
    let link = 8 + (buckets + first) * 4;
    let itself = u32::try_from(first).unwrap().to_ne_bytes();
    Changed::new()
        .table(DT_HASH, link, &itself)
        .refused("circle");
}

#[test]
fn what_is_cut_off_is_incomplete_at_every_length() {
    let bytes = sound();
    for length in (0..bytes.len())
        .step_by(7)
        .chain([63, 64, 65, bytes.len() - 1])
    {
        let cut = &bytes[..length];
        let whole = cut_off(cut).is_none() && check(cut).is_ok();
        // The section headers stand last.
        assert!(!whole, "{length}");
    }
}

#[test]
fn random_damage_is_looked_at_without_harm() {
    // Xorshift, for the same damage each time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let sound = sound();
    let mut refused = 0;
    for round in 0..20_000 {
        let mut bytes = sound.clone();
        for _ in 0..=random(3) {
            // The tables stand at both ends.
            let at = if round % 2 == 0 {
                random(0x700)
            } else {
                random(bytes.len())
            };
            let odd = [0, 1, 0x7f, 0x80, 0xff];
            bytes[at] = match random(8) {
                n @ 0..=4 => odd[n],
                _ => u8::try_from(random(256)).unwrap(),
            };
        }
        let outcome = check(&bytes).and_then(|()| exports(&bytes, &["op_listener_plugin_v1"]));
        refused += usize::from(outcome.is_err());
    }
    // Notes, names and padding are most of it.
    assert!((1000..20_000).contains(&refused), "{refused}");
}
