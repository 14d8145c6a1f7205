//! What the intake counts, as metrics.

use super::counts::Route;
use super::routes;
use super::shared::Shared;
use super::{Server, ServerCounts};
use crate::Spi;
use crate::metrics::families as of;
use crate::metrics::{Page, Source};

/// The classes of statuses, in the order of [`ServerCounts::requests`].
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl Source for Server {
    fn tell(&self, page: &mut Page) {
        self.shared.tell(page);
    }
}

impl Source for Shared {
    fn tell(&self, page: &mut Page) {
        let counts = self.counts();
        page.level(of::READY, &[], u64::from(routes::is_ready(self)));
        tell_requests(&counts, page);
        page.level(of::HTTP_CONNECTIONS, &[], counts.connections_open);
        page.count(of::HTTP_CONNECTIONS_ACCEPTED, &[], counts.connections);
        for (reason, count) in [
            ("limit", counts.connections_refused),
            ("timeout", counts.connections_timed_out),
        ] {
            page.count(of::HTTP_CONNECTIONS_CLOSED, &[reason], count);
        }
        page.count(of::HTTP_BODY, &[], counts.body_bytes);
        for spi in Spi::ALL {
            let label = &[spi.name()];
            page.level(of::HTTP_IN_FLIGHT, label, counts.in_flight[spi as usize]);
            page.level(
                of::HTTP_LEFT_BEHIND,
                label,
                counts.left_behind[spi as usize],
            );
            let refused = counts.overloaded[spi as usize];
            page.count(of::HTTP_OVERLOAD_REFUSALS, label, refused);
        }
        page.count(of::HTTP_DUPLICATES, &[], counts.duplicates);
        page.level(of::HTTP_REMEMBERED, &[], counts.remembered);
        page.count(of::HTTP_FORGOTTEN, &[], counts.forgotten);
    }
}

fn tell_requests(counts: &ServerCounts, page: &mut Page) {
    for route in Route::ALL {
        let by_class = counts.requests[route as usize];
        for (class, count) in CLASSES.into_iter().zip(by_class) {
            // There are 1xx and 3xx in no answer of the host's own.
            if count > 0 || matches!(class, "2xx" | "4xx" | "5xx") {
                page.count(of::HTTP_REQUESTS, &[route.name(), class], count);
            }
        }
    }
    for (reason, count) in [
        ("token", counts.unauthorized),
        ("user", counts.forbidden),
        ("room", counts.no_room),
        ("under_way", counts.in_flight_duplicates),
    ] {
        page.count(of::HTTP_REFUSALS, &[reason], count);
    }
}
