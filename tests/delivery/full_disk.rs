//! The store lies on a disk that is full: a file system of its own, a few MiB large.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use op_listener_tests::senders::{event, under_load};
use op_listener_tests::{
    Client, Numbers, Running, copy_into, output_of, say_not_run, seed, set_push, start,
    subject as subject_event,
};
use serde_json::Value;

use crate::served::{assert_whole, ids, kill, stop};
use crate::yard::{Yard, courier, eventually};

/// A yard whose store is on a small disk, which is there for as long as this is.
struct SmallDisk {
    yard: Yard,
    _holder: Running,
}

impl SmallDisk {
    /// So many KiB. Where the machine lets nobody mount anything, that is said.
    fn new(test: &str, kib: usize) -> Option<Self> {
        let yard = Yard::new();
        let data = yard.path().join("op-listener-data");
        fs::create_dir(&data).unwrap();
        let held = |then: &str| {
            let script = format!(
                "mount -t tmpfs -o size={kib}k op-listener-test \"$0\"; echo mounted >&2; {then}"
            );
            let mut command = Command::new("unshare");
            command.args(["-rm", "sh", "-ec", &script]).arg(&data);
            command
        };
        if let Err(why) = output_of(&mut held("")) {
            say_not_run(test, &why);
            return None;
        }
        // Until its standard input ends.
        let mut holder = start(&mut held("exec cat"));
        holder.wait_for("mounted");
        let yard = yard.within(holder.id());
        Some(Self {
            yard,
            _holder: holder,
        })
    }

    fn filler(&self) -> PathBuf {
        self.yard.store().with_file_name("filler")
    }

    /// Leaves no room.
    fn fill(&self) {
        let mut filler = OpenOptions::new();
        let mut filler = filler
            .create(true)
            .append(true)
            .open(self.filler())
            .unwrap();
        for size in [64 << 10, 4096] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Whether there is no room at all.
    fn is_full(&self) -> bool {
        let free = rustix::fs::statvfs(self.filler()).unwrap().f_bavail;
        free == 0
    }

    /// Makes room again.
    fn clear(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

/// A courier that tries again at once.
fn quick(size: usize) -> String {
    courier(
        "courier",
        &format!(
            "size = {size}\nbatch_messages = {BATCH}\nattempts = 1000000\nbackoff_ms = 1\n\
             backoff_max_ms = 20\npause_after_ms = 0"
        ),
    )
}

const BATCH: usize = 8;

fn post(yard: &Yard, id: &str) -> u16 {
    Client::connect(&yard.door()).post(&event(id, 0)).status
}

/// Lets the host deliver all that waits, and checks that nothing of it is lost.
fn assert_delivered<'i>(
    yard: &Yard,
    running: Running,
    answered: impl IntoIterator<Item = &'i String>,
) -> Vec<Value> {
    yard.script("");
    eventually(|| yard.waiting(&["courier"]) == 0);
    stop(running);
    assert!(yard.set_aside().is_empty());
    assert_whole(&yard.store());
    let delivered = yard.delivered();
    let known = ids(&delivered);
    for id in answered {
        assert!(known.contains(id), "{id} is lost");
    }
    delivered
}

#[test]
fn what_cannot_be_stored_is_answered_503_and_all_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::new("a disk that becomes full", 4096) else {
        return;
    };
    let yard = &disk.yard;
    yard.script("fail");
    yard.configure(&quick(3000));
    let mut running = yard.serve("1");
    fs::write(disk.filler(), vec![0; 2 << 20]).unwrap();
    let account = under_load(&yard.door(), "a", Duration::ZERO, |progress| {
        eventually(|| progress.refused.load(Relaxed) > 50);
    });
    let said = running.wait_for("[OPL0801]");
    assert!(said.contains("the disk is full: make room"), "{said}");
    for answer in account.refused.values() {
        let problem = answer.starts_with("503") && answer.contains("problem:not-stored");
        // Of some lines there was room for the first, or for none.
        let told = answer.contains("\"refusals\"") && answer.contains("cannot be stored");
        assert!(
            (problem || told) && answer.contains("retry-after"),
            "{answer}"
        );
    }
    let mut client = Client::connect(&yard.door());
    assert_eq!(client.get("/healthz").status, 200);
    // It is not taken for one that was dispatched before.
    let again = account.refused.keys().next().unwrap();
    assert_eq!(post(yard, again), 503);
    disk.clear();
    assert_eq!(post(yard, again), 204);
    let answered = account.answered.iter().chain([again]);
    let delivered = assert_delivered(yard, running, answered);
    let known = ids(&delivered);
    assert_eq!(known.len(), delivered.len(), "nothing came twice");
    let claimed = |id: &&String| known.contains(*id) && *id != again;
    assert_eq!(account.refused.keys().find(claimed), None);
    println!(
        "{} answered, {} refused",
        account.answered.len(),
        account.refused.len()
    );
}

#[test]
fn what_is_in_the_database_is_delivered_while_the_disk_is_full() {
    const EVENTS: usize = 160;

    let Some(disk) = SmallDisk::new("a disk that is full for others", 32 << 10) else {
        return;
    };
    let yard = &disk.yard;
    yard.script("hold");
    yard.configure(&quick(60_000));
    let running = yard.serve("1");
    let ids: Vec<_> = (0..EVENTS).map(|number| format!("e-{number}")).collect();
    for id in &ids {
        assert_eq!(post(yard, id), 204);
    }
    // The log is moved to it.
    eventually(|| {
        // Which is done when something has changed.
        yard.ask(&["resume", "courier"]);
        fs::metadata(yard.store()).unwrap().len() > 60_000 * EVENTS as u64
    });
    disk.fill();
    yard.script("");
    eventually(|| yard.waiting(&["courier"]) == 0);
    assert!(disk.is_full());
    disk.clear();
    let delivered = assert_delivered(yard, running, &ids);
    assert_eq!(delivered.len(), EVENTS);
}

#[test]
fn what_was_delivered_while_that_could_not_be_written_down_comes_again_only_after_a_kill() {
    for killed in [false, true] {
        let Some(disk) = SmallDisk::new("a disk that is full at the end of a delivery", 2048)
        else {
            return;
        };
        let yard = &disk.yard;
        yard.script("hold");
        yard.configure(&quick(3000));
        let mut running = yard.serve("1");
        let ids: Vec<_> = (0..3 * BATCH).map(|number| format!("e-{number}")).collect();
        for id in &ids {
            assert_eq!(post(yard, id), 204);
        }
        eventually(|| yard.path().join("script.hanging").exists());
        disk.fill();
        yard.script("");
        running.wait_for("[OPL0801]");
        let in_hand = yard.delivered().len();
        assert!((1..=BATCH).contains(&in_hand), "{in_hand}");
        if killed {
            kill(running);
            // It starts all the same, since it has a store.
            running = yard.serve("2");
            disk.clear();
        } else {
            disk.clear();
        }
        let delivered = assert_delivered(yard, running, &ids);
        let again = delivered.len() - ids.len();
        assert_eq!(again, if killed { in_hand } else { 0 });
    }
}

#[test]
fn a_host_without_a_store_does_not_start_on_a_full_disk_and_says_why() {
    let Some(disk) = SmallDisk::new("a disk that is full from the beginning", 1024) else {
        return;
    };
    let yard = &disk.yard;
    yard.configure(&quick(3000));
    disk.fill();
    let refused = yard.start("1").finish();
    assert_eq!(refused.code(), Some(3), "{}", refused.stderr);
    let why = "cannot grow, the disk is full: make room";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    disk.clear();
    let running = yard.serve("2");
    assert_eq!(post(yard, "e-1"), 204);
    assert_delivered(yard, running, &["e-1".to_owned()]);
}

#[test]
fn killed_again_and_again_on_a_disk_that_fills_a_host_loses_nothing_that_was_answered() {
    const KILLS: usize = 12;

    let Some(disk) = SmallDisk::new("kills on a full disk", 48 << 10) else {
        return;
    };
    let yard = &disk.yard;
    let seed = seed();
    let mut numbers = Numbers(seed);
    yard.configure(&quick(3000));
    let account = under_load(&yard.door(), "a", Duration::ZERO, |progress| {
        for run in 0..KILLS {
            yard.script(["", "half", "fail"][run % 3]);
            let running = yard.serve(&run.to_string());
            let before = progress.answered.load(Relaxed);
            eventually(|| progress.answered.load(Relaxed) > before);
            disk.fill();
            // Until it is felt, but for what deliveries make room for.
            let before = progress.refused.load(Relaxed);
            let soon = Instant::now() + Duration::from_secs(2);
            while progress.refused.load(Relaxed) == before && Instant::now() < soon {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_millis(numbers.next(50)));
            kill(running);
            if run % 2 == 0 {
                let mut starts = yard.start(&format!("full-{run}"));
                // It does, unless there is no room for what SQLite needs to read the log.
                starts.wait_for("[OPL0101]");
                thread::sleep(Duration::from_millis(numbers.next(400)));
                let ended = kill(starts);
                if let Some(code) = ended.code() {
                    let says_why = ended.stderr.contains("the disk is full: make room");
                    assert!(code == 3 && says_why, "{code}: {}", ended.stderr);
                }
            }
            disk.clear();
        }
    });
    let refused = |answer: &String| answer.contains("cannot be stored");
    assert!(
        account.refused.values().all(refused),
        "{:?}",
        account.refused
    );
    assert!(!account.refused.is_empty());
    let running = yard.serve("last");
    let delivered = assert_delivered(yard, running, &account.answered);
    let known = ids(&delivered);
    let claimed = |id: &&String| known.contains(*id);
    assert_eq!(
        account.refused.keys().find(claimed),
        None,
        "refused and delivered"
    );
    assert!(known.is_subset(&account.sent));
    let again = delivered.len() - known.len();
    assert!(again <= BATCH * KILLS * 2, "{again}");
    println!(
        "{} answered, {} refused, {} delivered, {again} again",
        account.answered.len(),
        account.refused.len(),
        known.len(),
    );
}

/// What is due when a code is exchanged is so again when the same is sent again.
#[test]
fn a_fact_whose_event_cannot_be_stored_comes_to_the_same_when_it_is_sent_again() {
    let Some(disk) = SmallDisk::new("facts on a full disk", 2048) else {
        return;
    };
    let yard = &disk.yard;
    copy_into(&yard.path().join("plugins"), "set_push", &set_push());
    // Nobody is there: what is pushed waits.
    yard.configure(
        "[[listener]]\nplugin = \"courier\"\nenabled = false\n\
         [[listener]]\nplugin = \"set-push\"\nname = \"push\"\nspi = [\"subject_auth_and_consent\"]\n\
         [listener.queue]\nbackoff_ms = 3600000\nbackoff_max_ms = 3600000\n[listener.config]\nenable = true\n\
         endpoint = \"http://127.0.0.1:9/\"\naudience = \"https://receiver.example.com\"\n\
         allow_hosts = \"127.0.0.1\"\n",
    );
    let running = yard.serve("1");
    // More than what is left of a page when smaller ones find no room.
    let subject = "alice".repeat(1000);
    let completed = |response_type: &str, code: &str| {
        format!(
            r#"{{"type":"authorization_completed","id":"of-{code}","issuer":"https://op.example.com","client_id":"c","subject":"{subject}","response_type":"{response_type}","code":"{code}"}}"#
        )
    };
    let exchanged = r#"{"type":"code_exchanged","id":"x-1","issuer":"https://op.example.com","code":"held","id_token_claims":{"sub":"alice"}}"#;
    let mut client = Client::connect(&yard.door());
    assert_eq!(client.post(&completed("code", "held")).status, 204);
    disk.fill();
    let mut before = 0;
    while client.post(&subject_event(&format!("e-{before}"))).status == 204 {
        before += 1;
    }
    let facts = [exchanged.to_owned(), completed("code id_token", "at-once")];
    for fact in &facts {
        let (name, problem) = client.post(fact).problem();
        assert_eq!(
            (&*name, &problem["retry"]),
            ("not-stored", &true.into()),
            "{fact}"
        );
    }
    assert_eq!(yard.waiting(&["push"]), before);
    disk.clear();
    for fact in &facts {
        assert_eq!(client.post(fact).status, 204, "{fact}");
    }
    assert_eq!(yard.waiting(&["push"]), before + 2);
    // The code of the second can be exchanged now, once.
    let exchange = exchanged.replace("held", "at-once").replace("x-1", "x-2");
    assert_eq!(client.post(&exchange).status, 204);
    let again = client.post(&exchange.replace("x-2", "x-3"));
    assert_eq!((again.status, &again.json()["ignored"]), (200, &1.into()));
    assert_eq!(yard.waiting(&["push"]), before + 2);
    stop(running);
}
