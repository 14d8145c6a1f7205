//! A way to Redis that fails in the middle: it forwards a request, waits until Redis has carried it
//! out, and breaks the connection in place of passing the answer on.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    redis: PathBuf,
    /// Of so many scripts the last one's answer is lost; 0 for none.
    every: usize,
    scripts: AtomicUsize,
    lost: AtomicUsize,
    ends: AtomicBool,
}

impl Proxy {
    /// Passes on to the Redis behind this socket; the answer to every so many-th script is lost.
    pub(crate) fn start(redis: &Path, every: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            redis: redis.to_owned(),
            every,
            scripts: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            ends: AtomicBool::new(false),
        });
        let address = listener.local_addr().unwrap();
        let accepting = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for host in listener.incoming() {
                if accepting.ends.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&accepting);
                thread::spawn(move || shared.pass(host.unwrap()));
            }
        });
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// How many answers were lost.
    pub(crate) fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Requests and answers come one after the other, and are short enough to come in one piece
    /// here; where one does not, it is passed on in pieces.
    fn pass(&self, mut host: TcpStream) {
        let Ok(mut redis) = UnixStream::connect(&self.redis) else {
            return;
        };
        let mut bytes = vec![0; 1 << 20];
        while let Ok(length @ 1..) = host.read(&mut bytes) {
            let is_script = bytes[..length].windows(7).any(|word| word == b"EVALSHA");
            if redis.write_all(&bytes[..length]).is_err() {
                return;
            }
            let Ok(length @ 1..) = redis.read(&mut bytes) else {
                return;
            };
            if is_script && self.every > 0 {
                let scripts = self.scripts.fetch_add(1, Ordering::Relaxed) + 1;
                if scripts.is_multiple_of(self.every) {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
            if host.write_all(&bytes[..length]).is_err() {
                return;
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        // Wakes it up.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
