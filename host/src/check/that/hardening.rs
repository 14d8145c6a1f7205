//! How an ELF file asks to be mapped. Other formats have none of these to ask for.

use object::elf;
use object::read::elf::{ElfFile, FileHeader, ProgramHeader};

use super::super::bench::Bench;
use super::super::outcome::{Outcome, Verdict};
use super::file::parse;

/// What the program headers and the dynamic section say.
pub(super) struct Dynamic {
    /// Entries of the dynamic section.
    entries: Vec<(elf::DynamicTag, u64)>,
    pub(super) needed: Vec<String>,
    paths: Vec<String>,
    stack: Option<elf::ProgramFlags>,
    writable_code: bool,
}

impl Dynamic {
    pub(super) fn read(bench: &Bench<'_>) -> Result<Self, Outcome> {
        let sealed = bench.sealed()?;
        let read = match parse(&sealed)? {
            object::File::Elf32(file) => Self::of(&file),
            object::File::Elf64(file) => Self::of(&file),
            _ => return Err(Outcome::skipped("this is about ELF files")),
        };
        read.map_err(|error| {
            Outcome::failed(format!("the dynamic section cannot be read: {error}"))
        })
    }

    fn of<Elf: FileHeader>(file: &ElfFile<'_, Elf>) -> object::Result<Self> {
        let endian = file.endian();
        let dynamic = file.elf_dynamic_table()?;
        let mut read = Self {
            entries: Vec::new(),
            needed: Vec::new(),
            paths: Vec::new(),
            stack: None,
            writable_code: false,
        };
        for entry in &dynamic {
            read.entries.push((entry.tag, entry.val));
            let texts = match entry.tag {
                elf::DT_NEEDED => &mut read.needed,
                elf::DT_RPATH | elf::DT_RUNPATH => &mut read.paths,
                _ => continue,
            };
            texts.push(String::from_utf8_lossy(dynamic.string(entry)?).into_owned());
        }
        for segment in file.elf_program_headers() {
            let flags = segment.p_flags(endian);
            match segment.p_type(endian) {
                elf::PT_GNU_STACK => read.stack = Some(flags),
                elf::PT_LOAD => {
                    read.writable_code |= has(flags, elf::PF_W) && has(flags, elf::PF_X);
                }
                _ => {}
            }
        }
        Ok(read)
    }

    fn flags(&self, wanted: elf::DynamicTag) -> u64 {
        let found = self.entries.iter().find(|(tag, _)| *tag == wanted);
        found.map_or(0, |(_, value)| *value)
    }
}

fn has(flags: elf::ProgramFlags, flag: elf::ProgramFlags) -> bool {
    flags.0 & flag.0 != 0
}

pub(super) fn search_path(bench: &Bench<'_>) -> Verdict {
    let dynamic = Dynamic::read(bench)?;
    if dynamic.paths.is_empty() {
        return Ok(Outcome::success());
    }
    Ok(Outcome::warning(format!(
        "the loader would look for libraries in {:?} first, and whoever can write there runs code in the host: link without `-rpath`",
        dynamic.paths.join(":")
    )))
}

pub(super) fn executable_stack(bench: &Bench<'_>) -> Verdict {
    let dynamic = Dynamic::read(bench)?;
    // Without a word on it x86 has it executable, for the sake of old programs.
    let old = cfg!(any(target_arch = "x86", target_arch = "x86_64"));
    let executable = dynamic.stack.map_or(old, |flags| has(flags, elf::PF_X));
    if !executable {
        return Ok(Outcome::success());
    }
    Ok(Outcome::failed(
        "it asks for an executable stack, which takes a protection from the whole process: end assembler files with `.section .note.GNU-stack,\"\",@progbits`, or link with `-z noexecstack`",
    ))
}

pub(super) fn writable_code(bench: &Bench<'_>) -> Verdict {
    let dynamic = Dynamic::read(bench)?;
    if dynamic.writable_code {
        return Ok(Outcome::failed(
            "a segment is both writable and executable: link with `-z separate-code`, and without `-N`",
        ));
    }
    let relocated = dynamic
        .entries
        .iter()
        .any(|(tag, _)| *tag == elf::DT_TEXTREL)
        || dynamic.flags(elf::DT_FLAGS) & elf::DF_TEXTREL.0 != 0;
    if relocated {
        return Ok(Outcome::failed(
            "its code is changed when it is loaded (text relocations), which hardened systems refuse: compile all of it with `-fPIC`",
        ));
    }
    Ok(Outcome::success())
}

pub(super) fn static_tls(bench: &Bench<'_>) -> Verdict {
    let dynamic = Dynamic::read(bench)?;
    if dynamic.flags(elf::DT_FLAGS) & elf::DF_STATIC_TLS.0 == 0 {
        return Ok(Outcome::success());
    }
    Ok(Outcome::warning(
        "its thread-local data is laid out statically, and loading fails in a process whose room for that is used up: compile without `-ftls-model=initial-exec`",
    ))
}
