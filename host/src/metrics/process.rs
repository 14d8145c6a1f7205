//! The process: which host it is, and what it uses of the machine. The latter under the names that
//! all processes have for it, from `/proc`, so on Linux only.

use super::Page;
use super::Value;
use super::families as of;
use crate::library::THIS_INTERFACE;

pub(super) fn tell(page: &mut Page) {
    let interface = THIS_INTERFACE.to_string();
    page.put(
        of::BUILD,
        &[env!("CARGO_PKG_VERSION"), &interface],
        Value::Text,
    );
    resources::tell(page);
}

#[cfg(target_os = "linux")]
mod resources {
    use std::fs;
    use std::sync::OnceLock;
    use std::time::{SystemTime, UNIX_EPOCH};

    use rustix::param::{clock_ticks_per_second, page_size};
    use rustix::process::{Resource, getrlimit};
    use rustix::time::{ClockId, clock_gettime};

    use crate::metrics::families as of;
    use crate::metrics::{Page, Value};

    /// What cannot be read is left out.
    pub(super) fn tell(page: &mut Page) {
        if let Some(stat) = fs::read_to_string("/proc/self/stat")
            .ok()
            .as_deref()
            .and_then(Stat::read)
        {
            if let Some(start) = start_time(&stat) {
                page.put(of::PROCESS_START_TIME, &[], Value::Level(start));
            }
            page.put(of::PROCESS_CPU, &[], Value::Seconds(seconds(stat.cpu)));
            page.level(of::PROCESS_THREADS, &[], stat.threads);
            let resident = stat.resident.saturating_mul(page_size() as u64);
            page.level(of::PROCESS_RESIDENT_MEMORY, &[], resident);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is for reading the directory.
            let open = (open.count() as u64).saturating_sub(1);
            page.level(of::PROCESS_OPEN_FDS, &[], open);
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            page.level(of::PROCESS_MAX_FDS, &[], most);
        }
    }

    /// Of `/proc/self/stat`, see `proc_pid_stat(5)`.
    #[derive(Debug, PartialEq)]
    struct Stat {
        /// In user and system mode, in ticks.
        cpu: u64,
        threads: u64,
        /// Since the system has started, in ticks.
        start: u64,
        /// In pages.
        resident: u64,
    }

    impl Stat {
        fn read(text: &str) -> Option<Self> {
            // The second field is the program's name in parentheses, which may have any in it.
            let (_, rest) = text.rsplit_once(')')?;
            let fields: Vec<_> = rest.split_ascii_whitespace().collect();
            // The manual counts from 1, and the first here is the third there.
            let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
            Some(Self {
                cpu: field(14)? + field(15)?,
                threads: field(20)?,
                start: field(22)?,
                resident: field(24)?,
            })
        }
    }

    /// Seconds since 1970. Found out once: the system's clock may be set while the process runs,
    /// and a start time that changes says that there was a start.
    fn start_time(stat: &Stat) -> Option<f64> {
        static FOUND: OnceLock<Option<f64>> = OnceLock::new();

        *FOUND.get_or_init(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
            let up = clock_gettime(ClockId::Boottime);
            let up = std::time::Duration::try_from(up).ok()?;
            Some(now.as_secs_f64() - up.as_secs_f64() + seconds(stat.start))
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 ticks are millions of years"
    )]
    fn seconds(ticks: u64) -> f64 {
        ticks as f64 / clock_ticks_per_second().max(1) as f64
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn fields_are_counted_from_behind_the_name() {
            let text = "4711 (a (b) 1 2) S 1 4711 4711 0 -1 4194304 1 0 0 0 30 12 0 0 20 0 7 0 90210 5000000 1234 184";
            assert_eq!(
                Stat::read(text),
                Some(Stat {
                    cpu: 42,
                    threads: 7,
                    start: 90210,
                    resident: 1234,
                })
            );
            assert_eq!(Stat::read("4711 (cut) S 1 4711"), None);
        }

        #[test]
        fn this_process_started_today_and_in_the_past() {
            let text = fs::read_to_string("/proc/self/stat").unwrap();
            let start = start_time(&Stat::read(&text).unwrap()).unwrap();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            // Ticks are coarse, and this test may be the first to ask.
            assert!(start <= now.as_secs_f64() + 1.0, "{start}");
            assert!(start > now.as_secs_f64() - 86_400.0, "{start}");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod resources {
    use crate::metrics::Page;

    /// Nothing is known here of what the process uses.
    pub(super) fn tell(_: &mut Page) {}
}
