//! The listeners that came of the directory and the configuration, beside those of before.

use std::fmt;
use std::sync::Arc;

use super::StartError;
use super::made::{Made, Origin};
use crate::config::OnFailure;
use crate::dispatch::{Ended, Placed, Retired, Table};

/// All listeners, in the order of their calls.
pub(crate) struct Roster {
    pub(super) made: Vec<Made>,
    /// How many libraries, entries and listeners were refused.
    pub(super) refused: usize,
    /// The first required entry that is missing.
    pub(super) required: Option<String>,
    /// The entries of which nothing is in service.
    pub(super) missing: Vec<MissingListener>,
}

/// An entry of the configuration that is not switched off, and of which nothing is in service: the
/// file of its plugin is gone, say, or was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingListener {
    /// The name of the instance.
    pub name: String,
    /// The plugin's id.
    pub plugin: String,
    /// Whether a host would not start without it: it is `required`, or the policy is
    /// `on_failure = "abort"`.
    pub needed: bool,
}

/// What a reload has changed. Counts are of listeners, each SPI of an entry being one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// Listeners that have no predecessor.
    pub added: usize,
    /// New listeners in the place of one with the same name and SPI.
    pub replaced: usize,
    /// Listeners that were not touched: the same objects, with their state.
    pub kept: usize,
    /// Listeners that are gone without a successor.
    pub removed: usize,
    /// Libraries, entries and listeners that were refused; each is logged. What was in service in
    /// their place is among those kept.
    pub refused: usize,
    /// Listeners that did not come back from a call or from their shutdown, and were left behind;
    /// each is logged.
    pub left_behind: usize,
}

impl fmt::Display for Reloaded {
    /// `1 added, 0 replaced, 3 kept, 0 removed, 0 refused`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            added,
            replaced,
            kept,
            removed,
            refused,
            left_behind,
        } = self;
        write!(
            f,
            "{added} added, {replaced} replaced, {kept} kept, {removed} removed, {refused} refused"
        )?;
        match left_behind {
            0 => Ok(()),
            left => write!(f, ", {left} left behind"),
        }
    }
}

impl Roster {
    /// What it comes to at the start: with the policy to abort, nothing may be missing, with that to
    /// skip, nothing that is required.
    ///
    /// # Errors
    ///
    /// Something is. All listeners were shut down again.
    pub(crate) fn or_abandon(mut self, on_failure: OnFailure) -> Result<Self, StartError> {
        let required = match on_failure {
            OnFailure::Abort if self.refused == 0 => return Ok(self),
            OnFailure::Abort => None,
            OnFailure::Skip => match self.required.take() {
                None => return Ok(self),
                required => required,
            },
        };
        let count = self.refused;
        self.abandon(&[]);
        Err(StartError::Refused { count, required })
    }

    /// The table of its listeners.
    pub(crate) fn table(&self, measure: bool) -> Table {
        Table::new(placed(self.made.iter()), measure)
    }

    /// Ends the listeners that were made newly.
    pub(crate) fn abandon(self, before: &[Made]) -> Ended {
        let new = self.made.iter().filter(|made| !contains(before, made));
        let new = placed(new);
        drop(self);
        Retired::end_unused(new)
    }

    /// The entries of which nothing is in service.
    pub(crate) fn take_missing(&mut self) -> Vec<MissingListener> {
        std::mem::take(&mut self.missing)
    }

    /// What has changed since.
    pub(crate) fn changes_since(&self, before: &[Made]) -> Reloaded {
        let mut changes = Reloaded {
            refused: self.refused,
            ..Reloaded::default()
        };
        for made in &self.made {
            let goes = |other: &&Made| !contains(&self.made, other);
            let mut gone = before.iter().filter(goes);
            if contains(before, made) {
                changes.kept += 1;
            } else if gone.any(|gone| made.stands_for(gone)) {
                changes.replaced += 1;
            } else {
                changes.added += 1;
            }
        }
        let goes = |made: &&Made| {
            let mut successors = self.made.iter();
            !successors.any(|successor| successor.is(made) || successor.stands_for(made))
        };
        changes.removed = before.iter().filter(goes).count();
        changes
    }

    /// What its listeners were made of, in their order.
    pub(crate) fn into_origins(self) -> Vec<Arc<Origin>> {
        self.made.into_iter().map(|made| made.origin).collect()
    }
}

fn placed<'m>(made: impl Iterator<Item = &'m Made>) -> Vec<Placed> {
    made.map(|made| made.placed.clone()).collect()
}

fn contains(all: &[Made], made: &Made) -> bool {
    all.iter().any(|other| other.is(made))
}
