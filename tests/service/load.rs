//! Senders who keep their connections, post without a pause, and keep account of what they were told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use op_listener_tests::{Answer, Client, Door, id_token};

/// How many events a request of each sender has.
const SENDERS: [usize; 5] = [1, 1, 1, 40, 40];

/// What senders posted, and what they were told of it.
#[derive(Default)]
pub(crate) struct Account {
    /// How many events were in requests, each as often as it was in one.
    pub(crate) sent: usize,
    /// The ids of those that were taken.
    pub(crate) taken: Vec<String>,
    /// How often one was turned away. It was sent again.
    pub(crate) turned_away: usize,
    /// The ids of those in requests that nobody answered.
    pub(crate) unanswered: Vec<String>,
}

/// Posts events for as long as `work` takes, which is told how many were taken so far, or until
/// the host ends the connections.
pub(crate) fn under_load(door: &Door, work: impl FnOnce(&AtomicUsize)) -> Account {
    let (stop, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        // Whatever it comes to, the senders are to end.
        let ending = Ending(&stop);
        let senders = SENDERS.iter().enumerate().map(|(sender, events)| {
            let (stop, taken) = (&stop, &taken);
            scope.spawn(move || post_until(stop, door, sender, *events, taken))
        });
        let senders: Vec<_> = senders.collect();
        work(&taken);
        drop(ending);
        let mut all = Account::default();
        for sender in senders {
            let mut account = sender.join().unwrap();
            all.sent += account.sent;
            all.taken.append(&mut account.taken);
            all.turned_away += account.turned_away;
            all.unanswered.append(&mut account.unanswered);
        }
        all
    })
}

struct Ending<'s>(&'s AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn post_until(
    stop: &AtomicBool,
    door: &Door,
    sender: usize,
    events: usize,
    taken: &AtomicUsize,
) -> Account {
    let mut client = Client::connect(door);
    let mut account = Account::default();
    for first in (0..).step_by(events) {
        if stop.load(Relaxed) {
            break;
        }
        let ids = first..first + events;
        let mut ids: Vec<_> = ids.map(|number| format!("{sender}-{number}")).collect();
        while !ids.is_empty() {
            account.sent += ids.len();
            let Some(answer) = post(&mut client, &ids) else {
                account.unanswered = ids;
                return account;
            };
            let turned_away = turned_away(&answer, ids.len());
            account.turned_away += turned_away.len();
            taken.fetch_add(ids.len() - turned_away.len(), Relaxed);
            let mut again = Vec::new();
            for (index, id) in ids.into_iter().enumerate() {
                let into = if turned_away.contains(&index) {
                    &mut again
                } else {
                    &mut account.taken
                };
                into.push(id);
            }
            ids = again;
            if !ids.is_empty() {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    account
}

/// Posts events, one as such and several as lines; `None` if the connection ends instead.
fn post(client: &mut Client, ids: &[String]) -> Option<Answer> {
    let media = if ids.len() == 1 { "json" } else { "x-ndjson" };
    let lines: Vec<_> = ids.iter().map(|id| id_token(id)).collect();
    let fields = format!("Content-Type: application/{media}\r\n");
    let answer = client.try_request("POST", "/events", &fields, &lines.join("\n"));
    answer.ok().flatten()
}

/// Which of so many events are to be sent again; all others were taken.
fn turned_away(answer: &Answer, events: usize) -> Vec<usize> {
    if answer.status == 204 {
        return Vec::new();
    }
    assert!(matches!(answer.status, 207 | 503), "{answer:?}");
    let told = answer.json();
    let Some(refusals) = told["refusals"].as_array() else {
        assert_eq!((events, &told["retry"]), (1, &true.into()), "{answer:?}");
        return vec![0];
    };
    let lines = refusals.iter().map(|refusal| {
        assert_eq!(refusal["retry"], true, "{answer:?}");
        usize::try_from(refusal["line"].as_u64().unwrap() - 1).unwrap()
    });
    let lines: Vec<_> = lines.collect();
    let taken = events - lines.len();
    let counts = ["dispatched", "refused", "duplicates", "failures"].map(|name| &told[name]);
    assert_eq!(counts, [taken, lines.len(), 0, 0], "{answer:?}");
    lines
}
