//! TLS for TCP: what the files of `[intake.tls]` give.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::error::ServerError;
use super::token::warn_if_exposed;
use crate::config::TlsConfig;

/// Reads certificate, key and authorities.
pub(super) fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, ServerError> {
    let chain = certificates(&config.certificate)?;
    let key = private_key(&config.key)?;
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&config.certificate, error))?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(file)? {
                roots
                    .add(authority)
                    .map_err(|error| fault(file, format_args!("has no authority: {error}")))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| fault(file, error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut tls = builder.with_single_cert(chain, key).map_err(|error| {
        let why = format!("and the key {:?} do not go together: {error}", config.key);
        fault(&config.certificate, why)
    })?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, ServerError> {
    let read = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fault(file, format_args!("cannot be read as PEM: {error}")))?;
    if read.is_empty() {
        return Err(fault(file, "has no certificate in it, in PEM"));
    }
    Ok(read)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, ServerError> {
    if let Ok(opened) = File::open(file) {
        warn_if_exposed(file, &opened);
    }
    PrivateKeyDer::from_pem_file(file)
        .map_err(|error| fault(file, format_args!("cannot be read as a PEM key: {error}")))
}

fn fault(file: &Path, why: impl std::fmt::Display) -> ServerError {
    ServerError::Tls {
        file: file.to_owned(),
        why: why.to_string(),
    }
}
