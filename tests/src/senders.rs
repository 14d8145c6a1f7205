//! Clients of the intake that post without a pause, and keep account of what they were told. One whose
//! connection ends connects again, and goes on with its next event: what was not answered is not sent
//! again.

#![allow(
    clippy::missing_panics_doc,
    reason = "an answer that no host gives fails the test"
)]

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::http::{Answer, Client, Door};

/// How many clients there are.
pub const SENDERS: usize = 8;
/// Some of them send so many events in a request.
const LINES: usize = 4;

/// What was sent, by id, and what became of it.
#[derive(Debug, Default)]
pub struct Account {
    /// All of it.
    pub sent: HashSet<String>,
    /// Those that were taken, as the answer says.
    pub answered: HashSet<String>,
    /// Those whose request nobody answered.
    pub unanswered: HashSet<String>,
    /// Those that were not, with the answer.
    pub refused: HashMap<String, String>,
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
#[derive(Debug, Default)]
pub struct Progress {
    stop: AtomicBool,
    /// How many events were taken, …
    pub answered: AtomicUsize,
    /// … and how many were answered, and not taken.
    pub refused: AtomicUsize,
}

/// Posts events for as long as `work` takes, which is told how far they are, with a pause after each
/// request. The events of a sender have ids `name-sender-number`, and it is their client.
pub fn under_load(
    door: &Door,
    name: &str,
    pause: Duration,
    work: impl FnOnce(&Progress),
) -> Account {
    let progress = Progress::default();
    thread::scope(|scope| {
        // Whatever it comes to, the senders are to end.
        let ending = Ending(&progress);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let progress = &progress;
                scope.spawn(move || post_until(progress, door, name, pause, sender))
            })
            .collect();
        work(&progress);
        drop(ending);
        let mut all = Account::default();
        for sender in senders {
            all.add(sender.join().expect("a sender that fails has said why"));
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

fn post_until(
    progress: &Progress,
    door: &Door,
    name: &str,
    pause: Duration,
    sender: usize,
) -> Account {
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
        let answer = client.try_request("POST", "/events", &fields, &lines.join("\n"));
        let Ok(Some(answer)) = answer else {
            account.unanswered.extend(ids);
            continue;
        };
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
        connection = Some(client);
        thread::sleep(pause);
    }
    account
}

/// Which lines of a request were not taken.
fn refused(answer: &Answer) -> impl Fn(usize) -> bool + use<> {
    let lines: Vec<_> = match answer.status {
        207 => {
            let told = answer.json();
            let refusals = told["refusals"].as_array().into_iter().flatten();
            refusals.map(|refusal| refusal["line"].clone()).collect()
        }
        _ => Vec::new(),
    };
    let all = !matches!(answer.status, 204 | 207);
    move |line| all || lines.contains(&line.into())
}

/// An event of the client of a sender, and of a subject that nobody else has. Its claims have its id.
pub fn event(id: &str, sender: usize) -> String {
    format!(
        r#"{{"type":"id_token_issue","id":"{id}","issuer":"https://op.example.com","client_id":"client-{sender}","subject":"subject-{sender}","claims":{{"sub":"alice","jti":"{id}"}}}}"#
    )
}

/// Of the ids of events in the order in which they came: that those of a sender that come for the first
/// time come in the order in which they were sent.
#[track_caller]
pub fn assert_in_order<'i>(ids: impl IntoIterator<Item = &'i str>) {
    let mut last: HashMap<&str, u64> = HashMap::new();
    let mut seen = HashSet::new();
    for id in ids {
        if seen.insert(id) {
            let (sender, number) = id.rsplit_once('-').expect("an id of a sender");
            let number = number.parse().expect("a number");
            let before = last.insert(sender, number);
            assert!(before < Some(number), "{id} came after {before:?}");
        }
    }
}

/// Checks what came against what was sent: all that was answered, and nothing that was not sent. How
/// much of it was not answered, and how much came again.
#[track_caller]
pub fn assert_arrived(account: &Account, came: &[&str]) -> (usize, usize) {
    let known: HashSet<&str> = came.iter().copied().collect();
    let missing = account.answered.iter().filter(|id| !known.contains(&***id));
    let missing: Vec<_> = missing.collect();
    assert!(
        missing.is_empty(),
        "{} are lost: {missing:?}",
        missing.len()
    );
    let made_up = known.iter().filter(|id| !account.sent.contains(**id));
    let made_up: Vec<_> = made_up.collect();
    assert!(made_up.is_empty(), "never sent: {made_up:?}");
    (
        known.len() - account.answered.len(),
        came.len() - known.len(),
    )
}
