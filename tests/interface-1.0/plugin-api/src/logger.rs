//! The host's log for a listener's own threads.

use crate::ffi::HostLink;

/// Names the instance that speaks. While the host calls a listener it knows the instance; on a
/// thread that the listener started it does not, unless the thread says so:
///
/// ```
/// # fn start(context: &op_listener_api::InitContext<'_>) {
/// let logger = context.logger();
/// std::thread::spawn(move || {
///     logger.scope(|| tracing::info!("publishing begins"));
/// });
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Logger {
    host: HostLink,
}

impl Logger {
    pub(crate) const fn new(host: HostLink) -> Self {
        Self { host }
    }

    /// Runs `work`; what it logs on this thread is logged in the name of the instance.
    pub fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let _restored = self.host.speak();
        work()
    }
}
