//! A few connections to Redis for many threads. Nobody waits without a bound: connections are
//! opened on a thread of their own, one at a time, and after failures at growing distances; until
//! the next try whoever wants one is told at once what the last one ended with.

use super::connect::Target;
use super::counters::Counters;
use super::health::Health;
use super::trouble::{Trouble, TroubleKind};
use redis::{Connection, RedisResult, cmd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Most connections.
const MOST: usize = 16;
/// The distance to the next try after the first failure, doubled with each further one …
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    target: Target,
    timeout: Duration,
    /// The key by which a loss of data is seen.
    epoch_key: String,
    state: Mutex<State>,
    /// A connection became free, or opening one ended.
    changed: Condvar,
    counters: Arc<Counters>,
    health: Health,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    /// In the hands of threads.
    lent: usize,
    /// Since when one is being opened.
    opening: Option<Instant>,
    /// In a row.
    failures: u32,
    retry_at: Option<Instant>,
    last: Option<Trouble>,
    /// What the key had last time.
    epoch: Option<String>,
}

impl Pool {
    pub(super) fn new(
        target: Target,
        timeout: Duration,
        epoch_key: String,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                health: Health::new(target.name()),
                target,
                timeout,
                epoch_key,
                state: Mutex::default(),
                changed: Condvar::new(),
                counters,
            }),
        }
    }

    pub(super) fn health(&self) -> &Health {
        &self.shared.health
    }

    /// Does something with a connection. Its own waiting is bounded by the time-out, that of each
    /// answer again.
    pub(super) fn with<T>(
        &self,
        writes: bool,
        act: impl FnOnce(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, Trouble> {
        let shared = &self.shared;
        let mut connection = shared.take()?;
        let start = Instant::now();
        let result = act(&mut connection);
        shared.counters.command(start.elapsed(), result.is_ok());
        match result {
            Ok(result) => {
                shared.give_back(connection);
                shared.health.answered(writes);
                Ok(result)
            }
            Err(error) => {
                let trouble = Trouble::of(&error);
                if trouble.is_of_connection() {
                    shared.discard();
                } else {
                    shared.give_back(connection);
                }
                shared.health.failed(&trouble);
                Err(trouble)
            }
        }
    }

    /// Looks whether Redis still has what it had; says so where it has not.
    pub(super) fn look_for_loss(&self) {
        let shared = &self.shared;
        // What fails here fails for the next command too, and is said there.
        if let Ok(found) = self.with(false, |connection| shared.epoch(connection)) {
            shared.note_epoch(found);
        }
    }
}

impl Shared {
    fn take(self: &Arc<Self>) -> Result<Connection, Trouble> {
        let deadline = Instant::now() + self.timeout;
        let mut state = self.lock();
        loop {
            if let Some(connection) = state.idle.pop() {
                state.lent += 1;
                return Ok(connection);
            }
            let now = Instant::now();
            let room = state.lent < MOST;
            match state.opening {
                Some(since) if room && now >= since + self.timeout => {
                    // It hangs, perhaps in the system's own look-up of a name.
                    return Err(self.slow());
                }
                None if room => {
                    if let (Some(retry_at), Some(last)) = (state.retry_at, &state.last)
                        && now < retry_at
                    {
                        return Err(last.clone());
                    }
                    state.opening = Some(now);
                    let shared = Arc::clone(self);
                    let opener = thread::Builder::new().name("redis-connect".into());
                    if let Err(error) = opener.spawn(move || shared.open()) {
                        state.opening = None;
                        let what = format!("no thread for a connection to Redis: {error}");
                        return Err(Trouble::new(TroubleKind::Away, what));
                    }
                }
                _ => {}
            }
            let failures = state.failures;
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return Err(self.slow());
            };
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.failures > failures
                && let Some(last) = &state.last
            {
                return Err(last.clone());
            }
        }
    }

    /// On a thread of its own.
    fn open(self: Arc<Self>) {
        let opened = self.target.connect().and_then(|mut connection| {
            // An answer with an error is one: what it means is for the first command to say.
            match self.epoch(&mut connection) {
                Ok(epoch) => Ok((connection, epoch)),
                Err(error) if error.code().is_some() => Ok((connection, None)),
                Err(error) => Err(Trouble::of(&error)),
            }
        });
        match opened {
            Ok((connection, epoch)) => {
                self.counters.connection();
                self.note_epoch(epoch);
                let mut state = self.lock();
                state.opening = None;
                state.failures = 0;
                state.retry_at = None;
                state.idle.push(connection);
            }
            Err(trouble) => {
                self.counters.failure();
                self.health.failed(&trouble);
                let mut state = self.lock();
                state.opening = None;
                let doubled = FIRST_PAUSE * (1 << state.failures.min(6));
                state.retry_at = Some(Instant::now() + doubled.min(LONGEST_PAUSE));
                state.failures = state.failures.saturating_add(1);
                state.last = Some(trouble);
            }
        }
        self.changed.notify_all();
    }

    fn give_back(&self, connection: Connection) {
        let mut state = self.lock();
        state.lent -= 1;
        state.idle.push(connection);
        self.changed.notify_one();
    }

    /// In place of giving back a connection that is no good any more. The others are probably none
    /// either.
    fn discard(&self) {
        let mut state = self.lock();
        state.lent -= 1;
        let dead = std::mem::take(&mut state.idle);
        drop(state);
        self.changed.notify_one();
        // Closing is not done while others wait for the lock.
        drop(dead);
    }

    /// A random value that Redis keeps as long as it keeps anything.
    fn epoch(&self, connection: &mut Connection) -> RedisResult<Option<String>> {
        let mut set = cmd("SET");
        set.arg(&self.epoch_key)
            .arg(crate::event::new_id())
            .arg("NX");
        match set.query::<redis::Value>(connection) {
            Err(error) if error.code().is_none() => return Err(error),
            // Nothing can be written, perhaps; reading may do.
            _ => {}
        }
        cmd("GET").arg(&self.epoch_key).query(connection)
    }

    fn note_epoch(&self, found: Option<String>) {
        let Some(found) = found else { return };
        let before = self.lock().epoch.replace(found.clone());
        if before.is_some_and(|before| before != found) {
            self.counters.data_loss();
            self.health.lost_data();
        }
    }

    fn slow(&self) -> Trouble {
        let what = format!(
            "no connection to Redis at {} within {} ms (`redis_timeout_ms`)",
            self.target.name(),
            self.timeout.as_millis()
        );
        let trouble = Trouble::new(TroubleKind::Away, what);
        self.health.failed(&trouble);
        trouble
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in there panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
