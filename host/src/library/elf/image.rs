//! What a library will look like in memory: its segments, and where in the file they come from.

use std::ops::Range;

use object::elf::{
    PF_W, PF_X, PT_DYNAMIC, PT_GNU_EH_FRAME, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP, PT_LOAD, PT_TLS,
};
use object::read::elf::ProgramHeader as _;

use super::{NATIVE, ProgramHeader, damaged, wide};
use crate::library::Reason;

/// The most memory that a library's segments may span, in bytes.
const MOST_MEMORY: u64 = 1 << 30;
/// The largest template of thread-local memory, which every thread pays for, in bytes.
const MOST_TLS: u64 = 16 << 20;
/// The largest alignments, in bytes: of segments, and of thread-local memory.
const LARGEST_ALIGN: u64 = 64 << 20;
const LARGEST_TLS_ALIGN: u64 = 64 << 10;
/// The smallest page of any machine.
const PAGE: u64 = 4096;
/// More program headers than any linker writes.
const MOST_HEADERS: usize = 64;

/// A library's segments.
pub(super) struct Image<'d> {
    bytes: &'d [u8],
    loads: Vec<Load>,
    /// The dynamic table.
    pub(super) dynamic: &'d [u8],
    /// The size of the template of thread-local memory.
    pub(super) tls: u64,
}

/// A segment that is mapped.
struct Load {
    offset: u64,
    memory: Range<u64>,
    /// How much of it comes from the file.
    file_size: u64,
    writable: bool,
    executable: bool,
}

/// A program header, in plain numbers.
struct Segment {
    offset: u64,
    address: u64,
    file_size: u64,
    memory_size: u64,
    align: u64,
}

impl<'d> Image<'d> {
    pub(super) fn read(bytes: &'d [u8], headers: &[ProgramHeader]) -> Result<Self, Reason> {
        if headers.len() > MOST_HEADERS {
            return Err(damaged(format!("it has {} segments", headers.len())));
        }
        let mut image = Self {
            bytes,
            loads: Vec::new(),
            dynamic: &[],
            tls: 0,
        };
        for header in headers {
            let segment = Segment::read(header, bytes.len() as u64)?;
            if header.p_type(NATIVE) == PT_LOAD && segment.memory_size > 0 {
                image.add(header, &segment)?;
            }
        }
        let (Some(first), Some(last)) = (image.loads.first(), image.loads.last()) else {
            return Err(damaged("it has no segment to load"));
        };
        let span = last.memory.end - first.memory.start;
        if span > MOST_MEMORY {
            return Err(damaged(format!("it asks for {span} bytes of memory")));
        }
        for header in headers {
            image.check(header, &Segment::read(header, bytes.len() as u64)?)?;
        }
        if image.dynamic.is_empty() {
            return Err(damaged("it has no dynamic table"));
        }
        Ok(image)
    }

    /// Takes in a segment to load. They come in the order of their addresses.
    fn add(&mut self, header: &ProgramHeader, segment: &Segment) -> Result<(), Reason> {
        let Segment {
            offset,
            address,
            file_size,
            memory_size,
            align,
        } = *segment;
        let at = format!("the segment at {address:#x}");
        if !align.is_power_of_two() || !(PAGE..=LARGEST_ALIGN).contains(&align) {
            return Err(damaged(format!("{at} is aligned to {align} bytes")));
        }
        if address % align != offset % align {
            return Err(damaged(format!("{at} cannot be mapped from {offset:#x}")));
        }
        let end = address
            .checked_add(memory_size)
            .filter(|end| end.checked_add(align).is_some());
        let Some(end) = end else {
            return Err(damaged(format!("{at} is {memory_size} bytes long")));
        };
        if self
            .loads
            .last()
            .is_some_and(|last| last.memory.end > address)
        {
            return Err(damaged(format!("{at} overlaps the one before it")));
        }
        let flags = header.p_flags(NATIVE);
        self.loads.push(Load {
            offset,
            memory: address..end,
            file_size,
            writable: flags.contains(PF_W),
            executable: flags.contains(PF_X),
        });
        Ok(())
    }

    /// Checks the segments of all other types, each of which lies in one to load.
    fn check(&mut self, header: &ProgramHeader, segment: &Segment) -> Result<(), Reason> {
        let kind = header.p_type(NATIVE);
        match kind {
            PT_DYNAMIC => {
                if !self.dynamic.is_empty() {
                    return Err(damaged("it has two dynamic tables"));
                }
                let table = self.file_at(segment.address, segment.file_size);
                let inside = table.filter(|table| {
                    // The loader finds it by its address, everybody else by its offset.
                    let offset = usize::try_from(segment.offset).unwrap_or(usize::MAX);
                    self.bytes
                        .get(offset..)
                        .is_some_and(|at| at.starts_with(table))
                });
                let table = inside.filter(|table| !table.is_empty());
                self.dynamic = table.ok_or_else(|| damaged("its dynamic table lies outside"))?;
            }
            PT_TLS => {
                let Segment {
                    memory_size, align, ..
                } = *segment;
                let align = align.max(1);
                if self.tls > 0
                    || memory_size > MOST_TLS
                    || !align.is_power_of_two()
                    || align > LARGEST_TLS_ALIGN
                    || self.file_at(segment.address, segment.file_size).is_none()
                {
                    return Err(damaged("its thread-local memory is not as it should be"));
                }
                self.tls = memory_size;
            }
            PT_GNU_RELRO => {
                // Linkers end it on a page, and with it what is loaded.
                let load = self.load_of(segment.address);
                let end = segment.address.checked_add(segment.memory_size);
                let inside = load.zip(end).is_some_and(|(load, end)| {
                    load.writable && end <= load.memory.end.next_multiple_of(PAGE)
                });
                if segment.memory_size > 0 && !inside {
                    return Err(damaged("memory to be made read-only lies outside"));
                }
            }
            PT_GNU_STACK if header.p_flags(NATIVE).contains(PF_X) => {
                return Err(damaged(
                    "it asks for stacks that can be executed: its author links it with `-z noexecstack`",
                ));
            }
            PT_GNU_EH_FRAME => {
                // Read when a panic is caught. The first byte is the table's version.
                let table = self.file_at(segment.address, segment.file_size);
                if table.is_none_or(|table| table.first() != Some(&1)) {
                    return Err(damaged("its table for unwinding lies outside"));
                }
            }
            PT_INTERP => {
                let path = self.file_at(segment.address, segment.file_size);
                if path.is_none_or(|path| path.last() != Some(&0)) {
                    return Err(damaged("the name of its interpreter lies outside"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn load_of(&self, address: u64) -> Option<&Load> {
        let mut loads = self.loads.iter();
        loads.find(|load| load.memory.contains(&address))
    }

    /// The `size` bytes of the file that will be at an address: as the library comes, before it is
    /// relocated.
    pub(super) fn file_at(&self, address: u64, size: u64) -> Option<&'d [u8]> {
        let all = self.file_from(address)?;
        all.get(..usize::try_from(size).ok()?)
    }

    /// As [`Image::file_at`], to the end of the segment.
    pub(super) fn file_from(&self, address: u64) -> Option<&'d [u8]> {
        let load = self.load_of(address)?;
        let start = address - load.memory.start;
        let range = load.offset + start..load.offset + load.file_size;
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        self.bytes.get(range)
    }

    /// Whether `size` bytes at an address may be written to. With `all`, it is enough that they are
    /// there.
    pub(super) fn takes(&self, address: u64, size: u64, all: bool) -> bool {
        let end = address.checked_add(size);
        self.load_of(address)
            .zip(end)
            .is_some_and(|(load, end)| (all || load.writable) && end <= load.memory.end)
    }

    /// Whether there is code at an address.
    pub(super) fn runs(&self, address: u64) -> bool {
        let load = self.load_of(address);
        load.is_some_and(|load| load.executable && address - load.memory.start < load.file_size)
    }

    /// Whether an address lies between the library's first byte and its last, or right behind it.
    pub(super) fn spans(&self, address: u64) -> bool {
        let ends = self.loads.first().zip(self.loads.last());
        ends.is_some_and(|(first, last)| (first.memory.start..=last.memory.end).contains(&address))
    }
}

impl Segment {
    fn read(header: &ProgramHeader, length: u64) -> Result<Self, Reason> {
        let segment = Self {
            offset: wide(header.p_offset(NATIVE)),
            address: wide(header.p_vaddr(NATIVE)),
            file_size: wide(header.p_filesz(NATIVE)),
            memory_size: wide(header.p_memsz(NATIVE)),
            align: wide(header.p_align(NATIVE)),
        };
        let Self {
            offset, file_size, ..
        } = segment;
        if offset.checked_add(file_size).is_none_or(|end| end > length) {
            return Err(Reason::Incomplete(format!(
                "a segment of {file_size} bytes at {offset} ends behind the file's {length} bytes"
            )));
        }
        if header.p_type(NATIVE) == PT_LOAD && file_size > segment.memory_size {
            return Err(damaged("a segment is smaller in memory than in the file"));
        }
        Ok(segment)
    }
}
