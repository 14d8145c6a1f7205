//! A fetched queue over a store of its own.

#![cfg(feature = "server")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::config::{Config, QueueSettings};
use crate::delivery::admin::{Admin, Selection};
use crate::delivery::{Content, Courier, Delivery, Opening, Options, Refusal, Requested, Stream};

const LONG: Duration = Duration::from_hours(1);

struct Queue {
    delivery: Delivery,
    opening: Arc<Opening>,
    dir: tempfile::TempDir,
}

/// A sink that takes nothing.
struct Away;

impl Courier for Away {
    fn sink(&self) -> u64 {
        1
    }

    fn deliver(&self, _: &[u8]) -> Result<Vec<u8>, String> {
        Err("away".to_owned())
    }
}

fn options() -> Options {
    let asked: Requested = serde_json::from_value(json!({ "attempts": 1_000_000 })).unwrap();
    Options::new(&asked, &QueueSettings::default())
}

fn delivery(dir: &Path) -> Delivery {
    Delivery::new(&Config::defaults(dir))
}

fn set(id: &str, length: usize) -> Content {
    Content {
        id: Some(id.to_owned()),
        content_type: Some("application/secevent+jwt".to_owned()),
        payload: vec![b'x'; length],
        ..Content::default()
    }
}

impl Queue {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let delivery = delivery(dir.path());
        let opening = delivery.open_polled("q", options()).unwrap();
        Self {
            delivery,
            opening,
            dir,
        }
    }

    fn push(&self, content: Content) {
        let push = self.opening.push(content).unwrap();
        self.delivery.commit(vec![push]).unwrap();
    }

    fn stream(&self) -> Stream {
        self.delivery.stream("q").unwrap()
    }

    /// The ids of what is handed out, and whether there is more.
    fn take(&self, most: usize) -> (Vec<String>, bool) {
        let taken = self.stream().take(most, LONG).unwrap();
        let ids = taken.sets.into_iter().map(|(id, _)| id);
        (ids.collect(), taken.more)
    }

    fn store(&self) -> std::path::PathBuf {
        Config::defaults(self.dir.path()).queue_path()
    }

    fn reasons(&self) -> Vec<String> {
        let admin = Admin::open(&self.store()).unwrap();
        let queue = admin.queue("q").unwrap().unwrap();
        let dead = admin.messages(&queue, &Selection::Dead, 0, 100).unwrap();
        dead.into_iter().filter_map(|dead| dead.reason).collect()
    }
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn only_sets_get_in() {
    let queue = Queue::new();
    let no_sets = [
        Content {
            content_type: Some("application/json".to_owned()),
            ..set("a", 9)
        },
        Content {
            id: None,
            ..set("a", 9)
        },
        set("a", 0),
        Content {
            payload: b"a\"b".to_vec(),
            ..set("a", 9)
        },
    ];
    for content in no_sets {
        let refused = queue.opening.push(content).err().unwrap().to_string();
        assert!(refused.contains("'q'"), "{refused}");
    }
    assert!(queue.take(9).0.is_empty());
}

#[test]
fn what_is_handed_out_is_so_after_a_restart_as_well() {
    let queue = Queue::new();
    queue.push(set("a", 9));
    queue.push(set("b", 9));
    assert_eq!(queue.take(1), (ids(&["a"]), true));
    queue.delivery.stop();
    queue.delivery.end();
    assert!(queue.delivery.stream("q").is_none());
    let delivery = delivery(queue.dir.path());
    let opening = delivery.open_polled("q", options()).unwrap();
    let again = Queue {
        delivery,
        opening,
        dir: queue.dir,
    };
    assert_eq!(again.take(9), (ids(&["b"]), false));
    // Acknowledged is what was handed out, whoever did so.
    again
        .stream()
        .receipt(ids(&["a", "b"]), Vec::new())
        .unwrap();
    assert_eq!(again.delivery.snapshot().queues[0].waiting, 0);
}

#[test]
fn an_answer_is_bounded_in_bytes_and_one_always_fits() {
    let queue = Queue::new();
    for (id, length) in [("a", 3 << 20), ("b", 600_000), ("c", 600_000)] {
        queue.push(set(id, length));
    }
    assert_eq!(queue.take(0), (ids(&[]), true));
    assert_eq!(queue.take(9), (ids(&["a"]), true));
    assert_eq!(queue.take(9), (ids(&["b"]), true));
    assert_eq!(queue.take(9), (ids(&["c"]), false));
    let taken = queue.stream().take(9, LONG).unwrap();
    let next = taken.next.unwrap();
    assert!(next > LONG / 2 && next <= LONG, "{next:?}");
}

#[test]
fn two_sets_of_one_jti_are_in_two_answers_and_one_acknowledgement_is_for_both() {
    let queue = Queue::new();
    for id in ["a", "a", "b"] {
        queue.push(set(id, 9));
    }
    assert_eq!(queue.take(9), (ids(&["a", "b"]), true));
    assert_eq!(queue.take(9), (ids(&["a"]), false));
    queue.stream().receipt(ids(&["a"]), Vec::new()).unwrap();
    let snapshot = &queue.delivery.snapshot().queues[0];
    assert_eq!((snapshot.waiting, snapshot.delivered), (1, 2));
}

#[test]
fn any_number_is_acknowledged_and_refused_at_once() {
    let queue = Queue::new();
    let all: Vec<_> = (0..1000).map(|n| format!("s{n:04}")).collect();
    let pushes = all.iter().map(|id| queue.opening.push(set(id, 9)).unwrap());
    queue.delivery.commit(pushes.collect()).unwrap();
    assert_eq!(queue.take(2000), (all.clone(), false));
    let why = Refusal {
        reason: "invalid_key".to_owned(),
        ..Refusal::default()
    };
    let refused = all[..450].iter().map(|id| (id.clone(), why.clone()));
    queue
        .stream()
        .receipt(all.clone(), refused.collect())
        .unwrap();
    let snapshot = &queue.delivery.snapshot().queues[0];
    assert_eq!((snapshot.delivered, snapshot.died), (550, 450));
    assert_eq!((snapshot.waiting, snapshot.dead), (0, 450));
}

#[test]
fn what_is_damaged_or_no_set_becomes_a_dead_letter_and_holds_nobody_up() {
    let queue = Queue::new();
    for id in ["a", "b"] {
        queue.push(set(id, 9));
    }
    let store = Connection::open(queue.store()).unwrap();
    let damage = "UPDATE message SET payload = X'61' WHERE dedup_id = 'a'";
    assert_eq!(store.execute(damage, []), Ok(1));
    // What a listener with a sink has left there.
    let other = queue.delivery.open("q", options(), Box::new(Away)).unwrap();
    assert!(queue.delivery.stream("q").is_none());
    let left = other.push(Content {
        payload: b"{}".to_vec(),
        ..Content::default()
    });
    queue.delivery.commit(vec![left.unwrap()]).unwrap();
    queue.delivery.close(&other);
    assert_eq!(queue.take(9), (ids(&["b"]), false));
    let mut reasons = queue.reasons();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            "it was damaged in the store",
            "its content type is not `application/secevent+jwt`"
        ]
    );
}
