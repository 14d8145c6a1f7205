//! The store of a running host: one file, which no other host may have, and the queues in it.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::admin::Holder;
use super::error::{StoreError, StoreErrorKind};
use super::live::{Live, Opening, Push};
use super::message::now_ms;
use super::options::Options;
use super::poll::Step;
use super::stats::DeliverySnapshot;
use super::writer::{Work, Writer};
use super::{Courier, connect, watch, worker};
use crate::config::DeliveryConfig;

/// The store of a running host.
pub(super) struct Store {
    pub(super) writer: Writer,
    pub(super) config: DeliveryConfig,
    queues: Mutex<BTreeMap<String, Arc<Live>>>,
    pub(super) closing: AtomicBool,
    watch: Mutex<Option<JoinHandle<()>>>,
    /// Locked for as long as the host has the store; a thread that is lost may keep all else for longer.
    lock: Mutex<Option<File>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens the store at that path, made if need be.
    pub(super) fn open(path: &Path, config: &DeliveryConfig) -> Result<Arc<Self>, StoreError> {
        let held = hold(path)?;
        let store = Arc::new(Self {
            writer: Writer::open(path, config.durability)?,
            config: config.clone(),
            queues: Mutex::default(),
            closing: AtomicBool::new(false),
            watch: Mutex::default(),
            lock: Mutex::new(Some(held)),
        });
        let watched = Arc::clone(&store);
        let watch = thread::Builder::new()
            .name("queue-watch".to_owned())
            .spawn(move || watch::run(&watched))
            .map_err(|error| StoreError::io(path, error))?;
        *lock(&store.watch) = Some(watch);
        Ok(store)
    }

    /// Opens a queue, made if need be. From now on its messages go to this sink; an earlier opening's
    /// calls end as they come back.
    pub(super) fn open_queue(
        self: &Arc<Self>,
        number: u64,
        name: &str,
        options: Options,
        courier: Box<dyn Courier>,
        polled: bool,
    ) -> Result<Arc<Opening>, StoreError> {
        let mut queues = lock(&self.queues);
        let queue = if let Some(queue) = queues.get(name) {
            Arc::clone(queue)
        } else {
            let queue = Arc::new(Live::new(self.writer.open_queue(name)?, name));
            self.writer.write(Work::Look(vec![Arc::clone(&queue)]))?;
            queues.insert(name.to_owned(), Arc::clone(&queue));
            queue
        };
        let opening = Arc::new(Opening {
            number,
            queue: Arc::clone(&queue),
            options,
            courier,
            polled,
            stopped: AtomicBool::new(false),
            shift: AtomicU64::new(0),
            workers: AtomicU64::new(0),
            leaves: OnceLock::new(),
        });
        self.put_in_order(&opening)?;
        self.set_mode(&opening)?;
        let mut plan = queue.plan();
        let before = plan.openings.last().cloned();
        plan.openings.push(Arc::clone(&opening));
        drop(plan);
        self.tell(&queues);
        if let Some(before) = before {
            before.stop();
        }
        self.start(&opening)?;
        Ok(opening)
    }

    /// Makes what waits in the queue ordered, or not, as its sink wants it now.
    fn put_in_order(&self, opening: &Opening) -> Result<(), StoreError> {
        let path = self.writer.path();
        let number = opening.queue.number;
        let ordered = opening.options.is_ordered();
        let is_ordered: bool = connect::reader(path)?
            .query_row("SELECT ordered FROM queue WHERE id = ?1", [number], |row| {
                row.get(0)
            })
            .map_err(|error| StoreError::sqlite(path, error))?;
        if is_ordered == ordered {
            return Ok(());
        }
        let mut last = 0;
        loop {
            last = self.writer.write(Work::Reorder(number, ordered, last))?;
            if last == 0 {
                return Ok(());
            }
        }
    }

    /// Notes that the queue's messages are fetched, or handed to a sink, where it was otherwise before.
    fn set_mode(&self, opening: &Opening) -> Result<(), StoreError> {
        let path = self.writer.path();
        let queue = &opening.queue;
        let polled: bool = connect::reader(path)?
            .query_row(
                "SELECT polled FROM queue WHERE id = ?1",
                [queue.number],
                |row| row.get(0),
            )
            .map_err(|error| StoreError::sqlite(path, error))?;
        if polled != opening.polled {
            let step = Step::Mode(opening.polled);
            self.writer.write(Work::Poll(Arc::clone(queue), step))?;
        }
        Ok(())
    }

    fn start(self: &Arc<Self>, opening: &Arc<Opening>) -> Result<(), StoreError> {
        let shift = opening.begin();
        if opening.polled {
            return Ok(());
        }
        for _ in 0..opening.options.concurrency {
            let (store, opening) = (Arc::clone(self), Arc::clone(opening));
            opening.workers.fetch_add(1, Relaxed);
            let name = format!("queue-{}", opening.queue.name);
            let working = Arc::clone(&opening);
            let started = thread::Builder::new()
                .name(name)
                .spawn(move || worker::run(&store, &working, shift));
            if let Err(error) = started {
                opening.workers.fetch_sub(1, Relaxed);
                return Err(StoreError::io(self.writer.path(), error));
            }
        }
        Ok(())
    }

    /// Closes an opening: waits until its sink is not called any more, and lets the one before it,
    /// if it is still there, go on in its place. Says whether it came to rest in time.
    pub(super) fn close_queue(self: &Arc<Self>, opening: &Arc<Opening>, deadline: Instant) -> bool {
        let deadline = opening.leave(deadline);
        let rests = worker::is_worker_of(opening) || opening.wait(deadline);
        let queues = lock(&self.queues);
        let mut plan = opening.queue.plan();
        let was_last = plan
            .openings
            .last()
            .is_some_and(|last| last.number == opening.number);
        plan.openings.retain(|other| other.number != opening.number);
        // One that is leaving as well has nothing to begin.
        let next = plan.openings.last().filter(|_| was_last).cloned();
        let next = next.filter(|next| next.leaves.get().is_none());
        drop(plan);
        self.tell(&queues);
        if let Some(next) = next
            && !self.closing.load(Relaxed)
        {
            // Where that fails, nothing is lost by it but time.
            let _ = self.set_mode(&next);
            // Where no thread can be made, what waits stays until the next opening.
            let _ = self.start(&next);
        }
        drop(queues);
        rests
    }

    /// Writes beside the store which queues are open.
    fn tell(&self, queues: &BTreeMap<String, Arc<Live>>) {
        let open = queues.values();
        let open = open.filter(|queue| !queue.plan().openings.is_empty());
        let open: Vec<_> = open.map(|queue| &*queue.name).collect();
        if let Some(held) = &mut *lock(&self.lock) {
            // It is for operators to see, and nothing depends on it.
            let _ = note(held, &open);
        }
    }

    /// Commits what was pushed during one dispatch, all of it or nothing.
    pub(super) fn commit(&self, pushes: Vec<Push>) -> Result<(), StoreError> {
        self.writer.write(Work::Push(pushes)).map(drop)
    }

    /// The queue of that name, if it was opened.
    #[cfg(feature = "server")]
    pub(super) fn queue(&self, name: &str) -> Option<Arc<Live>> {
        lock(&self.queues).get(name).cloned()
    }

    /// All queues that were opened.
    pub(super) fn queues(&self) -> Vec<Arc<Live>> {
        lock(&self.queues).values().cloned().collect()
    }

    /// Lets no call of a sink begin any more, and waits for those under way until then. Says how many
    /// queues did not come to rest.
    pub(super) fn stop(&self, deadline: Instant) -> usize {
        self.closing.store(true, Relaxed);
        let openings: Vec<_> = self
            .queues()
            .iter()
            .flat_map(|queue| queue.plan().openings.clone())
            .collect();
        for opening in &openings {
            opening.leave(deadline);
        }
        let rests = openings.iter().map(|opening| opening.wait(deadline));
        rests.filter(|rests| !rests).count()
    }

    /// Closes the store. What is pushed later fails.
    pub(super) fn close(&self) {
        self.closing.store(true, Relaxed);
        if let Some(watch) = lock(&self.watch).take() {
            watch.thread().unpark();
            // It has nothing to say.
            let _ = watch.join();
        }
        for queue in std::mem::take(&mut *lock(&self.queues)).into_values() {
            queue.plan().openings.clear();
        }
        self.writer.close();
        drop(lock(&self.lock).take());
    }

    pub(super) fn snapshot(&self) -> DeliverySnapshot {
        let reader = connect::reader(self.writer.path()).ok();
        let oldest = |queue: &Live| {
            let pushed: Option<i64> = reader.as_ref().and_then(|reader| {
                let oldest = "SELECT pushed_ms FROM message WHERE queue = ?1 AND state < 2 ORDER BY id LIMIT 1";
                reader.query_row(oldest, [queue.number], |row| row.get(0)).ok()
            });
            let age = pushed.map(|pushed| now_ms().saturating_sub(pushed));
            age.map(|age| Duration::from_millis(u64::try_from(age).unwrap_or(0)))
        };
        let queues = self.queues();
        DeliverySnapshot {
            queues: queues
                .iter()
                .map(|queue| queue.snapshot(oldest(queue)))
                .collect(),
            commits: self.writer.commits.snapshot(),
        }
    }
}

/// Takes the store for this host. The lock goes with the file, or with the process.
fn hold(path: &Path) -> Result<File, StoreError> {
    let beside = connect::beside(path, ".lock");
    let failed = |error| StoreError::io(&beside, error);
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let kind = StoreErrorKind::InUse(read_process(&mut file));
            return Err(StoreError::new(path, kind));
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    // For the message of the next one that wants it.
    let _ = note(&mut file, &[]);
    Ok(file)
}

/// Writes down whose the store is, and the names of the queues that are open: a line each.
fn note(file: &mut File, open: &[&str]) -> std::io::Result<()> {
    let mut text = format!("{}\n", std::process::id());
    for name in open {
        text.push_str(name);
        text.push('\n');
    }
    // In one write: whoever reads meanwhile finds no name half.
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

fn read_process(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.lines().next()?.parse().ok()
}

/// Who has the store at that path.
pub(super) fn holder(path: &Path) -> Holder {
    let Ok(mut file) = File::open(connect::beside(path, ".lock")) else {
        return Holder::Nobody;
    };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            read_process(&mut file).map_or(Holder::Somebody, Holder::Process)
        }
        _ => Holder::Nobody,
    }
}

/// The queues of the store at that path that a listener of a running host has open; `None` where a host
/// has the store and does not say.
pub fn open_queues(path: &Path) -> Option<Vec<String>> {
    let Ok(mut file) = File::open(connect::beside(path, ".lock")) else {
        return Some(Vec::new());
    };
    let Err(TryLockError::WouldBlock) = file.try_lock_shared() else {
        return Some(Vec::new());
    };
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    lines.next()?.parse::<u32>().ok()?;
    Some(lines.map(ToOwned::to_owned).collect())
}
