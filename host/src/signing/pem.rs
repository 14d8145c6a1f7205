//! PEM (RFC 7468) into keys: PKCS#8, PKCS#1 for RSA and SEC 1 for EC private keys, and public
//! keys. Other blocks, certificates say, are passed over.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256K1_SHA256_ASN1_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::spki::SubjectPublicKeyInfoRef;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use rustls_pki_types::pem::{Error as PemError, PemObject as _, SectionKind};
use zeroize::Zeroizing;

use super::error::KeyName;
use super::key_set::{Fault, Key, KeySet, Other};
use super::problem::KeyProblem;
use super::public_key::PublicKey;
use super::secret_key::{RsaIntegers, SecretKey};

/// RFC 3279 section 2.3.1.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// RFC 4055 section 3.1.
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
/// RFC 5480 section 2.1.1.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// RFC 5480 section 2.1.1.1.
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// RFC 8410 section 3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

const BEGIN: &[u8] = b"-----BEGIN ";

/// Whether a line of the text begins a PEM block.
pub(super) fn is_pem(text: &[u8]) -> bool {
    lines(text).any(|(_, line)| line.starts_with(BEGIN))
}

/// Reads all blocks. A key that stands there twice (its public half beside it, say) counts once.
pub(super) fn parse(text: &[u8]) -> Result<KeySet, Fault> {
    let mut set = KeySet::default();
    for (index, block) in blocks(text).into_iter().enumerate() {
        let name = KeyName::in_pem(index, &block.label());
        let found = block
            .read()
            .and_then(|found| match found {
                Found::Other(what) => Ok(Err(what)),
                Found::Public(public) => Ok(Ok((public, None))),
                Found::Secret(secret) => Ok(Ok((secret.public_key()?, Some(secret)))),
            })
            .map_err(|problem| Fault::of_key(name.clone(), problem))?;
        let (public, secret) = match found {
            Ok(key) => key,
            Err(what) => {
                set.others.push(Other {
                    name,
                    what,
                    symmetric: false,
                });
                continue;
            }
        };
        let kid = public.thumbprint();
        if let Some(same) = set.keys.iter_mut().find(|key| key.kid == kid) {
            if same.secret.is_none() {
                same.secret = secret;
            }
            continue;
        }
        set.keys.push(Key {
            name,
            kid,
            algorithm: None,
            may_sign: true,
            public,
            secret,
        });
    }
    Ok(set)
}

/// From one BEGIN line to the next, or to the end of the text.
struct Block<'a>(&'a [u8]);

enum Found {
    Secret(SecretKey),
    Public(PublicKey),
    Other(String),
}

/// Each line without its end, and where it starts.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    text.split(|byte| matches!(byte, b'\n' | b'\r'))
        .map(move |line| {
            let at = start;
            start += line.len() + 1;
            (at, line)
        })
}

fn blocks(text: &[u8]) -> Vec<Block<'_>> {
    let begins = lines(text).filter(|(_, line)| line.starts_with(BEGIN));
    let mut starts: Vec<usize> = begins.map(|(at, _)| at).collect();
    starts.push(text.len());
    starts
        .windows(2)
        .map(|pair| Block(&text[pair[0]..pair[1]]))
        .collect()
}

impl Block<'_> {
    fn label(&self) -> String {
        let (_, line) = lines(self.0).next().unwrap_or_default();
        let label = line.strip_prefix(BEGIN).unwrap_or_default().trim_ascii();
        let label = label.strip_suffix(b"-----").unwrap_or(label);
        String::from_utf8_lossy(label).into_owned()
    }

    /// PKCS#8 says so in its label, the older formats in a header line (RFC 1421 section 4.6.1.1).
    fn is_encrypted(&self) -> bool {
        self.label() == "ENCRYPTED PRIVATE KEY"
            || lines(self.0)
                .any(|(_, line)| line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED"))
    }

    fn read(&self) -> Result<Found, KeyProblem> {
        if self.is_encrypted() {
            return Err(KeyProblem::Encrypted);
        }
        let (kind, der) = match <(SectionKind, Vec<u8>)>::from_pem_slice(self.0) {
            Ok((kind, der)) => (kind, Zeroizing::new(der)),
            Err(PemError::NoItemsFound) => return Ok(Found::Other("no key".into())),
            Err(error) => {
                let detail = match error {
                    PemError::MissingSectionEnd { .. } => "a block without its END line",
                    PemError::IllegalSectionStart { .. } => "a BEGIN line cut short",
                    PemError::Base64Decode(_) => "a block that is not base64",
                    _ => "a block that cannot be decoded",
                };
                let detail = detail.into();
                return Err(KeyProblem::Pem { detail });
            }
        };
        match kind {
            SectionKind::PrivateKey => pkcs8(&der),
            SectionKind::RsaPrivateKey => pkcs1(&der),
            SectionKind::EcPrivateKey => ec(&der),
            SectionKind::PublicKey => spki(&der),
            _ => Ok(Found::Other("no key".into())),
        }
    }
}

/// RFC 5958.
fn pkcs8(der: &[u8]) -> Result<Found, KeyProblem> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyProblem::Der)?;
    match info.algorithm.oid {
        RSA => pkcs1(info.private_key.as_bytes()),
        EC => ec(der),
        ED25519 => Ed25519KeyPair::from_pkcs8(der)
            .map(|pair| Found::Secret(SecretKey::Ed25519(pair)))
            .map_err(|_| KeyProblem::Der),
        oid => Ok(Found::Other(unknown(oid))),
    }
}

fn unknown(oid: ObjectIdentifier) -> String {
    if oid == RSA_PSS {
        return "RSASSA-PSS (a plain RSA key serves PS256)".into();
    }
    format!("of the unknown type {oid}")
}

/// RFC 8017 appendix A.1.2.
fn pkcs1(der: &[u8]) -> Result<Found, KeyProblem> {
    let key = RsaPrivateKeyRef::try_from(der).map_err(|_| KeyProblem::Der)?;
    let public = PublicKey::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())?;
    let integers = RsaIntegers {
        d: key.private_exponent.as_bytes(),
        p: key.prime1.as_bytes(),
        q: key.prime2.as_bytes(),
        dp: key.exponent1.as_bytes(),
        dq: key.exponent2.as_bytes(),
        qi: key.coefficient.as_bytes(),
    };
    SecretKey::rsa(&public, &integers).map(Found::Secret)
}

/// An EC private key alone (RFC 5915) or in PKCS#8.
fn ec(der: &[u8]) -> Result<Found, KeyProblem> {
    if let Ok(pair) = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
        return Ok(Found::Secret(SecretKey::P256(pair)));
    }
    // Not P-256: a sound key of another curve is only no key of ours.
    [
        (&ECDSA_P384_SHA384_FIXED_SIGNING, "EC P-384"),
        (&ECDSA_P521_SHA512_FIXED_SIGNING, "EC P-521"),
        (&ECDSA_P256K1_SHA256_ASN1_SIGNING, "EC secp256k1"),
    ]
    .into_iter()
    .find(|(curve, _)| EcdsaKeyPair::from_private_key_der(curve, der).is_ok())
    .map(|(_, name)| Found::Other(name.into()))
    .ok_or(KeyProblem::Der)
}

/// RFC 5280 section 4.1.2.7.
fn spki(der: &[u8]) -> Result<Found, KeyProblem> {
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyProblem::Der)?;
    let bits = info.subject_public_key.as_bytes().ok_or(KeyProblem::Der)?;
    let public = match info.algorithm.oid {
        RSA => {
            let key = RsaPublicKeyRef::try_from(bits).map_err(|_| KeyProblem::Der)?;
            PublicKey::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())?
        }
        EC => match info.algorithm.parameters_oid() {
            Ok(P256) => PublicKey::p256_from_point(bits)?,
            Ok(curve) => return Ok(Found::Other(format!("EC of the curve {curve}"))),
            Err(_) => return Ok(Found::Other("EC of an unnamed curve".into())),
        },
        ED25519 => PublicKey::Ed25519 {
            x: bits.try_into().map_err(|_| KeyProblem::Der)?,
        },
        oid => return Ok(Found::Other(unknown(oid))),
    };
    Ok(Found::Public(public))
}
