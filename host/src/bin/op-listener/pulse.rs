//! Whether the stream of events is alive: it is while it waits for input, and while it goes on from
//! line to line. It is not while one line takes for ever, because a listener does not come back.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Felt by the watchdog, beaten by the stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pulse(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether it waits for input.
    waits: AtomicBool,
    /// How often it went on.
    beats: AtomicU64,
}

impl Pulse {
    pub(crate) fn waits(&self, waits: bool) {
        self.0.waits.store(waits, Ordering::Relaxed);
    }

    fn beat(&self) {
        // One thread writes.
        let beats = self.0.beats.load(Ordering::Relaxed);
        self.0.beats.store(beats.wrapping_add(1), Ordering::Relaxed);
    }

    /// Whether it waits, or has gone on since `before`, which is set to what it is now.
    pub(crate) fn is_felt_since(&self, before: &mut u64) -> bool {
        let beats = self.0.beats.load(Ordering::Relaxed);
        let went_on = beats != std::mem::replace(before, beats);
        went_on || self.0.waits.load(Ordering::Relaxed)
    }
}

/// A reader that beats each time that something of it is used up: with every line.
pub(crate) struct Beating<R> {
    pub(crate) reader: R,
    pub(crate) pulse: Pulse,
}

impl<R: BufRead> Read for Beating<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pulse.beat();
        self.reader.read(buffer)
    }
}

impl<R: BufRead> BufRead for Beating<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.pulse.beat();
        self.reader.consume(amount);
    }
}
