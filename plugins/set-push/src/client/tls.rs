//! Whom the receiver's certificate has to come from, and how this side shows who it is. What the
//! client library takes on trust, or would end in a panic over, is tried here first.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, fs, io};

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

/// The files, as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The authorities that are trusted, in place of the system's.
    pub(crate) authorities: Option<PathBuf>,
    /// The client's certificate chain and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// All of them.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let client = self.client.iter().flat_map(|(chain, key)| [chain, key]);
        self.authorities.iter().chain(client).map(PathBuf::as_path)
    }

    /// Reads them.
    pub(super) fn read(&self) -> Result<TlsConfig, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = match &self.authorities {
            Some(file) => authorities(file)?,
            None => of_the_system()?,
        };
        let client = match &self.client {
            Some((chain, key)) => Some(client(chain, key, &provider)?),
            None => None,
        };
        Ok(TlsConfig::builder()
            .root_certs(roots)
            .client_cert(client)
            .unversioned_rustls_crypto_provider(provider)
            .build())
    }
}

/// The authorities of a file, each of which has to be one.
fn authorities(file: &Path) -> Result<RootCerts, TlsError> {
    let mut store = RootCertStore::empty();
    let mut taken = Vec::new();
    for authority in certificates(file)? {
        taken.push(Certificate::from_der(&authority).to_owned());
        store.add(authority).map_err(|error| {
            TlsError::of(
                file,
                format_args!("has no authority that can be used: {error}"),
            )
        })?;
    }
    Ok(RootCerts::from(taken))
}

/// Those of the system, of which it may have some of its own kind. There are many, so they are read
/// once.
fn of_the_system() -> Result<RootCerts, TlsError> {
    static READ: Mutex<Option<RootCerts>> = Mutex::new(None);

    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(roots) = &*read {
        return Ok(roots.clone());
    }
    let found = rustls_native_certs::load_native_certs().certs;
    let mut store = RootCertStore::empty();
    if store.add_parsable_certificates(found.iter().cloned()).0 == 0 {
        return Err(TlsError::NoAuthorities);
    }
    let certificates = found.iter().map(|it| Certificate::from_der(it).to_owned());
    Ok(read.insert(RootCerts::from(certificates)).clone())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_slice_iter(&read(file)?).collect::<Result<Vec<_>, _>>();
    match read {
        Ok(read) if !read.is_empty() => Ok(read),
        Ok(_) => Err(TlsError::of(file, "has no certificate in it, in PEM")),
        Err(error) => Err(TlsError::of(
            file,
            format_args!("cannot be read as PEM: {error}"),
        )),
    }
}

fn client(
    chain_file: &Path,
    key_file: &Path,
    provider: &CryptoProvider,
) -> Result<ClientCert, TlsError> {
    let chain = certificates(chain_file)?;
    let pem = read(key_file)?;
    // What the parser says of a key could show some of it.
    let no_key = || {
        TlsError::of(
            key_file,
            "has no private key in it, in PEM and without a passphrase",
        )
    };
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| no_key())?;
    CertifiedKey::from_der(chain.clone(), key, provider).map_err(|error| {
        let key = key_file.display();
        TlsError::of(
            chain_file,
            format_args!("and the key {key} cannot be used together: {error}"),
        )
    })?;
    let chain: Vec<_> = chain
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    let key = PrivateKey::from_pem(&pem).map_err(|_| no_key())?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|source| TlsError::Read {
        file: file.to_owned(),
        source,
    })
}

/// Why files cannot be used.
#[derive(Debug)]
pub(crate) enum TlsError {
    /// One cannot be read.
    Read {
        /// The file.
        file: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// What is in one is not what it should be.
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The system trusts nobody.
    NoAuthorities,
}

impl TlsError {
    fn of(file: &Path, why: impl fmt::Display) -> Self {
        Self::File {
            file: file.to_owned(),
            why: why.to_string(),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { file, source } => write!(f, "cannot read {}: {source}", file.display()),
            Self::File { file, why } => write!(f, "{} {why}", file.display()),
            Self::NoAuthorities => f.write_str(
                "this system has no certificate authorities: install them (the package \
                 `ca-certificates`, mostly), or name the receiver's in `ca_file`",
            ),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}
