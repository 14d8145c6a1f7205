use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;

use rusqlite::Connection;

use super::*;
use crate::config::QueueSettings;
use crate::delivery::Courier;
use crate::delivery::admin::{Admin, Selection};
use crate::delivery::live::Opening;
use crate::delivery::message::{Content, Outcome, Refusal};
use crate::delivery::options::{Options, Requested};

struct Nobody;

impl Courier for Nobody {
    fn sink(&self) -> u64 {
        0
    }

    fn deliver(&self, _: &[u8]) -> Result<Vec<u8>, String> {
        Err("nobody is called here".to_owned())
    }
}

fn opening(writer: &Writer, name: &str, asked: &str) -> Opening {
    let asked: Requested = serde_json::from_str(asked).unwrap();
    Opening {
        number: 1,
        queue: Arc::new(Live::new(writer.open_queue(name).unwrap(), name)),
        options: Options::new(&asked, &QueueSettings::default()),
        courier: Box::new(Nobody),
        polled: false,
        stopped: AtomicBool::new(false),
        shift: AtomicU64::new(0),
        workers: AtomicU64::new(0),
        leaves: OnceLock::new(),
    }
}

fn content(key: &str, bytes: usize) -> Content {
    Content {
        key: Some(key.to_owned()),
        payload: vec![b'x'; bytes],
        ..Content::default()
    }
}

/// What is there: waiting, their bytes, dead, their bytes.
fn there(path: &Path, queue: i64) -> [u64; 4] {
    let counts =
        "SELECT count(*) FILTER (WHERE state < 2), coalesce(sum(size) FILTER (WHERE state < 2), 0),
        count(*) FILTER (WHERE state = 2), coalesce(sum(size) FILTER (WHERE state = 2), 0)
        FROM message WHERE queue = ?1";
    let reader = Connection::open(path).unwrap();
    let row = reader.query_row(counts, [queue], |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
    });
    row.unwrap().map(i64::cast_unsigned)
}

/// The last of what is ready, as if a sink had said something else of each.
fn some_tried(path: &Path, queue: &Live) -> Vec<Settled> {
    let reader = Connection::open(path).unwrap();
    let mut some = reader
        .prepare(
            "SELECT id, ordered_by FROM message WHERE queue = ?1 AND state = 0
             ORDER BY id DESC LIMIT 20",
        )
        .unwrap();
    let settled = some.query_map([queue.number], |row| {
        let refusal = Refusal::default();
        Ok(Settled {
            number: row.get(0)?,
            ordered_by: row.get(1)?,
            outcome: match row.get::<_, i64>(0)? % 3 {
                0 => Outcome::Delivered,
                1 => Outcome::Retry(refusal, None),
                _ => Outcome::Dead(refusal),
            },
            attempts: 1,
            due_ms: 0,
        })
    });
    settled.unwrap().collect::<Result<_, _>>().unwrap()
}

/// A number below that one, each time another.
fn chance(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

#[test]
fn the_counts_are_those_of_what_is_there_whatever_was_done() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    let writer = Writer::open(&path, Durability::Process).unwrap();
    let openings = [
        opening(&writer, "plain", "{}"),
        opening(&writer, "ordered", r#"{"order": "key"}"#),
        opening(
            &writer,
            "bounded",
            r#"{"max_messages": 40, "when_full": "drop-oldest"}"#,
        ),
    ];
    let admin = Admin::open(&path).unwrap();
    let mut so_far = [0; 3];
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for turn in 0..600 {
        let which = usize::try_from(chance(&mut state, 3)).unwrap();
        let opening = &openings[which];
        let queue = &opening.queue;
        match chance(&mut state, 8) {
            0..=3 => {
                // Sometimes more than may stay uncounted.
                let many = if turn % 100 == 99 { 1500 } else { 40 };
                let pushes = (0..=chance(&mut state, many)).map(|number| {
                    let key = format!("k{}", number % 5);
                    opening.push(content(&key, 1 + turn)).unwrap()
                });
                let pushes: Vec<_> = pushes.collect();
                so_far[which] += pushes.len() as u64;
                writer.write(Work::Push(pushes)).unwrap();
            }
            4 | 5 => {
                let work = Work::Settle(Arc::clone(queue), Arc::new(some_tried(&path, queue)), 30);
                writer.write(work).unwrap();
            }
            6 => {
                let shown = admin.queue(&queue.name).unwrap().unwrap();
                let some = admin.messages(&shown, &Selection::Dead, 0, 5).unwrap();
                let some = Selection::Numbers(some.iter().map(|it| it.number).collect());
                admin
                    .retry(&shown, &some, &mut |_| ControlFlow::Continue(()))
                    .unwrap();
            }
            _ => {
                let shown = admin.queue(&queue.name).unwrap().unwrap();
                let last: i64 = Connection::open(&path)
                    .unwrap()
                    .query_row("SELECT coalesce(max(id), 0) FROM message", [], |row| {
                        row.get(0)
                    })
                    .unwrap();
                let last = Selection::Numbers((last - 5..=last).collect());
                admin
                    .purge(&shown, &last, &mut |_| ControlFlow::Continue(()))
                    .unwrap();
            }
        }
        for (opening, pushed) in openings.iter().zip(so_far) {
            let queue = &opening.queue;
            let expected = there(&path, queue.number);
            let shown = admin.queue(&queue.name).unwrap().unwrap();
            let of_admin = [
                shown.waiting,
                shown.waiting_bytes,
                shown.dead,
                shown.dead_bytes,
            ];
            assert_eq!(of_admin, expected, "turn {turn}: as an operator sees it");
            assert_eq!(shown.pushed, pushed, "turn {turn}");
        }
        if chance(&mut state, 4) == 0 {
            let queues = openings.iter().map(|it| Arc::clone(&it.queue)).collect();
            writer.write(Work::Look(queues)).unwrap();
        } else {
            writer
                .write(Work::Push(vec![opening.push(content("k", 1)).unwrap()]))
                .unwrap();
            so_far[which] += 1;
        }
        let known = queue.snapshot(None);
        assert_eq!(
            [
                known.waiting,
                known.waiting_bytes,
                known.dead,
                known.dead_bytes
            ],
            there(&path, queue.number),
            "turn {turn}: as the host knows it"
        );
    }
    assert!(openings[2].queue.snapshot(None).dropped > 0);
}

#[test]
fn callers_that_come_together_share_commits_and_keep_the_order_of_each_key() {
    const CALLERS: u64 = 16;
    const PUSHES: u64 = 40;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    let writer = Writer::open(&path, Durability::Disk).unwrap();
    let opening = opening(&writer, "ordered", r#"{"order": "key"}"#);
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (writer, opening) = (&writer, &opening);
            scope.spawn(move || {
                for number in 1..=PUSHES {
                    // Each caller's own key, and one for all of them.
                    let own = content(&format!("k{caller}"), usize::try_from(number).unwrap());
                    let pushes = [own, content("all", 1)].map(|it| opening.push(it).unwrap());
                    writer.write(Work::Push(pushes.into())).unwrap();
                }
            });
        }
    });
    let commits = writer.commits.snapshot();
    assert_eq!(commits.messages, CALLERS * PUSHES * 2);
    let reader = Connection::open(&path).unwrap();
    let number = |asked: &str| -> u64 {
        let number: i64 = reader.query_row(asked, [], |row| row.get(0)).unwrap();
        number.cast_unsigned()
    };
    assert_eq!(number("SELECT count(*) FROM message"), CALLERS * PUSHES * 2);
    assert_eq!(
        number("SELECT count(*) FROM message WHERE state = 0"),
        CALLERS + 1,
        "the first of each key is ready"
    );
    let out_of_order = "SELECT count(*) FROM message AS first JOIN message AS later
        ON first.key = later.key AND first.id < later.id
        WHERE first.key <> 'all' AND length(first.payload) > length(later.payload)";
    assert_eq!(number(out_of_order), 0);
    let first = "SELECT count(*) FROM message WHERE state = 0 AND id IN
        (SELECT min(id) FROM message GROUP BY key)";
    assert_eq!(number(first), CALLERS + 1);
    writer.close();
    let late = vec![opening.push(content("k0", 1)).unwrap()];
    let refused = writer.write(Work::Push(late)).unwrap_err();
    assert_eq!(*refused.kind(), StoreErrorKind::Closed);
    assert_eq!(opening.queue.snapshot(None).rejected, 1);
}

#[test]
fn what_was_not_counted_is_saved_from_a_store_whose_end_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    let writer = Writer::open(&path, Durability::Process).unwrap();
    let opening = opening(&writer, "q", "{}");
    for _ in 0..60 {
        let pushed = vec![opening.push(content("k", 3000)).unwrap()];
        writer.write(Work::Push(pushed)).unwrap();
    }
    writer.close();
    let counted: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT last_message FROM queue", [], |row| row.get(0))
        .unwrap();
    assert!(counted < 60, "{counted}");
    let store = std::fs::File::options().write(true).open(&path).unwrap();
    let length = store.metadata().unwrap().len();
    store.set_len(length - 3 * 4096).unwrap();

    let writer = Writer::open(&path, Durability::Process).unwrap();
    let [saved, ..] = there(&path, opening.queue.number);
    assert!((40..60).contains(&saved), "{saved}");
    writer.close();
}
