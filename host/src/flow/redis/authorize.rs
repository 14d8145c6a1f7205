//! Authorisations with a code: held, or claimed by the host that was told of them.

use super::claims::{Claim, Doing, Mark, Taken};
use super::record::{Dispatch, DueWhen, Record};
use super::script::{self, Change, Found};
use super::trouble::Trouble;
use super::{LONGEST_KEPT, Store};
use crate::event::{AuthorizationCompleted, Deadline, Timestamp, new_id};
use crate::flow::code::CodeHash;
use crate::flow::not_now::{NotTaken, Patience};
use crate::flow::outcome::{CodeStillPending, Decision, Outcome};
use crate::flow::rule::at_once;
use std::sync::Arc;
use std::time::Duration;

/// What comes of an authorisation.
enum Authorized {
    /// It is written down, and its event due at once. Then the record becomes this.
    Claimed(Taken, String),
    Held,
    NothingDue,
    StillPending,
}

impl Store {
    pub(in crate::flow) fn authorize<'a>(
        &self,
        fact: AuthorizationCompleted<'a>,
        code: CodeHash,
        expires_at: Deadline,
        patience: Patience<'_>,
    ) -> Result<Decision<'a>, NotTaken> {
        let key = script::key(&self.prefix, &code);
        let attempt = new_id();
        let ours = Record::authorized(&fact, expires_at, self.claimed(&attempt));
        let lifetime = expires_at
            .as_micros()
            .saturating_sub(fact.event.time().as_micros());
        let kept_for = Duration::from_micros(lifetime).min(LONGEST_KEPT) + self.grace;
        let authorized = self.patiently(patience, || {
            self.try_authorize(code, &key, &attempt, &ours, kept_for, fact.event.time())
        });
        let authorized = authorized.map_err(|trouble| NotTaken::NotNow(self.not_now(&trouble)))?;
        Ok(match authorized {
            Authorized::StillPending => {
                return Err(NotTaken::StillPending(CodeStillPending { line: None }));
            }
            Authorized::Held => Outcome::Held.into(),
            Authorized::NothingDue => Outcome::NothingDue.into(),
            Authorized::Claimed(taken, done) => {
                let claim = Claim::new(Mark {
                    taken,
                    marker: Arc::clone(&self.marker),
                    key,
                    token: attempt,
                    done,
                });
                Decision {
                    claim: Some(claim),
                    ..Outcome::Dispatch(at_once(fact)).into()
                }
            }
        })
    }

    fn try_authorize(
        &self,
        code: CodeHash,
        key: &str,
        attempt: &str,
        ours: &Record<'_>,
        kept_for: Duration,
        time: Timestamp,
    ) -> Result<Authorized, Trouble> {
        let at_once = ours.due == DueWhen::AtOnce;
        let mut taken = None;
        if at_once {
            match self.mine.take(code) {
                Ok(it) => taken = Some(it),
                Err(Doing::Deciding) => return Err(Trouble::being_dispatched()),
                Err(Doing::Dispatched) => {}
            }
        }
        // This host has dispatched it, which Redis is about to be told: nothing to change.
        let look_only = at_once && taken.is_none();
        // Nearly always nothing is there.
        let (mut from, mut next) = (String::new(), ours.write());
        let mut done = ours.done().write();
        let mut taken_over = false;
        loop {
            let found = if look_only {
                script::look(&self.pool, key)?
            } else {
                let change = Change {
                    from: &from,
                    to: attempt,
                    record: &next,
                    claimed_for: self.claimed_for,
                    kept_for,
                };
                match script::change(&self.pool, key, &change)? {
                    Ok(()) => {
                        if taken_over {
                            self.counters.taken_over();
                        }
                        return Ok(match taken {
                            Some(taken) => Authorized::Claimed(taken, done),
                            None => Authorized::Held,
                        });
                    }
                    Err(found) => found,
                }
            };
            let Some(theirs) = found.record()? else {
                return Err(Trouble::changed());
            };
            if theirs.event_id != ours.event_id {
                if theirs.known().is_pending(time) {
                    // Exchanged, and about to be marked so: then it is not pending any more.
                    if theirs.is_unsettled() && taken.is_none() && self.is_at_it(code, &found) {
                        return Err(Trouble::being_dispatched());
                    }
                    return Ok(Authorized::StillPending);
                }
                if look_only {
                    return Err(Trouble::changed());
                }
                next = ours.write();
                done = ours.done().write();
            } else if !at_once || theirs.due != DueWhen::AtOnce {
                // The same one, sent again.
                return Ok(if theirs.exchanged {
                    Authorized::NothingDue
                } else {
                    Authorized::Held
                });
            } else if theirs.dispatch == Dispatch::Done || look_only {
                return Ok(Authorized::NothingDue);
            } else {
                self.check_claim(&theirs, &found, attempt)?;
                taken_over = theirs.claim.as_ref().is_none_or(|c| c.token != attempt);
                // Its code may have been exchanged since: that stays.
                let again = theirs.claimed_by(self.claimed(attempt));
                next = again.write();
                done = again.done().write();
            }
            from.clone_from(&found.rev);
        }
    }

    /// Whether somebody may be dispatching the event that was found to be claimed.
    fn is_at_it(&self, code: CodeHash, found: &Found) -> bool {
        self.mine.has(&code) || found.until > found.now
    }
}
