//! What the service manager is told (`sd_notify`(3)): that the host is ready, reloads, stops, and
//! lives. Where none has asked for it, nothing is told to anybody.

#[cfg(target_os = "linux")]
pub(crate) use linux::Manager;

#[cfg(not(target_os = "linux"))]
pub(crate) use other::Manager;

#[cfg(target_os = "linux")]
mod linux {
    use std::env;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::process;
    use std::sync::Arc;
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    /// The service manager, if there is one that wants to know.
    #[derive(Clone, Debug)]
    pub(crate) struct Manager {
        to: Option<Arc<(UnixDatagram, SocketAddr)>>,
        watchdog: Option<Duration>,
    }

    impl Manager {
        /// The one that the environment names.
        pub(crate) fn from_environment() -> Self {
            let to = env::var_os("NOTIFY_SOCKET").and_then(|name| {
                let address = match name.as_bytes() {
                    [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
                    _ => SocketAddr::from_pathname(&name),
                };
                let socket = UnixDatagram::unbound().ok()?;
                // A manager that does not read is not waited for.
                socket.set_nonblocking(true).ok()?;
                Some(Arc::new((socket, address.ok()?)))
            });
            let number = |name| env::var(name).ok()?.parse::<u64>().ok();
            let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
            let watchdog = number("WATCHDOG_USEC").filter(|micros| *micros > 0 && is_ours);
            Self {
                watchdog: watchdog.map(Duration::from_micros).filter(|_| to.is_some()),
                to,
            }
        }

        /// How often it wants to hear that the host lives, or more often.
        pub(crate) fn watchdog(&self) -> Option<Duration> {
            self.watchdog
        }

        pub(crate) fn ready(&self, status: &str) {
            self.tell(&format!("READY=1\nSTATUS={status}"));
        }

        pub(crate) fn reloading(&self) {
            let now = clock_gettime(ClockId::Monotonic);
            let seconds = i128::from(now.tv_sec);
            let micros = seconds * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
            self.tell(&format!(
                "RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=Reloading"
            ));
        }

        pub(crate) fn stopping(&self) {
            self.tell("STOPPING=1\nSTATUS=Stopping");
        }

        pub(crate) fn alive(&self) {
            self.tell("WATCHDOG=1");
        }

        fn tell(&self, what: &str) {
            if let Some(to) = &self.to {
                // Who is not there need not be told.
                let _ = to.0.send_to_addr(what.as_bytes(), &to.1);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::time::Duration;

    /// There is no such manager on this system.
    #[derive(Clone, Debug)]
    pub(crate) struct Manager;

    #[expect(clippy::unused_self, reason = "its twin needs itself")]
    impl Manager {
        pub(crate) fn from_environment() -> Self {
            Self
        }

        pub(crate) fn watchdog(&self) -> Option<Duration> {
            None
        }

        pub(crate) fn ready(&self, _: &str) {}

        pub(crate) fn reloading(&self) {}

        pub(crate) fn stopping(&self) {}

        pub(crate) fn alive(&self) {}
    }
}
