//! Which resource a request is for, and the answers of all but `/events`.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{self, Answer, Problem, closing, json, method_not_allowed, with};
use super::body;
use super::connection::{Door, Visit};
use super::counts::Route;
use super::events;
use super::framing;
#[cfg(feature = "delivery")]
use super::poll;
use super::shared::Shared;
use crate::{Spi, metrics};

/// An SPI that has no room for so long makes the host not ready.
const SATURATED: Duration = Duration::from_secs(3);

/// What is asked for.
pub(super) fn route(path: &str) -> Route {
    match path {
        "/events" => Route::Events,
        "/healthz" => Route::Healthz,
        "/readyz" => Route::Readyz,
        "/metrics" => Route::Metrics,
        "/.well-known/jwks.json" => Route::Jwks,
        #[cfg(feature = "delivery")]
        stream if stream.starts_with(poll::PATH) => Route::Set,
        _ => Route::Other,
    }
}

/// Answers a request.
pub(super) async fn answer(visit: &Visit, request: Request<Incoming>) -> Answer {
    let watch = &visit.shared.watch;
    visit.pace.header_read(watch.round());
    let route = route(request.uri().path());
    let last = framing::is_last(&request);
    let answer = if !visit.peer.allowed {
        closing(forbidden(visit))
    } else if let Some(problem) = framing::fault(&request) {
        body::linger(request.into_body());
        closing(problem.answer())
    } else if route == Route::Events {
        events::post(visit, request).await
    } else {
        beside_events(visit, route, request).await
    };
    let answer = if last { closing(answer) } else { answer };
    visit.shared.counts.answered(route, answer.status());
    visit.pace.answered(watch.round());
    answer
}

#[cfg(feature = "delivery")]
async fn beside_events(visit: &Visit, route: Route, request: Request<Incoming>) -> Answer {
    match route {
        // Of a size that other requests need not have room for.
        Route::Set => Box::pin(poll::post(visit, request)).await,
        _ => get(visit, route, &request).await,
    }
}

#[cfg(not(feature = "delivery"))]
async fn beside_events(visit: &Visit, route: Route, request: Request<Incoming>) -> Answer {
    get(visit, route, &request).await
}

async fn get(visit: &Visit, route: Route, request: &Request<Incoming>) -> Answer {
    if route == Route::Other {
        let title = "There is no such resource";
        let detail = "events are posted to /events";
        return Problem::new(StatusCode::NOT_FOUND, "not-found", title, detail).answer();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return method_not_allowed("GET, HEAD").answer();
    }
    if let Some(problem) = framing::misdirected(visit, request) {
        return closing(problem.answer());
    }
    match route {
        Route::Jwks => with(
            answer::body(
                StatusCode::OK,
                HeaderValue::from_static("application/jwk-set+json"),
                visit.shared.host.jwk_set(),
            ),
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        ),
        Route::Readyz | Route::Metrics => match inside(visit, request) {
            Ok(()) if route == Route::Metrics => exposition(&visit.shared),
            Ok(()) => readiness(&visit.shared).await,
            Err(problem) => problem.answer(),
        },
        _ => uncached(json(StatusCode::OK, &json!({ "status": "serving" }))),
    }
}

/// Whether somebody may look inside: whoever is on this machine, and elsewhere who may post events.
fn inside(visit: &Visit, request: &Request<Incoming>) -> Result<(), Problem> {
    match visit.peer.door {
        Door::Unix | Door::Tcp { loopback: true } => Ok(()),
        Door::Tcp { loopback: false } => events::bearer(visit, request.headers()),
    }
}

/// What is counted, as OpenMetrics text.
fn exposition(shared: &Shared) -> Answer {
    let text = metrics::exposition(&[&*shared.host, &*shared.feed, shared]);
    let media = HeaderValue::from_static(metrics::CONTENT_TYPE);
    uncached(answer::body(StatusCode::OK, media, text))
}

/// Whether the host can take events of all SPIs, as far as is known without asking anybody.
pub(super) fn is_ready(shared: &Shared) -> bool {
    let store = shared.feed.flow().store_stats();
    store.is_none_or(|store| store.answers) && hindrances(shared).is_empty()
}

/// Asks the store of the flow rule whether it answers, and says what is wrong if it does not.
async fn store_hindrance(shared: &Arc<Shared>) -> Option<Value> {
    shared.feed.flow().store_stats()?;
    let feed = Arc::clone(&shared.feed);
    // It may take its time to answer, and has a time limit.
    let asked = tokio::task::spawn_blocking(move || feed.flow().ready()).await;
    let error = asked.ok()?.err()?;
    Some(json!({ "reason": "flow_store", "detail": error.to_string() }))
}

/// Why the host cannot take events of all SPIs.
fn hindrances(shared: &Shared) -> Vec<Value> {
    let mut reasons = Vec::new();
    for spi in Spi::ALL {
        let full_for = shared.calls.full_for(spi);
        if let Some(time) = full_for.filter(|time| *time >= SATURATED) {
            let mut detail = format!(
                "{} events, all that `concurrency` allows, have been with the listeners of this SPI \
                 for {} s: one of them is slow, or does not come back",
                shared.calls.bound(),
                time.as_secs(),
            );
            let left = shared.calls.left()[spi as usize];
            if left >= shared.calls.bound() {
                detail.push_str("; as many were given up already, so only a restart helps");
            }
            reasons.push(json!({
                "reason": "saturated",
                "spi": spi.name(),
                "detail": detail,
            }));
        }
    }
    reasons.extend(missing_listeners(shared));
    if shared.is_stopping() {
        reasons.push(json!({ "reason": "stopping", "detail": "the host was asked to stop" }));
    }
    reasons
}

/// Listeners that the configuration does not do without, and that are not there: events would be
/// taken and answered as if nothing were missing.
fn missing_listeners(shared: &Shared) -> Option<Value> {
    let missing = shared.host.missing_listeners();
    let needed = missing.iter().filter(|listener| listener.needed);
    let names: Vec<&str> = needed.map(|listener| listener.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    Some(json!({
        "reason": "listener_missing",
        "listeners": names,
        "detail": "nothing is in service of entries that the host would not start without: put their \
                   plugins back and reload, or remove the entries or switch them off",
    }))
}

async fn readiness(shared: &Arc<Shared>) -> Answer {
    shared.give_up_left_behind();
    let mut reasons = hindrances(shared);
    reasons.extend(store_hindrance(shared).await);
    let (ready, in_flight) = (reasons.is_empty(), shared.calls.in_flight());
    let left = shared.calls.left();
    let spis: Map<_, _> = Spi::ALL
        .into_iter()
        .map(|spi| {
            let state = json!({
                "in_flight": in_flight[spi as usize],
                "left_behind": left[spi as usize],
                "concurrency": shared.calls.bound(),
            });
            (spi.name().to_owned(), state)
        })
        .collect();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let state = json!({ "ready": ready, "reasons": reasons, "spi": Value::Object(spis) });
    uncached(json(status, &state))
}

fn uncached(answer: Answer) -> Answer {
    with(answer, CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

fn forbidden(visit: &Visit) -> Answer {
    visit.shared.forbade(&visit.peer.name);
    let title = "This user may not use the socket";
    let detail = "`unix_peers` under [intake] does not name the user of your process";
    Problem::new(StatusCode::FORBIDDEN, "forbidden", title, detail).answer()
}
