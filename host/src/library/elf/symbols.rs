//! The symbols that a library imports and exports, and the hash tables by which they are found.

use object::elf::{
    DT_GNU_HASH, DT_HASH, DT_SYMENT, DT_SYMTAB, SHN_ABS, SHN_UNDEF, STB_LOCAL, STT_TLS,
    STV_DEFAULT, STV_PROTECTED,
};
use object::read::elf::Sym as _;

use super::dynamic::Dynamic;
use super::image::Image;
use super::{NATIVE, Symbol, WORD, damaged, table, wide};
use crate::library::Reason;

/// The dynamic symbols.
pub(super) struct Symbols<'d> {
    all: &'d [Symbol],
}

impl<'d> Symbols<'d> {
    pub(super) fn read(image: &Image<'d>, dynamic: &Dynamic<'d>) -> Result<Self, Reason> {
        dynamic.expect_size::<Symbol>("symbol table", DT_SYMENT)?;
        let outside = || damaged("its symbol table lies outside");
        let address = dynamic.get(DT_SYMTAB).ok_or_else(outside)?;
        // No entry of the dynamic table says how many symbols there are: the hash tables do.
        let gnu = dynamic.get(DT_GNU_HASH);
        let gnu = gnu.map(|at| gnu_count(image, at)).transpose()?;
        let plain = dynamic.get(DT_HASH);
        let plain = plain.map(|at| plain_count(image, at)).transpose()?;
        let count = match gnu.max(plain) {
            Some(0) => return Err(Reason::NoTable),
            Some(count) => count,
            None => return Err(damaged("it has no table to find symbols by")),
        };
        let size = count.checked_mul(size_of::<Symbol>() as u64);
        let bytes = size.and_then(|size| image.file_at(address, size));
        let all: &[Symbol] = table("symbol table", bytes.ok_or_else(outside)?)?;
        for symbol in all {
            if !dynamic.has_string(symbol.st_name(NATIVE)) {
                return Err(damaged("the name of a symbol lies outside"));
            }
            check(image, symbol)?;
        }
        Ok(Self { all })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// Whether the library exports something by that name.
    pub(super) fn export(&self, dynamic: &Dynamic<'_>, name: &str) -> bool {
        self.all.iter().any(|symbol| {
            symbol.st_shndx(NATIVE) != SHN_UNDEF
                && symbol.st_bind() != STB_LOCAL
                && [STV_DEFAULT, STV_PROTECTED].contains(&symbol.st_visibility())
                && dynamic.is_string(symbol.st_name(NATIVE), name)
        })
    }
}

/// What is defined lies in the library.
fn check(image: &Image<'_>, symbol: &Symbol) -> Result<(), Reason> {
    let section = symbol.st_shndx(NATIVE);
    if section == SHN_UNDEF || section == SHN_ABS {
        return Ok(());
    }
    let value = wide(symbol.st_value(NATIVE));
    let inside = if symbol.st_type() == STT_TLS {
        value <= image.tls
    } else {
        image.spans(value)
    };
    if inside {
        Ok(())
    } else {
        Err(damaged("a symbol lies outside"))
    }
}

fn words(name: &str, bytes: Option<&[u8]>) -> Result<Vec<u32>, Reason> {
    let bytes = bytes.ok_or_else(|| damaged(format!("its {name} lies outside")))?;
    let words = bytes.chunks_exact(4);
    Ok(words
        .map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]]))
        .collect())
}

/// Checks a table of the System V ABI, and says how many symbols it covers.
fn plain_count(image: &Image<'_>, address: u64) -> Result<u64, Reason> {
    const NAME: &str = "hash table";
    let head = words(NAME, image.file_at(address, 8))?;
    let (buckets, chains) = (u64::from(head[0]), u64::from(head[1]));
    // Both counts are of 32 bits, so this does not overflow.
    let all = words(NAME, image.file_at(address, (2 + buckets + chains) * 4))?;
    let links = &all[2..];
    if buckets == 0 || links.iter().any(|link| u64::from(*link) >= chains) {
        return Err(damaged(format!("its {NAME} points outside")));
    }
    // A chain in a circle is a search without end.
    let (buckets, chains) = links.split_at(head[0] as usize);
    let mut seen = vec![false; chains.len()];
    for bucket in buckets {
        let mut index = *bucket as usize;
        while index != 0 {
            if std::mem::replace(&mut seen[index], true) {
                return Err(damaged(format!("its {NAME} goes in a circle")));
            }
            index = chains[index] as usize;
        }
    }
    Ok(chains.len() as u64)
}

/// Checks a table of the GNU kind, and says how many symbols there are up to the last that it
/// covers. It covers what is exported, which stands last; where that is nothing, it says nothing.
fn gnu_count(image: &Image<'_>, address: u64) -> Result<u64, Reason> {
    const NAME: &str = "GNU hash table";
    let wrong = || damaged(format!("its {NAME} is not as it should be"));
    let head = words(NAME, image.file_at(address, 16))?;
    let [buckets, first, filter, shift] = head[..] else {
        return Err(wrong());
    };
    if buckets == 0 || !filter.is_power_of_two() || shift >= 32 {
        return Err(wrong());
    }
    let start = address + 16;
    let start = start
        .checked_add(u64::from(filter) * WORD)
        .ok_or_else(wrong)?;
    let heads = words(NAME, image.file_at(start, u64::from(buckets) * 4))?;
    let Some(last) = heads.iter().copied().max() else {
        return Err(wrong());
    };
    if heads.iter().any(|head| *head != 0 && *head < first) {
        return Err(wrong());
    }
    if last == 0 {
        return Ok(0);
    }
    // The chain that begins last also ends last: at the first word with its lowest bit set. All
    // that begin before run into that end at the latest.
    let chains = start + u64::from(buckets) * 4;
    let from = chains.checked_add(u64::from(last - first) * 4);
    let rest = from
        .and_then(|from| image.file_from(from))
        .ok_or_else(wrong)?;
    let length = rest
        .chunks_exact(4)
        .position(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]]) & 1 == 1);
    let length = length.ok_or_else(wrong)? as u64;
    Ok(u64::from(last) + length + 1)
}
