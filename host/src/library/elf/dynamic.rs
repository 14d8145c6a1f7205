//! The dynamic table: where the loader finds everything else.

use std::collections::BTreeMap;

use object::elf::{
    DF_1_PIE, DF_TEXTREL, DT_AUDIT, DT_AUXILIARY, DT_DEPAUDIT, DT_FILTER, DT_FINI, DT_FINI_ARRAY,
    DT_FINI_ARRAYSZ, DT_FLAGS, DT_FLAGS_1, DT_INIT, DT_INIT_ARRAY, DT_INIT_ARRAYSZ, DT_NEEDED,
    DT_NULL, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, DT_TEXTREL, DynamicTag,
};
use object::read::elf::Dyn as _;

use super::image::Image;
use super::{Dyn, NATIVE, WORD, damaged, table, wide};
use crate::library::Reason;

/// The dynamic table, and the strings that it and the symbols are named with.
pub(super) struct Dynamic<'d> {
    values: BTreeMap<DynamicTag, u64>,
    /// Offsets of names: of needed libraries, of paths to search, of the library itself.
    names: Vec<u64>,
    strings: &'d [u8],
}

/// More libraries than any plugin needs.
const MOST_NEEDED: usize = 512;

impl<'d> Dynamic<'d> {
    pub(super) fn read(image: &Image<'d>) -> Result<Self, Reason> {
        let entries: &[Dyn] = table("dynamic table", image.dynamic)?;
        let mut dynamic = Self {
            values: BTreeMap::new(),
            names: Vec::new(),
            strings: &[],
        };
        let mut ends = false;
        for entry in entries {
            let (tag, value) = (entry.tag(NATIVE), entry.val(NATIVE));
            match tag {
                DT_NULL => {
                    ends = true;
                    break;
                }
                DT_NEEDED | DT_AUXILIARY | DT_FILTER => dynamic.names.push(value),
                _ => {
                    if dynamic.values.insert(tag, value).is_some() {
                        return Err(damaged(format!("its dynamic table has {:#x} twice", tag.0)));
                    }
                }
            }
        }
        if !ends || dynamic.names.len() > MOST_NEEDED {
            return Err(damaged("its dynamic table has no end"));
        }
        let single = [DT_SONAME, DT_RPATH, DT_RUNPATH, DT_AUDIT, DT_DEPAUDIT];
        let single = single.iter().filter_map(|tag| dynamic.values.get(tag));
        dynamic.names.extend(single);
        dynamic.strings = dynamic.array(image, "string table", DT_STRTAB, DT_STRSZ)?;
        // Then every name ends inside.
        if dynamic.strings.last() != Some(&0) {
            return Err(damaged("its string table has no end"));
        }
        Ok(dynamic)
    }

    /// What the loader acts on before it comes to symbols.
    pub(super) fn check(&self, image: &Image<'_>) -> Result<(), Reason> {
        if self.get(DT_FLAGS_1).unwrap_or(0) & DF_1_PIE.0 != 0 {
            return Err(damaged("it is a program and not a shared library"));
        }
        if !self.names.iter().all(|name| self.has_string(*name)) {
            return Err(damaged("a name in its dynamic table lies outside"));
        }
        for tag in [DT_INIT, DT_FINI] {
            if self.get(tag).is_some_and(|code| !image.runs(code)) {
                return Err(damaged("code to run when it is loaded lies outside"));
            }
        }
        for (array, size) in self.arrays_of_code() {
            if size % WORD != 0 || !image.takes(array, size, true) {
                return Err(damaged(
                    "a list of code to run when it is loaded lies outside",
                ));
            }
        }
        Ok(())
    }

    /// The addresses and sizes of the lists of functions that the loader calls.
    pub(super) fn arrays_of_code(&self) -> impl Iterator<Item = (u64, u64)> {
        let arrays = [
            (DT_INIT_ARRAY, DT_INIT_ARRAYSZ),
            (DT_FINI_ARRAY, DT_FINI_ARRAYSZ),
        ];
        arrays.into_iter().filter_map(|(array, size)| {
            let size = self.get(size).unwrap_or(0);
            self.get(array)
                .map(|array| (array, size))
                .filter(|_| size > 0)
        })
    }

    pub(super) fn get(&self, tag: DynamicTag) -> Option<u64> {
        self.values.get(&tag).copied()
    }

    /// The bytes of a table, none where there is no such table.
    pub(super) fn array(
        &self,
        image: &Image<'d>,
        name: &str,
        at: DynamicTag,
        size: DynamicTag,
    ) -> Result<&'d [u8], Reason> {
        let Some(address) = self.get(at) else {
            return Ok(&[]);
        };
        match self.get(size) {
            Some(0) => Ok(&[]),
            Some(size) => image
                .file_at(address, size)
                .ok_or_else(|| damaged(format!("its {name} lies outside"))),
            None => Err(damaged(format!("its {name} has no size"))),
        }
    }

    /// That entries of a table have the size that this machine's have, where it is said.
    pub(super) fn expect_size<T>(&self, name: &str, tag: DynamicTag) -> Result<(), Reason> {
        match self.get(tag) {
            Some(size) if size != wide(size_of::<T>() as u64) => Err(damaged(format!(
                "entries of its {name} are {size} bytes long"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether there is a string at an offset.
    pub(super) fn has_string(&self, offset: impl Into<u64>) -> bool {
        offset.into() < self.strings.len() as u64
    }

    /// Whether it is this one.
    pub(super) fn is_string(&self, offset: u32, text: &str) -> bool {
        let from = self.strings.get(offset as usize..);
        let end = from.and_then(|from| from.strip_prefix(text.as_bytes()));
        end.is_some_and(|end| end.first() == Some(&0))
    }

    /// Whether code and constants may be relocated, too.
    pub(super) fn relocates_code(&self) -> bool {
        let flags = self.get(DT_FLAGS).unwrap_or(0);
        self.get(DT_TEXTREL).is_some() || flags & DF_TEXTREL.0 != 0
    }
}
