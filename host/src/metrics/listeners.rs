//! The listeners of a host, and how their libraries fared.

use super::families as of;
use super::{Buckets, Page, Source, Value};
use crate::dispatch::DURATION_BOUNDS;
use crate::{Host, ListenerInfo, StatsSnapshot};

impl Source for Host {
    fn tell(&self, page: &mut Page) {
        for listener in self.listeners() {
            tell(&listener, self.measures(), page);
        }
        for missing in self.missing_listeners().iter() {
            page.level(of::MISSING, &[&missing.name], 1);
        }
        let loads = self.loads();
        for (outcome, count) in loads.files() {
            page.count(of::PLUGIN_FILES, &[outcome], count);
        }
        for (outcome, count) in loads.probes() {
            page.count(of::PROBES, &[outcome], count);
        }
        page.count(of::LISTENERS_REFUSED, &[], loads.listeners_refused());
        #[cfg(feature = "delivery")]
        super::delivery::tell(&self.delivery(), page);
    }
}

fn tell(listener: &ListenerInfo, measured: bool, page: &mut Page) {
    let labels = &[&*listener.name, listener.spi.name(), &*listener.class];
    let stats = &listener.stats;
    page.count(of::CALL_ERRORS, labels, stats.errors);
    page.count(of::CALL_PANICS, labels, stats.panics);
    page.level(of::ENABLED, labels, listener.enabled.into());
    page.level(of::ACTIVE, labels, listener.active.into());
    let budget = listener.budget.as_secs_f64();
    page.put(of::CALL_BUDGET, labels, Value::Level(budget));
    if measured {
        page.count(of::CALLS, labels, stats.calls);
        page.count(of::CALLS_OVER_BUDGET, labels, stats.over_budget);
        page.put(of::CALL_DURATION, labels, Value::Times(times(stats)));
    }
}

fn times(stats: &StatsSnapshot) -> Buckets {
    let bounds = DURATION_BOUNDS.iter().map(std::time::Duration::as_secs_f64);
    let bounds = bounds.chain([f64::INFINITY]);
    Buckets {
        sum: stats.total.as_secs_f64(),
        counts: bounds.zip(stats.durations).collect(),
    }
}
