//! Versions of symbols: the loader uses their numbers as indices, and follows their lists, without
//! a check.

use object::elf::{
    DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM, DT_VERSYM, Verdaux, Verdef, Vernaux,
    Verneed,
};
use object::endian::NativeEndian;
use object::pod::{Pod, from_bytes};

use super::dynamic::Dynamic;
use super::image::Image;
use super::symbols::Symbols;
use super::{NATIVE, damaged};
use crate::library::Reason;

/// Numbers that have a meaning of their own: local and global.
const RESERVED: u16 = 1;
/// The bit that hides a version from those who name none.
const HIDDEN: u16 = 0x8000;
/// There are no more numbers than this, so no more versions.
const MOST: u32 = 0x8000;

fn wrong() -> Reason {
    damaged("its versions of symbols are not as they should be")
}

/// Checks that the version of every symbol is one of those that the library defines or needs.
pub(super) fn check(
    image: &Image<'_>,
    dynamic: &Dynamic<'_>,
    symbols: &Symbols<'_>,
) -> Result<(), Reason> {
    let needed = needed(image, dynamic)?;
    let highest = defined(image, dynamic)?.max(needed).max(RESERVED);
    let Some(address) = dynamic.get(DT_VERSYM) else {
        return Ok(());
    };
    let size = symbols.count() as u64 * 2;
    let numbers = image.file_at(address, size).ok_or_else(wrong)?;
    let mut numbers = numbers.chunks_exact(2);
    let fits = |pair: &[u8]| u16::from_ne_bytes([pair[0], pair[1]]) & !HIDDEN <= highest;
    if numbers.all(fits) {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// The highest number of a version that is needed of other libraries.
fn needed(image: &Image<'_>, dynamic: &Dynamic<'_>) -> Result<u16, Reason> {
    let mut list = List::new(image, dynamic.get(DT_VERNEED), dynamic.get(DT_VERNEEDNUM));
    let (mut highest, mut read) = (0, 0);
    while let Some(at) = list.next {
        let need: &Verneed<NativeEndian> = list.read(at)?;
        if need.vn_version.get(NATIVE) != 1 || !dynamic.has_string(need.vn_file.get(NATIVE)) {
            return Err(wrong());
        }
        let from = at.checked_add(need.vn_aux.get(NATIVE).into());
        let mut versions = List::new(image, from, Some(need.vn_cnt.get(NATIVE).into()));
        while let Some(at) = versions.next {
            let version: &Vernaux<NativeEndian> = versions.read(at)?;
            read += 1;
            if read > MOST || !dynamic.has_string(version.vna_name.get(NATIVE)) {
                return Err(wrong());
            }
            highest = highest.max(version.vna_other.get(NATIVE).0 & !HIDDEN);
            versions.go_on(at, version.vna_next.get(NATIVE))?;
        }
        list.go_on(at, need.vn_next.get(NATIVE))?;
    }
    Ok(highest)
}

/// The highest number of a version that the library defines.
fn defined(image: &Image<'_>, dynamic: &Dynamic<'_>) -> Result<u16, Reason> {
    let mut list = List::new(image, dynamic.get(DT_VERDEF), dynamic.get(DT_VERDEFNUM));
    let mut highest = 0;
    while let Some(at) = list.next {
        let definition: &Verdef<NativeEndian> = list.read(at)?;
        let from = at.checked_add(definition.vd_aux.get(NATIVE).into());
        let name: &Verdaux<NativeEndian> = list.read(from.ok_or_else(wrong)?)?;
        if definition.vd_version.get(NATIVE) != 1 || !dynamic.has_string(name.vda_name.get(NATIVE))
        {
            return Err(wrong());
        }
        highest = highest.max(definition.vd_ndx.get(NATIVE).0 & !HIDDEN);
        list.go_on(at, definition.vd_next.get(NATIVE))?;
    }
    Ok(highest)
}

/// A list whose entries say how far it is to the next one, 0 being the end.
struct List<'i, 'd> {
    image: &'i Image<'d>,
    /// The address of the entry at hand.
    next: Option<u64>,
    left: u64,
}

impl<'i, 'd> List<'i, 'd> {
    fn new(image: &'i Image<'d>, start: Option<u64>, count: Option<u64>) -> Self {
        let left = count.unwrap_or(0);
        Self {
            image,
            next: start.filter(|_| left > 0),
            left,
        }
    }

    fn read<T: Pod>(&self, at: u64) -> Result<&'d T, Reason> {
        let bytes = self.image.file_at(at, size_of::<T>() as u64);
        let read = bytes.and_then(|bytes| from_bytes(bytes).ok());
        read.map(|(entry, _)| entry).ok_or_else(wrong)
    }

    /// Moves on. The list is as long as is said: the loader goes by the distances alone.
    fn go_on(&mut self, at: u64, distance: u32) -> Result<(), Reason> {
        self.left -= 1;
        self.next = match (distance, self.left) {
            (0, 0) => None,
            (0, _) | (_, 0) => return Err(wrong()),
            (distance, _) => Some(at.checked_add(distance.into()).ok_or_else(wrong)?),
        };
        Ok(())
    }
}
