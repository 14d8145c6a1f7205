//! What became of events and facts, and what waits.

use super::families as of;
use super::{Page, Source};
use crate::Spi;
use crate::feed::Feed;

impl Source for Feed {
    fn tell(&self, page: &mut Page) {
        let counts = self.counts().snapshot();
        for spi in Spi::ALL {
            let dispatched = counts.dispatched[spi as usize];
            page.count(of::EVENTS_DISPATCHED, &[spi.name()], dispatched);
        }
        page.count(of::FACTS_HELD, &[], counts.held);
        page.count(of::EVENTS_REFUSED, &["invalid"], counts.invalid);
        page.count(
            of::EVENTS_REFUSED,
            &["code_still_pending"],
            counts.code_still_pending,
        );
        for (reason, count) in counts.ignored {
            page.count(of::EXCHANGES_IGNORED, &[reason.name()], count);
        }
        page.count(of::PENDING_DROPPED, &[], counts.dropped);
        let flow = self.flow();
        page.level(of::PENDING, &[], flow.pending() as u64);
        page.level(of::PENDING_LIMIT, &[], flow.bound() as u64);
    }
}
