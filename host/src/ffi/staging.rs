//! What is pushed while an event is being dispatched on this thread: kept until the round of calls is
//! over, and committed then, all together.

use std::cell::{Cell, RefCell};

use super::calls::{Failure, FailureKind};
use super::queues::Queues;
use super::services::HostSide;
use crate::delivery::Push;

/// Where a thread is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// In no dispatch.
    None,
    /// In one in which nothing was pushed so far.
    Calling,
    /// In one in which something was.
    Pushed,
}

/// What was pushed, and by whom.
struct Staged {
    push: Push,
    side: &'static HostSide,
}

/// Keeps a push for the end of the dispatch that this thread is in. Gives it back where there is none.
pub(super) fn stage(push: Push, side: &'static HostSide) -> Option<Push> {
    if ROUND.get() == Round::None {
        return Some(push);
    }
    ROUND.set(Round::Pushed);
    STAGED.with_borrow_mut(|staged| staged.push(Staged { push, side }));
    None
}

thread_local! {
    static ROUND: Cell<Round> = const { Cell::new(Round::None) };
    /// What was pushed during the dispatches under way on this thread: one, unless a listener has
    /// dispatched in its turn.
    static STAGED: RefCell<Vec<Staged>> = const { RefCell::new(Vec::new()) };
}

/// Pushes of a round of calls. What was not committed when this is dropped is not pushed.
pub(super) struct Staging {
    before: Round,
    /// How many were staged by the dispatch around this one.
    base: usize,
}

/// Listeners whose pushes were not stored.
pub(crate) struct NotStored {
    sides: Vec<&'static HostSide>,
    failure: Failure,
}

impl Staging {
    #[inline]
    pub(super) fn begin() -> Self {
        let before = ROUND.replace(Round::Calling);
        let base = if before == Round::None {
            0
        } else {
            STAGED.with_borrow(Vec::len)
        };
        Self { before, base }
    }

    /// Commits what was pushed, if anything was.
    #[inline]
    pub(super) fn commit(&self) -> Result<(), NotStored> {
        if ROUND.get() == Round::Pushed {
            return self.commit_staged();
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn commit_staged(&self) -> Result<(), NotStored> {
        ROUND.set(Round::Calling);
        let staged = STAGED.with_borrow_mut(|staged| staged.split_off(self.base));
        let mut sides: Vec<&'static HostSide> = Vec::new();
        for staged in &staged {
            if !sides.iter().any(|side| std::ptr::eq(*side, staged.side)) {
                sides.push(staged.side);
            }
        }
        let Some(Queues::Delivery(delivery)) = sides.first().map(|side| &side.services().queues)
        else {
            return Ok(());
        };
        let pushes = staged.into_iter().map(|staged| staged.push).collect();
        delivery.commit(pushes).map_err(|error| NotStored {
            sides,
            failure: Failure {
                kind: FailureKind::Error,
                message: format!("what it pushed is lost: {error}"),
            },
        })
    }
}

impl Drop for Staging {
    #[inline]
    fn drop(&mut self) {
        if ROUND.get() == Round::Pushed {
            STAGED.with_borrow_mut(|staged| staged.truncate(self.base));
        }
        ROUND.set(self.before);
    }
}

impl NotStored {
    /// How the call of that instance failed, if it pushed.
    pub(super) fn of(&self, side: &HostSide) -> Option<&Failure> {
        let mut sides = self.sides.iter();
        sides
            .any(|it| std::ptr::eq(*it, side))
            .then_some(&self.failure)
    }
}
