//! Exchanges of codes: of all that come for a code, one claims its event.

use super::Store;
use super::claims::{Claim, Doing, Mark};
use super::record::{Dispatch, DueWhen};
use super::script::{self, Change};
use super::trouble::Trouble;
use crate::event::{CodeExchanged, new_id};
use crate::flow::code::CodeHash;
use crate::flow::not_now::{NotNow, Patience};
use crate::flow::outcome::{Decision, IgnoredReason, Outcome};
use crate::flow::rule::Held;
use std::sync::Arc;

/// What comes of an exchange.
enum Exchanged {
    Claimed(Box<Held>, Mark),
    NothingDue,
    Ignored(IgnoredReason),
}

impl Store {
    pub(in crate::flow) fn exchange<'a>(
        &self,
        code: CodeHash,
        fact: CodeExchanged<'a>,
        patience: Patience<'_>,
    ) -> Result<Decision<'a>, NotNow> {
        let key = script::key(&self.prefix, &code);
        let attempt = new_id();
        let exchanged = self.patiently(patience, || self.try_exchange(code, &key, &attempt, &fact));
        let exchanged = exchanged.map_err(|trouble| self.not_now(&trouble))?;
        Ok(match exchanged {
            Exchanged::NothingDue => Outcome::NothingDue.into(),
            Exchanged::Ignored(reason) => {
                if reason == IgnoredReason::UnknownCode {
                    self.pool.look_for_loss();
                }
                Outcome::ignored(reason, fact).into()
            }
            Exchanged::Claimed(held, mark) => Decision {
                claim: Some(Claim::new(mark)),
                ..Outcome::Dispatch(held.exchanged(fact)).into()
            },
        })
    }

    fn try_exchange(
        &self,
        code: CodeHash,
        key: &str,
        attempt: &str,
        fact: &CodeExchanged<'_>,
    ) -> Result<Exchanged, Trouble> {
        let taken = self.mine.take(code);
        let found = script::look(&self.pool, key)?;
        let Some(mut record) = found.record()? else {
            return Ok(Exchanged::Ignored(IgnoredReason::UnknownCode));
        };
        let at_exchange = record.due == DueWhen::AtExchange;
        if at_exchange && matches!(taken, Err(Doing::Deciding)) {
            return Err(Trouble::being_dispatched());
        }
        if found.rev == attempt && !at_exchange {
            return Ok(Exchanged::NothingDue);
        }
        let mut known = record.known();
        // This host has dispatched it, which Redis is about to be told.
        known.used |= record.exchanged && taken.is_err();
        if known.used && fact.id.is_some() && record.exchange_id == fact.id {
            // The same one, sent again.
            return Ok(Exchanged::NothingDue);
        }
        if let Err(reason) = known.check(fact) {
            return Ok(Exchanged::Ignored(reason));
        }
        let taken_over = record.is_unsettled() && found.rev != attempt;
        if taken_over {
            self.check_claim(&record, &found, attempt)?;
        }
        let taken = taken.ok().filter(|_| at_exchange);
        if at_exchange && taken.is_none() {
            return Err(Trouble::changed());
        }
        // Else an earlier try of this attempt has made the change, and its answer was lost.
        if found.rev != attempt {
            record.exchanged = true;
            record.exchange_id.clone_from(&fact.id);
            if at_exchange {
                record.dispatch = Dispatch::Claimed;
                record.claim = Some(self.claimed(attempt));
            }
            let change = Change {
                from: &found.rev,
                to: attempt,
                record: &record.write(),
                claimed_for: self.claimed_for,
                kept_for: self.grace,
            };
            if script::change(&self.pool, key, &change)?.is_err() {
                return Err(Trouble::changed());
            }
            if taken_over {
                self.counters.taken_over();
            }
        }
        Ok(match taken {
            None => Exchanged::NothingDue,
            Some(taken) => {
                let held = Box::new(record.take_event()?);
                let mark = Mark {
                    taken,
                    marker: Arc::clone(&self.marker),
                    key: key.to_owned(),
                    token: attempt.to_owned(),
                    done: record.done().write(),
                };
                Exchanged::Claimed(held, mark)
            }
        })
    }
}
