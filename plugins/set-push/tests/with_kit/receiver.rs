//! A receiver that answers each request as it was told, in order, and keeps what it got.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// A request, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `POST /set HTTP/1.1`
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| &**value)
    }
}

/// What to do with a request that was read.
pub(crate) enum Reply {
    /// Write this, and go on.
    Bytes(Vec<u8>),
    /// Write this, and close.
    Last(Vec<u8>),
    /// Close without a word.
    Cut,
    /// Say nothing until the test ends.
    Hang,
    /// Write this without end, until the other side has had enough.
    Endless(&'static [u8], &'static [u8]),
}

/// A plain answer.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    Reply::Bytes(text.into_bytes())
}

type Step = Box<dyn FnOnce() -> Reply + Send>;

#[derive(Default)]
struct State {
    steps: Mutex<VecDeque<Step>>,
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
    over: AtomicBool,
    ended: (Mutex<bool>, Condvar),
}

/// Ends with the drop.
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.over.load(Ordering::SeqCst) {
                    break;
                }
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.serve(&stream.unwrap()));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The next request that nobody has spoken for is answered so.
    pub(crate) fn will(&self, reply: Reply) {
        self.will_do(|| reply);
    }

    /// As [`Receiver::will`]; what is to be done first happens when the request is there.
    pub(crate) fn will_do(&self, step: impl FnOnce() -> Reply + Send + 'static) {
        self.state.steps.lock().unwrap().push_back(Box::new(step));
    }

    /// What came so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        *self.state.ended.0.lock().unwrap() = true;
        self.state.ended.1.notify_all();
        // Lets it look.
        drop(TcpStream::connect(self.address));
    }
}

impl State {
    /// Serves a connection. Where the other side is gone, it is over.
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        while let Some(request) = read(&mut reader) {
            self.requests.lock().unwrap().push(request);
            let step = self.steps.lock().unwrap().pop_front();
            let reply = step.map_or_else(|| answer(202, "", ""), |step| step());
            let goes_on = match reply {
                Reply::Bytes(bytes) => writer.write_all(&bytes).is_ok(),
                Reply::Last(bytes) => writer.write_all(&bytes).is_err(),
                Reply::Cut => false,
                Reply::Hang => {
                    let (ended, changed) = &self.ended;
                    let ended = ended.lock().unwrap();
                    let limit = Duration::from_mins(1);
                    drop(changed.wait_timeout_while(ended, limit, |ended| !*ended));
                    false
                }
                Reply::Endless(head, piece) => {
                    let mut ok = writer.write_all(head).is_ok();
                    while ok && !self.over.load(Ordering::SeqCst) {
                        ok = writer.write_all(piece).is_ok();
                    }
                    false
                }
            };
            if !goes_on {
                break;
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = || {
        let mut text = String::new();
        let read = reader.read_line(&mut text).ok()?;
        (read > 0).then(|| text.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    loop {
        let text = line()?;
        if text.is_empty() {
            break;
        }
        let (name, value) = text.split_once(": ")?;
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        line: first,
        headers,
        body,
    })
}
