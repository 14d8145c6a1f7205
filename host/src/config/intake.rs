//! The keys of `[intake]` that say where events may be posted, by whom and how many at once. What
//! would leave the door open, or have no effect, is an error.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::error::Problem;
use super::excerpt::quoted;
use super::keys::{INTAKE, TLS};
use super::place::Source;
use super::read::count;
use super::spots::Spots;
use super::walk::{Table, Value, Walk};

/// Where events may be posted, and within which limits. The intake is `crate::server`'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenConfig {
    /// The Unix socket.
    pub unix: Option<UnixConfig>,
    /// The address for TCP. One that is not of the loopback interface comes with `tls`.
    pub http: Option<SocketAddr>,
    /// The file with the bearer token that is demanded over TCP.
    pub token_file: Option<PathBuf>,
    /// TLS over TCP.
    pub tls: Option<TlsConfig>,
    /// The most bytes of a request's body.
    pub max_body: usize,
    /// The most bytes of a request's line and header fields together.
    pub max_header: usize,
    /// The most connections at once, on the Unix socket and over TCP each.
    pub max_connections: usize,
    /// The most events of one SPI that are with its listeners at once.
    pub concurrency: usize,
    /// How long a request may take to arrive, and its answer to be taken.
    pub read_timeout: Duration,
    /// How long a connection may be open without a request.
    pub idle_timeout: Duration,
    /// How long the id of an event is remembered; zero for not at all.
    pub remember: Duration,
    /// The most ids that are remembered.
    pub max_remembered: usize,
    pub(crate) spots: Spots,
}

/// The Unix socket: the keys `unix…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixConfig {
    /// Its path.
    pub path: PathBuf,
    /// Its permission bits, of which those for writing say who may connect.
    pub mode: u32,
    /// Who may use it of those who may connect; `None` for all of them.
    pub peers: Option<Vec<UnixPeer>>,
}

impl UnixConfig {
    /// Whether every user of the machine may post events.
    pub fn is_open_to_all(&self) -> bool {
        self.mode & 0o002 != 0 && self.peers.is_none()
    }
}

/// A user whose processes may use the Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnixPeer {
    /// By number.
    Uid(u32),
    /// By name.
    Name(String),
}

/// The section `[intake.tls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The authorities, PEM, one of which has to have signed each client's certificate; without
    /// them clients need none.
    pub client_ca: Option<PathBuf>,
}

/// Who may connect to a Unix socket whose mode is not given: its owner and group.
const MODE: u32 = 0o660;

impl Default for ListenConfig {
    /// Nowhere.
    fn default() -> Self {
        Self {
            unix: None,
            http: None,
            token_file: None,
            tls: None,
            max_body: 8 << 20,
            max_header: 16 << 10,
            max_connections: 1024,
            concurrency: 64,
            read_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
            remember: Duration::from_mins(10),
            max_remembered: 100_000,
            spots: Spots::default(),
        }
    }
}

impl ListenConfig {
    /// Whether events may be posted anywhere.
    pub fn is_somewhere(&self) -> bool {
        self.unix.is_some() || self.http.is_some()
    }
}

/// Reads the keys.
pub(super) fn read(
    walk: &Walk<'_>,
    source: &Source<'_>,
    intake: &Table<'_>,
    into: &mut ListenConfig,
) {
    note_spots(source, intake, &mut into.spots);
    intake.read("max_body", &mut into.max_body, |what, v| {
        bytes(walk, what, v, 1024..=1 << 30)
    });
    intake.read("max_header", &mut into.max_header, |what, v| {
        bytes(walk, what, v, 1024..=1 << 20)
    });
    intake.read("max_connections", &mut into.max_connections, |what, v| {
        count(walk, what, v, 1_000_000)
    });
    intake.read("concurrency", &mut into.concurrency, |what, v| {
        count(walk, what, v, 10_000)
    });
    intake.read("read_timeout_ms", &mut into.read_timeout, |what, v| {
        let milliseconds = walk.integer(what, v, 100..=3_600_000)?;
        Some(Duration::from_millis(milliseconds.into()))
    });
    intake.read("idle_timeout", &mut into.idle_timeout, |what, v| {
        let seconds = walk.integer(what, v, 1..=86_400)?;
        Some(Duration::from_secs(seconds.into()))
    });
    intake.read("remember", &mut into.remember, |what, v| {
        let seconds = walk.integer(what, v, 0..=7 * 86_400)?;
        Some(Duration::from_secs(seconds.into()))
    });
    intake.read("max_remembered", &mut into.max_remembered, |what, v| {
        count(walk, what, v, 100_000_000)
    });
    read_unix(walk, intake, into);
    read_tcp(walk, intake, into);
}

/// Notes where those values stand that somebody else has to judge.
fn note_spots(source: &Source<'_>, intake: &Table<'_>, into: &mut Spots) {
    for key in ["unix", "unix_mode", "unix_peers", "token_file", "tls"] {
        let Some(value) = intake.get(key) else {
            continue;
        };
        into.note(key, source.place(value.span()));
        if let DeValue::Array(entries) = value.get_ref() {
            for entry in entries {
                into.note(key, source.place(entry.span()));
            }
        }
    }
}

fn read_unix(walk: &Walk<'_>, intake: &Table<'_>, into: &mut ListenConfig) {
    let mut mode = MODE;
    intake.read("unix_mode", &mut mode, |what, v| octal(walk, what, v));
    let mut peers = None;
    intake.read("unix_peers", &mut peers, |what, v| {
        walk.list(what, v, |what, v| peer(walk, what, v)).map(Some)
    });
    match intake.get("unix") {
        Some(value) => {
            let path = walk.path("`unix`", value);
            into.unix = path.map(|path| UnixConfig { path, mode, peers });
        }
        None => without_effect(walk, intake, &["unix_mode", "unix_peers"], "`unix`"),
    }
}

fn read_tcp(walk: &Walk<'_>, intake: &Table<'_>, into: &mut ListenConfig) {
    intake.read("token_file", &mut into.token_file, |what, v| {
        walk.path(what, v).map(Some)
    });
    if let Some(tls) = intake.section(walk, "tls", &TLS) {
        read_tls(walk, intake, &tls, into);
    }
    let Some(value) = intake.get("http") else {
        without_effect(walk, intake, &["token_file", "tls"], "`http`");
        return;
    };
    into.http = address(walk, "`http`", value);
    let Some(address) = into.http else { return };
    if !address.ip().is_loopback() && intake.get("tls").is_none() {
        let problem = format!(
            "`http` is {address}, which other machines can reach, and without TLS whoever is on the \
             way reads the token and the events"
        );
        let help = "add `[intake.tls]`, or listen on 127.0.0.1 or [::1]";
        walk.fault(value.span(), Problem::Found(problem), Some(help.to_owned()));
    }
    let certified = into.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if intake.get("token_file").is_none() && !certified {
        let problem = Problem::Missing {
            key: "token_file",
            section: INTAKE.title,
        };
        let help = "over TCP any user of this machine could post events: name a file with a token, \
                    or `client_ca` under `[intake.tls]`, or use `unix` in place of `http`";
        walk.fault(value.span(), problem, Some(help.to_owned()));
    }
}

fn read_tls(walk: &Walk<'_>, intake: &Table<'_>, tls: &Table<'_>, into: &mut ListenConfig) {
    let mut paths = ["certificate", "key", "client_ca"].map(|key| {
        let mut path = None;
        tls.read(key, &mut path, |what, v| walk.path(what, v).map(Some));
        path
    });
    for key in ["certificate", "key"] {
        if let (None, Some(value)) = (tls.get(key), intake.get("tls")) {
            let problem = Problem::Missing {
                key,
                section: TLS.title,
            };
            let help = "TLS needs a certificate and its key, each the path of a PEM file";
            walk.fault(value.span(), problem, Some(help.to_owned()));
        }
    }
    if let [Some(certificate), Some(key), client_ca] = &mut paths {
        into.tls = Some(TlsConfig {
            certificate: std::mem::take(certificate),
            key: std::mem::take(key),
            client_ca: client_ca.take(),
        });
    }
}

fn without_effect(
    walk: &Walk<'_>,
    intake: &Table<'_>,
    keys: &[&'static str],
    unless: &'static str,
) {
    for key in keys {
        if let Some(value) = intake.get(key) {
            let problem = Problem::WithoutEffect {
                key,
                unless: unless.to_owned(),
            };
            let help = format!("set {unless}, or remove `{key}`");
            walk.fault(value.span(), problem, Some(help));
        }
    }
}

fn bytes(
    walk: &Walk<'_>,
    what: &str,
    value: &Value<'_>,
    range: std::ops::RangeInclusive<u32>,
) -> Option<usize> {
    let bytes = walk.integer(what, value, range)?;
    Some(usize::try_from(bytes).unwrap_or(usize::MAX))
}

fn address(walk: &Walk<'_>, what: &str, value: &Value<'_>) -> Option<SocketAddr> {
    let text = walk.text(what, value)?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let problem = format!(
        "{what} must be an IP address and a port, but it is {}",
        quoted(text)
    );
    let help = "such as `127.0.0.1:8790` or `[::1]:8790`";
    walk.fault(value.span(), Problem::Found(problem), Some(help.to_owned()));
    None
}

fn octal(walk: &Walk<'_>, what: &str, value: &Value<'_>) -> Option<u32> {
    let help = || Some("in octal digits and quotes, such as `\"0660\"`".to_owned());
    if value.get_ref().as_str().is_none() {
        walk.wrong_type(what, "a string", value, help());
        return None;
    }
    let text = walk.text(what, value)?;
    let octal = text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if octal && mode <= 0o777 => Some(mode),
        _ => {
            let problem = format!("{what} must be permission bits, but it is {}", quoted(text));
            walk.fault(value.span(), Problem::Found(problem), help());
            None
        }
    }
}

fn peer(walk: &Walk<'_>, what: &str, value: &Value<'_>) -> Option<UnixPeer> {
    match value.get_ref() {
        DeValue::Integer(_) => walk
            .integer(what, value, 0..=u32::MAX - 1)
            .map(UnixPeer::Uid),
        DeValue::String(_) => {
            let name = walk.text(what, value)?;
            Some(UnixPeer::Name(name.to_owned()))
        }
        _ => {
            walk.wrong_type(what, "a user's name or number", value, None);
            None
        }
    }
}

/// Writes the keys back.
pub(super) fn show(out: &mut fmt::Formatter<'_>, listen: &ListenConfig) -> fmt::Result {
    use super::show::{Text, path};

    match &listen.unix {
        Some(unix) => {
            writeln!(out, "unix = {}", path(&unix.path))?;
            writeln!(out, "unix_mode = \"{:04o}\"", unix.mode)?;
            if let Some(peers) = &unix.peers {
                let peers: Vec<_> = peers
                    .iter()
                    .map(|peer| match peer {
                        UnixPeer::Uid(uid) => uid.to_string(),
                        UnixPeer::Name(name) => Text(name).to_string(),
                    })
                    .collect();
                writeln!(out, "unix_peers = [{}]", peers.join(", "))?;
            }
        }
        None => writeln!(out, "# unix: not set, no Unix socket")?,
    }
    match listen.http {
        Some(address) => writeln!(out, "http = \"{address}\"")?,
        None => writeln!(out, "# http: not set, no TCP")?,
    }
    if let Some(file) = &listen.token_file {
        writeln!(out, "token_file = {}", path(file))?;
    }
    writeln!(out, "max_body = {}", listen.max_body)?;
    writeln!(out, "max_header = {}", listen.max_header)?;
    writeln!(out, "max_connections = {}", listen.max_connections)?;
    writeln!(out, "concurrency = {}", listen.concurrency)?;
    let read_timeout = listen.read_timeout.as_millis();
    writeln!(out, "read_timeout_ms = {read_timeout}")?;
    writeln!(out, "idle_timeout = {}", listen.idle_timeout.as_secs())?;
    writeln!(out, "remember = {}", listen.remember.as_secs())?;
    writeln!(out, "max_remembered = {}", listen.max_remembered)?;
    if let Some(tls) = &listen.tls {
        writeln!(out, "\n[intake.tls]")?;
        writeln!(out, "certificate = {}", path(&tls.certificate))?;
        writeln!(out, "key = {}", path(&tls.key))?;
        if let Some(client_ca) = &tls.client_ca {
            writeln!(out, "client_ca = {}", path(client_ca))?;
        }
    }
    Ok(())
}
