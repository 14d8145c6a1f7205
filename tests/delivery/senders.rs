//! Clients of the intake that post without a pause, and keep account of what they were told. One whose
//! connection ends connects again, and goes on with its next event: what was not answered is not sent
//! again.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use op_listener_tests::{Answer, Client, Door};

/// How many clients there are.
pub(crate) const SENDERS: usize = 8;
/// Some of them send so many events in a request.
const LINES: usize = 4;

/// What was sent, by id, and what became of it.
#[derive(Default)]
pub(crate) struct Account {
    /// All of it.
    pub(crate) sent: HashSet<String>,
    /// Those that were taken, as the answer says.
    pub(crate) answered: HashSet<String>,
    /// Those whose request nobody answered.
    pub(crate) unanswered: HashSet<String>,
    /// Those that were not, with the answer.
    pub(crate) refused: HashMap<String, String>,
}

impl Account {
    fn add(&mut self, other: Self) {
        self.sent.extend(other.sent);
        self.answered.extend(other.answered);
        self.unanswered.extend(other.unanswered);
        self.refused.extend(other.refused);
    }
}

/// How far the senders are.
#[derive(Default)]
pub(crate) struct Progress {
    stop: AtomicBool,
    /// How many events were taken, …
    pub(crate) answered: AtomicUsize,
    /// … and how many were answered, and not taken.
    pub(crate) refused: AtomicUsize,
}

/// Posts events for as long as `work` takes, which is told how far they are. The events of a sender
/// have ids `name-sender-number`, and it is their client.
pub(crate) fn under_load(door: &Door, name: &str, work: impl FnOnce(&Progress)) -> Account {
    let progress = Progress::default();
    thread::scope(|scope| {
        // Whatever it comes to, the senders are to end.
        let ending = Ending(&progress);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let progress = &progress;
                scope.spawn(move || post_until(progress, door, name, sender))
            })
            .collect();
        work(&progress);
        drop(ending);
        let mut all = Account::default();
        for sender in senders {
            all.add(sender.join().unwrap());
        }
        all
    })
}

struct Ending<'p>(&'p Progress);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Relaxed);
    }
}

fn post_until(progress: &Progress, door: &Door, name: &str, sender: usize) -> Account {
    let events = if sender % 4 == 3 { LINES } else { 1 };
    let mut account = Account::default();
    let mut connection = None;
    let mut next = 0;
    while !progress.stop.load(Relaxed) {
        let Some(mut client) = connection.take().or_else(|| Client::try_connect(door).ok()) else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        let ids: Vec<_> = (next..next + events)
            .map(|number| format!("{name}-{sender}-{number}"))
            .collect();
        next += events;
        account.sent.extend(ids.iter().cloned());
        let lines: Vec<_> = ids.iter().map(|id| event(id, sender)).collect();
        let media = if events == 1 { "json" } else { "x-ndjson" };
        let fields = format!("Content-Type: application/{media}\r\n");
        match client.try_request("POST", "/events", &fields, &lines.join("\n")) {
            Ok(Some(answer)) => {
                let refused = refused(&answer);
                for (index, id) in ids.into_iter().enumerate() {
                    if refused(index + 1) {
                        progress.refused.fetch_add(1, Relaxed);
                        account.refused.insert(id, format!("{answer:?}"));
                    } else {
                        progress.answered.fetch_add(1, Relaxed);
                        account.answered.insert(id);
                    }
                }
            }
            Ok(None) | Err(_) => {
                account.unanswered.extend(ids);
                continue;
            }
        }
        connection = Some(client);
    }
    account
}

/// Which lines of a request were not taken.
fn refused(answer: &Answer) -> impl Fn(usize) -> bool + use<> {
    let lines: Vec<_> = match answer.status {
        207 => {
            let told = answer.json();
            let refusals = told["refusals"].as_array().unwrap().iter();
            refusals.map(|refusal| refusal["line"].clone()).collect()
        }
        _ => Vec::new(),
    };
    let all = !matches!(answer.status, 204 | 207);
    move |line| all || lines.contains(&line.into())
}

/// An event of the client of a sender.
pub(crate) fn event(id: &str, sender: usize) -> String {
    format!(
        r#"{{"type":"id_token_issue","id":"{id}","issuer":"https://op.example.com","client_id":"client-{sender}","subject":"alice","claims":{{"sub":"alice"}}}}"#
    )
}
