//! From the configuration to a connection: where Redis is, whom the host says it is, and whom it
//! believes to be Redis.

use super::trouble::{Trouble, TroubleKind};
use crate::config::{RedisConfig, RedisPassword};
use redis::{
    Client, Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    TlsCertificates, cmd,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// A file with a password or certificates is not longer, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Where Redis is: a URL that was understood.
#[derive(Clone)]
pub struct Address(ConnectionInfo);

impl Address {
    /// Reads `redis://`, `rediss://` (TLS) and `redis+unix://` URLs, as the Redis registration of
    /// URI schemes has them.
    ///
    /// # Errors
    /// It is none of them.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = url.split_once("://").ok_or(AddressError::Scheme)?;
        let unix = match scheme {
            "redis" | "rediss" => false,
            "redis+unix" if cfg!(unix) => true,
            "redis+unix" => return Err(AddressError::NoUnixSockets),
            _ => return Err(AddressError::Scheme),
        };
        if rest.contains('#') {
            return Err(AddressError::Fragment);
        }
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let known = |name: &str| unix && matches!(name, "db" | "user" | "pass");
        let mut names = query.split('&').filter(|pair| !pair.is_empty());
        if !names.all(|pair| known(pair.split('=').next().unwrap_or_default())) {
            return Err(AddressError::Query);
        }
        let info = url.into_connection_info();
        let info = info.map_err(|error| {
            AddressError::Parts(
                error
                    .to_string()
                    .split(" - ")
                    .next()
                    .unwrap_or_default()
                    .into(),
            )
        })?;
        if info.redis_settings().db() < 0 {
            return Err(AddressError::Parts("Invalid database number".into()));
        }
        Ok(Self(info))
    }

    /// Whether the URL itself has a password.
    pub fn has_password(&self) -> bool {
        self.0.redis_settings().password().is_some()
    }

    /// Whether connections are encrypted.
    pub fn is_tls(&self) -> bool {
        matches!(self.0.addr(), ConnectionAddr::TcpTls { .. })
    }
}

impl fmt::Display for Address {
    /// Host and port, or the socket; neither user nor password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.addr() {
            ConnectionAddr::Tcp(host, port) => write!(f, "{host}:{port}"),
            ConnectionAddr::TcpTls { host, port, .. } => write!(f, "{host}:{port} (TLS)"),
            ConnectionAddr::Unix(path) => write!(f, "{path:?}"),
            other => write!(f, "{other}"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Why a URL is no [`Address`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// Another scheme, or none.
    Scheme,
    /// A Unix socket where there are none.
    NoUnixSockets,
    /// Something behind a `#`.
    Fragment,
    /// A parameter behind a `?` that means nothing.
    Query,
    /// Host, port, path or database are wrong.
    Parts(Box<str>),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("is not a URL of Redis"),
            Self::NoUnixSockets => f.write_str("is a Unix socket, which this system has not"),
            Self::Fragment => f.write_str("has a part behind `#`, which would be ignored"),
            Self::Query => f.write_str("has a parameter behind `?` that means nothing here"),
            Self::Parts(what) => write!(f, "cannot be used ({what})"),
        }
    }
}

impl Error for AddressError {}

/// Why a configured Redis cannot even be tried.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The URL is none.
    Address(AddressError),
    /// The file with the password, or with the certificates, cannot be read.
    Unreadable {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The environment has no such variable.
    NoVariable(Box<str>),
    /// There is no password where there should be one: in the file or variable of that name.
    NoPassword(Box<str>),
    /// The file has no certificates that can be used.
    NoCertificates(PathBuf),
    /// The certificates cannot be used.
    Tls(Box<str>),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => write!(f, "`redis` {error}"),
            Self::Unreadable { key, path, error } => {
                write!(f, "`{key}` {path:?} cannot be read: {error}")
            }
            Self::NoVariable(name) => write!(
                f,
                "the environment has no variable {name:?}, which `redis_password_env` names: set it, or use `redis_password_file`"
            ),
            Self::NoPassword(place) => write!(
                f,
                "there is no password in {place}: write it there as UTF-8, on one line"
            ),
            Self::NoCertificates(path) => write!(
                f,
                "`redis_ca` {path:?} has no certificates: it has to hold those of the authorities in PEM"
            ),
            Self::Tls(what) => write!(f, "`redis_ca` cannot be used: {what}"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Address(error) => Some(error),
            Self::Unreadable { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// All that it takes to connect.
pub(super) struct Target {
    client: Client,
    name: String,
    user: Option<Box<str>>,
    password: Option<RedisPassword>,
    /// The password of the URL.
    own: Option<Zeroizing<String>>,
    database: i64,
    timeout: Duration,
}

impl Target {
    pub(super) fn new(config: &RedisConfig) -> Result<Self, StoreError> {
        let address = Address::parse(config.url.as_str()).map_err(StoreError::Address)?;
        let name = address.to_string();
        let Address(info) = address;
        let settings = info.redis_settings();
        let user = settings.username().map(Into::into);
        let own = settings
            .password()
            .map(|own| Zeroizing::new(own.to_owned()));
        let database = settings.db();
        // Who is there is said here and not by the library, which would not tell what was answered.
        let info = info
            .clone()
            .set_redis_settings(RedisConnectionInfo::default().set_skip_set_lib_name());
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            use_our_cryptography();
        }
        let client = if let Some(path) = &config.ca {
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert: Some(certificates(path)?),
            };
            Client::build_with_tls(info, certificates)
        } else {
            Client::open(info)
        };
        let target = Self {
            client: client.map_err(|error| StoreError::Tls(error.to_string().into()))?,
            name,
            user,
            password: config.password.clone(),
            own,
            database,
            timeout: config.timeout,
        };
        // Said at the start, and not when the first fact comes.
        target.secret()?;
        Ok(target)
    }

    /// For log lines.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Connects, and says who is there. The password is read anew each time, so that it can be
    /// changed while the host runs. Bounded but for the time that looking up a name may take.
    pub(super) fn connect(&self) -> Result<Connection, Trouble> {
        let away = |what: String| Trouble::new(TroubleKind::Away, what);
        let secret = self.secret().map_err(|error| away(error.to_string()))?;
        let mut connection = self
            .client
            .get_connection_with_timeout(self.timeout)
            .map_err(|error| self.not_reached(&error))?;
        let failed = |error: redis::RedisError| self.not_reached(&error);
        connection
            .set_read_timeout(Some(self.timeout))
            .map_err(failed)?;
        connection
            .set_write_timeout(Some(self.timeout))
            .map_err(failed)?;
        if let Some(secret) = secret {
            let mut auth = cmd("AUTH");
            if let Some(user) = &self.user {
                auth.arg(&**user);
            }
            auth.arg(secret.as_str());
            auth.exec(&mut connection).map_err(failed)?;
        }
        if self.database != 0 {
            let mut select = cmd("SELECT");
            select.arg(self.database);
            select.exec(&mut connection).map_err(failed)?;
        }
        Ok(connection)
    }

    fn not_reached(&self, error: &redis::RedisError) -> Trouble {
        let trouble = Trouble::of(error);
        let kind = match trouble.kind {
            TroubleKind::Lost => TroubleKind::Away,
            other => other,
        };
        Trouble::new(kind, format!("{trouble} (connecting to {})", self.name))
    }

    fn secret(&self) -> Result<Option<Zeroizing<String>>, StoreError> {
        let (text, place) = match &self.password {
            None => return Ok(self.own.clone()),
            Some(RedisPassword::File(path)) => {
                (read("redis_password_file", path)?, format!("{path:?}"))
            }
            Some(RedisPassword::Environment(name)) => {
                let value = std::env::var_os(name)
                    .ok_or_else(|| StoreError::NoVariable(name.as_str().into()))?;
                let bytes = Zeroizing::new(value.into_encoded_bytes());
                (bytes, format!("the variable {name:?}"))
            }
        };
        let text = str::from_utf8(&text).unwrap_or_default();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() || text.contains('\n') {
            return Err(StoreError::NoPassword(place.into()));
        }
        Ok(Some(Zeroizing::new(text.to_owned())))
    }
}

/// Of several that may be linked into the program around the host, unless it has chosen already.
fn use_our_cryptography() {
    // An error says that a choice was made before: that one stays.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn certificates(path: &Path) -> Result<Vec<u8>, StoreError> {
    let pem = read("redis_ca", path)?.to_vec();
    let mut found = CertificateDer::pem_slice_iter(&pem).peekable();
    if found.peek().is_none() || found.any(|certificate| certificate.is_err()) {
        return Err(StoreError::NoCertificates(path.to_owned()));
    }
    Ok(pem)
}

fn read(key: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let failed = |error| StoreError::Unreadable {
        key,
        path: path.to_owned(),
        error,
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_FILE)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}
