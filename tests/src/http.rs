//! A raw client for the intake over HTTP: writes bytes as they are given, and reads answers one by
//! one. It understands no more of HTTP than the host sends.

#![allow(
    clippy::missing_panics_doc,
    reason = "an answer that does not come fails the test"
)]

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::process::TIME_LIMIT;

/// Where the host listens.
#[derive(Clone, Debug)]
pub enum Door {
    /// The path of the Unix socket.
    Unix(PathBuf),
    /// An address.
    Tcp(SocketAddr),
}

/// Anything that bytes go through in both directions.
pub trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// A connection that is kept.
pub struct Client {
    stream: Box<dyn Stream>,
    /// Read, and not part of an answer yet.
    read: Vec<u8>,
}

/// An answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its header fields, names in lower case.
    pub fields: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn connect(door: &Door) -> Self {
        Self::try_connect(door).unwrap_or_else(|error| panic!("{door:?}: {error}"))
    }

    /// Connects, if that can be.
    ///
    /// # Errors
    ///
    /// It cannot.
    pub fn try_connect(door: &Door) -> io::Result<Self> {
        Ok(match door {
            #[cfg(unix)]
            Door::Unix(path) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                stream.set_read_timeout(Some(TIME_LIMIT))?;
                stream.set_write_timeout(Some(TIME_LIMIT))?;
                Self::over(stream)
            }
            #[cfg(not(unix))]
            Door::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
            Door::Tcp(address) => Self::over(tcp(*address)?),
        })
    }

    /// Over a connection that was made elsewhere.
    pub fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            read: Vec::new(),
        }
    }

    /// Writes bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the host reads");
    }

    /// Writes bytes, if that can be.
    ///
    /// # Errors
    ///
    /// It cannot: the host has closed the connection, say.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())?;
        self.stream.flush()
    }

    /// The next answer to a request of any method but HEAD.
    pub fn answer(&mut self) -> Answer {
        match self.try_answer(true) {
            Ok(Some(answer)) => answer,
            Ok(None) => panic!("the connection ended without an answer"),
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// The next answer; `None` if the connection ends instead. `with_body` is false after a HEAD.
    ///
    /// # Errors
    ///
    /// It breaks in the middle of one, or none comes in time.
    pub fn try_answer(&mut self, with_body: bool) -> io::Result<Option<Answer>> {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !self.read_more()? {
                return if self.read.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        };
        let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
        self.read.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap_or_default();
        let status = status
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        let status = status.and_then(|status| status.parse().ok());
        let fields = lines.filter_map(|line| line.split_once(": "));
        let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let mut answer = Answer {
            status: status.unwrap_or_else(|| panic!("no status line: {head:?}")),
            fields: fields.collect(),
            body: Vec::new(),
        };
        if answer.status == 100 {
            return Ok(Some(answer));
        }
        let length = answer.field("content-length").unwrap_or("0");
        let length: usize = length.parse().expect("a length is a number");
        if with_body {
            while self.read.len() < length {
                if !self.read_more()? {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            answer.body = self.read.drain(..length).collect();
        }
        Ok(Some(answer))
    }

    /// Some bytes, whatever they are; `None` at the end of the connection.
    pub fn try_read(&mut self) -> Option<Vec<u8>> {
        let more = self.read_more().unwrap_or(false);
        more.then(|| std::mem::take(&mut self.read))
    }

    fn read_more(&mut self) -> io::Result<bool> {
        let mut part = [0; 16 << 10];
        let read = match self.stream.read(&mut part) {
            // Whoever closes with something unread says so.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            read => read?,
        };
        self.read.extend_from_slice(&part[..read]);
        Ok(read > 0)
    }

    /// Whether the host closes the connection without another answer.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.try_answer(true), Ok(None))
    }

    /// Sends a request, and waits for its answer.
    pub fn request(&mut self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        self.try_request(method, path, fields, body)
            .unwrap_or_else(|error| panic!("no answer to {method} {path}: {error}"))
            .expect("an answer")
    }

    /// As [`Client::request`]; `None` if the connection ends instead.
    ///
    /// # Errors
    ///
    /// It breaks before the answer is whole, or none comes in time.
    pub fn try_request(
        &mut self,
        method: &str,
        path: &str,
        fields: &str,
        body: &str,
    ) -> io::Result<Option<Answer>> {
        let length = body.len();
        self.try_send(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
        ))?;
        self.try_answer(method != "HEAD")
    }

    /// Asks for a resource.
    pub fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, "", "")
    }

    /// Sends one event, and does not wait for the answer.
    pub fn send_event(&mut self, event: &str) {
        let length = event.len();
        self.send(format!(
            "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{event}"
        ));
    }

    /// Posts one event.
    pub fn post(&mut self, event: &str) -> Answer {
        let media = "Content-Type: application/json\r\n";
        self.request("POST", "/events", media, event)
    }

    /// Posts events, one a line.
    pub fn post_lines(&mut self, lines: &[impl AsRef<str>]) -> Answer {
        let lines: Vec<_> = lines.iter().map(AsRef::as_ref).collect();
        let media = "Content-Type: application/x-ndjson\r\n";
        self.request("POST", "/events", media, &lines.join("\n"))
    }
}

/// Connects over TCP, with limits on all waiting.
///
/// # Errors
///
/// It cannot.
pub fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(30))?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    stream.set_write_timeout(Some(TIME_LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Answer {
    /// A header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let found = fields.find(|(known, _)| known == name)?;
        Some(&found.1)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as a problem (RFC 9457): its name, and all of it.
    pub fn problem(&self) -> (String, Value) {
        let media = self.field("content-type");
        assert_eq!(media, Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        let name = problem["type"].as_str().unwrap_or_default();
        let name = name.strip_prefix("urn:op-listener:problem:");
        let name = name.unwrap_or_else(|| panic!("{self:?}")).to_owned();
        (name, problem)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {:?}", self.status, self.fields)?;
        f.write_str(&String::from_utf8_lossy(&self.body))
    }
}
