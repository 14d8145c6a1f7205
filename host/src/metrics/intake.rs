//! What became of events and facts, and what waits.

use super::families as of;
use super::{Buckets, Page, Source, Value};
use crate::Spi;
use crate::feed::Feed;
use crate::flow::{STORE_DURATION_BOUNDS, StoreStats};

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
        page.count(of::EVENTS_REFUSED, &["not_now"], counts.not_now);
        for (reason, count) in counts.ignored {
            page.count(of::EXCHANGES_IGNORED, &[reason.name()], count);
        }
        page.count(of::PENDING_DROPPED, &[], counts.dropped);
        let flow = self.flow();
        if let (Some(pending), Some(bound)) = (flow.pending(), flow.bound()) {
            page.level(of::PENDING, &[], pending as u64);
            page.level(of::PENDING_LIMIT, &[], bound as u64);
        }
        if let Some(stats) = flow.store_stats() {
            tell_store(&stats, page);
        }
    }
}

fn tell_store(stats: &StoreStats, page: &mut Page) {
    page.level(of::FLOW_STORE_ANSWERS, &[], u64::from(stats.answers));
    page.count(of::FLOW_STORE_COMMANDS, &[], stats.commands);
    page.count(of::FLOW_STORE_FAILURES, &[], stats.failures);
    page.count(of::FLOW_STORE_CONNECTIONS, &[], stats.connections);
    page.count(of::FLOW_STORE_TAKEN_OVER, &[], stats.taken_over);
    page.count(of::FLOW_STORE_UNMARKED, &[], stats.unmarked);
    page.count(of::FLOW_STORE_DATA_LOSSES, &[], stats.data_losses);
    let bounds = STORE_DURATION_BOUNDS.into_iter().chain([f64::INFINITY]);
    let durations = Buckets {
        sum: stats.duration_sum,
        counts: bounds.zip(stats.durations).collect(),
    };
    page.put(of::FLOW_STORE_DURATION, &[], Value::Times(durations));
}
