//! Authorities and certificates, as `openssl` makes them, and clients that speak TLS.

#![allow(
    clippy::missing_panics_doc,
    reason = "a test that cannot have its certificates fails"
)]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::http::{Client, tcp};

const NEW: &str = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

fn openssl(dir: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .output()
        .expect("openssl is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {said}");
}

/// Makes an authority: `NAME.pem` and `NAME.key`.
pub fn authority(dir: &Path, name: &str) {
    openssl(
        dir,
        &format!("{NEW} -x509 -days 2 -keyout {name}.key -out {name}.pem -subj /CN={name}"),
    );
}

/// Makes a certificate of an authority for this machine: `NAME.pem` and `NAME.key`.
pub fn certificate(dir: &Path, authority: &str, name: &str) {
    let names = format!("{name}.names");
    fs::write(
        dir.join(&names),
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n",
    )
    .expect("the directory can be written to");
    openssl(
        dir,
        &format!("{NEW} -keyout {name}.key -out {name}.csr -subj /CN={name}"),
    );
    openssl(
        dir,
        &format!(
            "x509 -req -days 2 -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial -extfile {names} -out {name}.pem"
        ),
    );
}

/// Connects to `localhost` with TLS, trusting the authority `ca` of that directory, and with one of the
/// certificates there, perhaps.
pub fn connect(dir: &Path, address: SocketAddr, certificate: Option<&str>) -> Client {
    let from = |name: &str| {
        CertificateDer::from_pem_file(dir.join(name)).expect("the certificate was made")
    };
    let mut roots = RootCertStore::empty();
    roots.add(from("ca.pem")).expect("it is an authority's");
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(roots);
    let config = match certificate {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let key = PrivateKeyDer::from_pem_file(dir.join(format!("{name}.key")));
            let key = key.expect("the key was made");
            builder
                .with_client_auth_cert(vec![from(&format!("{name}.pem"))], key)
                .expect("they belong together")
        }
    };
    let name = ServerName::try_from("localhost").expect("it is a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("it is configured");
    let stream = tcp(address).expect("somebody listens");
    Client::over(StreamOwned::new(connection, stream))
}
