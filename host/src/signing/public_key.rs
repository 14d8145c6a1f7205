//! Public keys: their checks, their thumbprints and their JSON. A type that has no room for a
//! private part, so that what is published cannot hold one.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::algorithm::{Algorithm, KeyKind};
use super::problem::KeyProblem;

/// The length of a P-256 coordinate and of an Ed25519 key, in bytes.
pub(super) const FIELD: usize = 32;

/// A checked public key.
pub(super) enum PublicKey {
    /// Big-endian, without leading zeros, 2048 to 8192 bits.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    P256 {
        x: [u8; FIELD],
        y: [u8; FIELD],
    },
    Ed25519 {
        x: [u8; FIELD],
    },
}

impl PublicKey {
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyProblem> {
        // Some exporters prefix a zero byte, which RFC 7518 section 6.3.1.1 asks to leave out.
        let [n, e] = [n, e].map(|integer| {
            let zeros = integer.iter().take_while(|byte| **byte == 0).count();
            integer[zeros..].to_vec()
        });
        let bits = n
            .first()
            .map_or(0, |top| n.len() * 8 - top.leading_zeros() as usize);
        if bits < 2048 {
            return Err(KeyProblem::RsaTooSmall { bits });
        }
        if bits > 8192 {
            return Err(KeyProblem::RsaTooLarge { bits });
        }
        // Product of odd primes; an exponent that is even or 1 has no inverse, or is none.
        let odd = |integer: &[u8]| integer.last().is_some_and(|byte| byte % 2 == 1);
        if !odd(&n) || !odd(&e) || e == [1] {
            return Err(KeyProblem::Inconsistent);
        }
        Ok(Self::Rsa { n, e })
    }

    pub(super) fn p256(x: [u8; FIELD], y: [u8; FIELD]) -> Result<Self, KeyProblem> {
        let key = Self::P256 { x, y };
        // Parsing it tells whether the point is on the curve.
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, p256_point(&x, &y))
            .map_err(|_| KeyProblem::Inconsistent)?;
        Ok(key)
    }

    /// From an uncompressed point (SEC 1 section 2.3.3).
    pub(super) fn p256_from_point(point: &[u8]) -> Result<Self, KeyProblem> {
        let [4, coordinates @ ..] = point else {
            return Err(KeyProblem::Der);
        };
        let Some((x, y)) = coordinates.split_at_checked(FIELD) else {
            return Err(KeyProblem::Der);
        };
        match (x.try_into(), y.try_into()) {
            (Ok(x), Ok(y)) => Self::p256(x, y),
            _ => Err(KeyProblem::Der),
        }
    }

    pub(super) fn kind(&self) -> KeyKind {
        match self {
            Self::Rsa { .. } => KeyKind::Rsa,
            Self::P256 { .. } => KeyKind::P256,
            Self::Ed25519 { .. } => KeyKind::Ed25519,
        }
    }

    /// The thumbprint with SHA-256 in base64url (RFC 7638 section 3; for OKP RFC 8037 section 2).
    pub(super) fn thumbprint(&self) -> String {
        // Required members only, in the order of their names, no spaces.
        let canonical = match self {
            Self::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n))
            }
            Self::P256 { x, y } => format!(
                r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                b64(x),
                b64(y)
            ),
            Self::Ed25519 { x } => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64(x))
            }
        };
        b64(digest(&SHA256, canonical.as_bytes()).as_ref())
    }

    /// The key as a public JWK for signatures.
    pub(super) fn jwk<'a>(&self, algorithm: Algorithm, kid: &'a str) -> PublicJwk<'a> {
        let mut jwk = PublicJwk {
            kty: "RSA",
            key_use: "sig",
            alg: algorithm.name(),
            kid,
            crv: None,
            n: None,
            e: None,
            x: None,
            y: None,
        };
        match self {
            Self::Rsa { n, e } => {
                jwk.n = Some(b64(n));
                jwk.e = Some(b64(e));
            }
            Self::P256 { x, y } => {
                jwk.kty = "EC";
                jwk.crv = Some("P-256");
                jwk.x = Some(b64(x));
                jwk.y = Some(b64(y));
            }
            Self::Ed25519 { x } => {
                jwk.kty = "OKP";
                jwk.crv = Some("Ed25519");
                jwk.x = Some(b64(x));
            }
        }
        jwk
    }
}

/// The uncompressed form of a point of P-256 (SEC 1 section 2.3.3).
pub(super) fn p256_point(x: &[u8; FIELD], y: &[u8; FIELD]) -> Vec<u8> {
    [&[4], x.as_slice(), y.as_slice()].concat()
}

/// base64url without padding (RFC 7515 section 2).
pub(super) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The members of a public JWK (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).
#[derive(Serialize)]
pub(super) struct PublicJwk<'a> {
    kty: &'static str,
    #[serde(rename = "use")]
    key_use: &'static str,
    alg: &'static str,
    kid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

/// A JWK set (RFC 7517 section 5).
#[derive(Serialize)]
pub(super) struct JwkSet<K> {
    pub(super) keys: Vec<K>,
}
