//! Where values of `[intake]` stand in the file, for whoever finds out whether they serve.

use super::place::Place;

/// Places of values. Two configurations are the same wherever these stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spots(Vec<(&'static str, Place)>);

impl Spots {
    /// Notes where a value stands; that of a list is followed by those of its entries.
    pub(super) fn note(&mut self, key: &'static str, place: Place) {
        self.0.push((key, place));
    }

    /// Where a key's value stands, or the entry of it with that number, counted from 1.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "nobody asks"))]
    pub(crate) fn of(&self, key: &str, entry: usize) -> Option<&Place> {
        let mut places = self.0.iter().filter(|(known, _)| *known == key);
        places.nth(entry).map(|(_, place)| place)
    }
}

impl PartialEq for Spots {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Spots {}
