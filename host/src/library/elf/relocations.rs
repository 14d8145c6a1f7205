//! Relocations: places in the library that the loader writes to, at the library's word.

use object::elf::{
    DT_JMPREL, DT_PLTREL, DT_PLTRELSZ, DT_REL, DT_RELA, DT_RELAENT, DT_RELASZ, DT_RELENT, DT_RELR,
    DT_RELRENT, DT_RELRSZ, DT_RELSZ, DynamicTag, RelocationType,
};
use object::read::elf::{Rel as _, Rela as _};

use super::dynamic::Dynamic;
use super::image::Image;
use super::symbols::Symbols;
use super::{NATIVE, Rel, Rela, WORD, damaged, table, wide};
use crate::library::Reason;

/// The types of this machine that need a look of their own.
struct Types {
    /// Points to somewhere in the library.
    relative: RelocationType,
    /// Calls a function of the library to learn where to point to.
    indirect: RelocationType,
    /// Writes two words.
    tls_descriptor: RelocationType,
    /// Copies what a symbol stands for: a matter of programs.
    copy: RelocationType,
}

#[cfg(target_arch = "x86_64")]
const TYPES: Option<Types> = Some(Types {
    relative: object::elf::R_X86_64_RELATIVE,
    indirect: object::elf::R_X86_64_IRELATIVE,
    tls_descriptor: object::elf::R_X86_64_TLSDESC,
    copy: object::elf::R_X86_64_COPY,
});
#[cfg(target_arch = "aarch64")]
const TYPES: Option<Types> = Some(Types {
    relative: object::elf::R_AARCH64_RELATIVE,
    indirect: object::elf::R_AARCH64_IRELATIVE,
    tls_descriptor: object::elf::R_AARCH64_TLSDESC,
    copy: object::elf::R_AARCH64_COPY,
});
/// Elsewhere only the places are checked.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const TYPES: Option<Types> = None;

/// Checks all relocations.
pub(super) fn check(
    image: &Image<'_>,
    dynamic: &Dynamic<'_>,
    symbols: &Symbols<'_>,
) -> Result<(), Reason> {
    const NAME: &str = "table of relocations";
    let checker = Checker {
        image,
        symbols: symbols.count(),
        everywhere: dynamic.relocates_code(),
        code: dynamic.arrays_of_code().collect(),
    };
    dynamic.expect_size::<Rela>(NAME, DT_RELAENT)?;
    dynamic.expect_size::<Rel>(NAME, DT_RELENT)?;
    dynamic.expect_size::<usize>(NAME, DT_RELRENT)?;
    let plain = dynamic.array(image, NAME, DT_RELA, DT_RELASZ)?;
    checker.relas(table(NAME, plain)?)?;
    let plain = dynamic.array(image, NAME, DT_REL, DT_RELSZ)?;
    checker.rels(table(NAME, plain)?)?;
    let calls = dynamic.array(image, NAME, DT_JMPREL, DT_PLTRELSZ)?;
    if !calls.is_empty() {
        let kind = dynamic.get(DT_PLTREL);
        let is = |tag: DynamicTag| kind == Some(tag.0.cast_unsigned());
        if is(DT_RELA) {
            checker.relas(table(NAME, calls)?)?;
        } else if is(DT_REL) {
            checker.rels(table(NAME, calls)?)?;
        } else {
            return Err(wrong("are of an unknown kind"));
        }
    }
    checker.packed(dynamic.array(image, NAME, DT_RELR, DT_RELRSZ)?)
}

fn signed(word: impl Into<i64>) -> i64 {
    word.into()
}

fn wrong(what: &str) -> Reason {
    damaged(format!("its relocations {what}"))
}

struct Checker<'a> {
    image: &'a Image<'a>,
    symbols: usize,
    /// Whether code and constants may be written to.
    everywhere: bool,
    /// Lists of functions that the loader calls.
    code: Vec<(u64, u64)>,
}

impl Checker<'_> {
    fn relas(&self, relas: &[Rela]) -> Result<(), Reason> {
        for rela in relas {
            let kind = rela.r_type(NATIVE, false);
            let place = wide(rela.r_offset(NATIVE));
            self.one(kind, place, rela.r_sym(NATIVE, false))?;
            self.target(kind, place, signed(rela.r_addend(NATIVE)).cast_unsigned())?;
        }
        Ok(())
    }

    fn rels(&self, rels: &[Rel]) -> Result<(), Reason> {
        rels.iter().try_for_each(|rel| {
            let place = wide(rel.r_offset(NATIVE));
            self.one(rel.r_type(NATIVE), place, rel.r_sym(NATIVE))
        })
    }

    fn one(&self, kind: RelocationType, place: u64, symbol: u32) -> Result<(), Reason> {
        if kind.0 == 0 {
            return Ok(());
        }
        let known = TYPES.as_ref();
        if known.is_some_and(|known| kind == known.copy) {
            return Err(wrong("are those of a program"));
        }
        let double = known.is_some_and(|known| kind == known.tls_descriptor);
        let size = if double { 2 * WORD } else { WORD };
        if !self.image.takes(place, size, self.everywhere) {
            return Err(wrong("write outside"));
        }
        if symbol as usize >= self.symbols.max(1) {
            return Err(wrong("name symbols that are not there"));
        }
        Ok(())
    }

    /// Where a relocation without a symbol points to.
    fn target(&self, kind: RelocationType, place: u64, target: u64) -> Result<(), Reason> {
        let Some(known) = &TYPES else {
            return Ok(());
        };
        let called = kind == known.indirect
            || kind == known.relative
                && self
                    .code
                    .iter()
                    .any(|(start, size)| (*start..start + size).contains(&place));
        if called && !self.image.runs(target) {
            return Err(wrong("lead the loader to call what is no code"));
        }
        Ok(())
    }

    /// Relative relocations in the packed form: an address, then words whose bits, but for the
    /// lowest, stand for the words behind it.
    fn packed(&self, bytes: &[u8]) -> Result<(), Reason> {
        let words: &[[u8; size_of::<usize>()]] = table("table of relocations", bytes)?;
        let mut next: Option<u64> = None;
        for word in words {
            let word = usize::from_ne_bytes(*word) as u64;
            if word & 1 == 0 {
                self.relative(word)?;
                next = word.checked_add(WORD);
                continue;
            }
            let base = next.ok_or_else(|| wrong("begin without a place"))?;
            for bit in 1..WORD * 8 {
                if word >> bit & 1 == 1 {
                    self.relative(base.saturating_add((bit - 1) * WORD))?;
                }
            }
            next = base.checked_add((WORD * 8 - 1) * WORD);
        }
        Ok(())
    }

    fn relative(&self, place: u64) -> Result<(), Reason> {
        if self.image.takes(place, WORD, self.everywhere) {
            Ok(())
        } else {
            Err(wrong("write outside"))
        }
    }
}
