//! Authorities and certificates, as `openssl` makes them.

use std::fs;
use std::path::Path;
use std::process::Command;

fn openssl(dir: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .output()
        .expect("openssl is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {said}");
}

const NEW: &str = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/// Makes an authority: `NAME.pem` and `NAME.key`.
pub(crate) fn authority(dir: &Path, name: &str) {
    openssl(
        dir,
        &format!("{NEW} -x509 -days 2 -keyout {name}.key -out {name}.pem -subj /CN={name}"),
    );
}

/// Makes a certificate of an authority for this machine.
pub(crate) fn certificate(dir: &Path, authority: &str, name: &str) {
    let names = format!("{name}.names");
    fs::write(
        dir.join(&names),
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n",
    )
    .unwrap();
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
