//! What stands between the host and the receiver: a way that does with each connection what it is told
//! to, and a proxy for `CONNECT`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What happens to a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// Nothing.
    Whole,
    /// It is cut after so many bytes to the receiver.
    CutThere(usize),
    /// It is cut after so many bytes from the receiver.
    CutBack(usize),
    /// That byte to the receiver is another.
    CorruptThere(usize),
    /// That byte from the receiver is another.
    CorruptBack(usize),
    /// Each piece waits for so long.
    Delayed(Duration),
}

/// Ends with the drop.
pub(crate) struct Way {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Way {
    /// To that port of this machine. `fate` says what happens to the n-th connection.
    pub(crate) fn to(port: u16, fate: impl Fn(usize) -> Fate + Send + 'static) -> Self {
        Self::listening(move |client, number| {
            if let Ok(server) = TcpStream::connect(("127.0.0.1", port)) {
                carry(client, &server, fate(number));
            }
        })
    }

    /// A proxy for `CONNECT`, which resolves all names to this machine.
    pub(crate) fn proxy() -> Self {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&asked);
        let mut way = Self::listening(move |client, _| {
            let mut lines = BufReader::new(client).lines();
            let first = lines.next().unwrap().unwrap();
            let rest = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty());
            let rest: Vec<_> = rest.collect();
            let target = first.split(' ').nth(1).unwrap();
            let port: u16 = target.rsplit(':').next().unwrap().parse().unwrap();
            noted
                .lock()
                .unwrap()
                .push(format!("{first}\n{}", rest.join("\n")));
            let mut back = client;
            back.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            carry(client, &server, Fate::Whole);
        });
        way.asked = asked;
        way
    }

    fn listening(serve: impl Fn(&TcpStream, usize) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::<AtomicBool>::default();
        let connections = Arc::<AtomicUsize>::default();
        let (ends, counted) = (Arc::clone(&over), Arc::clone(&connections));
        let serve = Arc::new(Mutex::new(serve));
        thread::spawn(move || {
            for client in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let client = client.unwrap();
                let serve = Arc::clone(&serve);
                // What it decides it decides in turn, what it carries it carries beside the others.
                thread::spawn(move || (serve.lock().unwrap())(&client, number));
            }
        });
        Self {
            address,
            over,
            connections,
            asked: Arc::default(),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What the proxy was asked for, with the headers.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Lets it look.
        drop(TcpStream::connect(self.address));
    }
}

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Default)]
struct Harm {
    cut: Option<usize>,
    corrupt: Option<usize>,
    delay: Duration,
}

/// Carries both directions, on threads of their own, until both are closed.
fn carry(client: &TcpStream, server: &TcpStream, fate: Fate) {
    let (mut there, mut back) = (Harm::default(), Harm::default());
    match fate {
        Fate::Whole => {}
        Fate::CutThere(after) => there.cut = Some(after),
        Fate::CutBack(after) => back.cut = Some(after),
        Fate::CorruptThere(at) => there.corrupt = Some(at),
        Fate::CorruptBack(at) => back.corrupt = Some(at),
        Fate::Delayed(delay) => {
            there.delay = delay;
            back.delay = delay;
        }
    }
    for (from, to, harm) in [(client, server, there), (server, client, back)] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        thread::spawn(move || carry_one(&from, &to, harm));
    }
}

fn carry_one(mut from: &TcpStream, mut to: &TcpStream, harm: Harm) {
    let mut carried = 0;
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let piece = &mut piece[..length];
        thread::sleep(harm.delay);
        if let Some(at) = harm.corrupt.and_then(|at| at.checked_sub(carried))
            && at < length
        {
            piece[at] ^= 0x55;
        }
        let left = harm
            .cut
            .map_or(length, |cut| cut.saturating_sub(carried).min(length));
        if to.write_all(&piece[..left]).is_err() || left < length {
            break;
        }
        carried += length;
    }
    for stream in [from, to] {
        // It may be closed already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}
