//! What a store of codes outside this process was asked, in numbers.

/// The upper bounds of the buckets of [`StoreStats::durations`], in seconds; the last bucket has
/// none.
pub const STORE_DURATION_BOUNDS: [f64; 11] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
];

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StoreStats {
    /// Whether the last that was asked was answered; also before anything was.
    pub answers: bool,
    /// Commands sent, whatever came of them.
    pub commands: u64,
    /// Commands that failed, and connections that could not be opened.
    pub failures: u64,
    /// Connections opened.
    pub connections: u64,
    /// Facts that could not be decided, and were refused for now.
    pub undecided: u64,
    /// Events taken over whose first host did not say that it had dispatched them.
    pub taken_over: u64,
    /// Dispatched events that could not be marked as such in the store.
    pub unmarked: u64,
    /// How many times the store was found to have lost what it held.
    pub data_losses: u64,
    /// Commands by the time until their answer or failure, not summed up; the bounds are
    /// [`STORE_DURATION_BOUNDS`].
    pub durations: [u64; 12],
    /// The sum of those times, in seconds.
    pub duration_sum: f64,
}
