//! New keys as private JWK sets. Where they are kept is for the caller to say.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use aws_lc_rs::encoding::{
    AsBigEndian as _, AsDer, Curve25519SeedBin, EcPrivateKeyBin, Pkcs8V1Der,
};
use aws_lc_rs::rsa::KeySize;
use pkcs1::RsaPrivateKeyRef;
use pkcs8::PrivateKeyInfoRef;
use serde::Serialize;
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, KeyKind};
use super::error::KeyError;
use super::file;
use super::key_set::public_json;
use super::public_key::{JwkSet, PublicJwk, b64};
use super::secret_key::SecretKey;

/// Room for the JSON of the largest key (RSA of 4096 bits: about 3.5 kB), so that the buffer never
/// grows and leaves copies behind.
const JSON_ROOM: usize = 8 * 1024;

/// The size of a new RSA key. Larger ones sign more slowly: 4096 bits take
/// several times as long as 2048.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RsaSize {
    /// 2048 bits, the least that RFC 7518 section 3.3 allows.
    #[default]
    Bits2048,
    /// 3072 bits.
    Bits3072,
    /// 4096 bits.
    Bits4096,
}

impl RsaSize {
    /// The size in bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Bits2048 => 2048,
            Self::Bits3072 => 3072,
            Self::Bits4096 => 4096,
        }
    }

    const fn key_size(self) -> KeySize {
        match self {
            Self::Bits2048 => KeySize::Rsa2048,
            Self::Bits3072 => KeySize::Rsa3072,
            Self::Bits4096 => KeySize::Rsa4096,
        }
    }
}

impl FromStr for RsaSize {
    type Err = UnknownRsaSize;

    fn from_str(bits: &str) -> Result<Self, UnknownRsaSize> {
        match bits {
            "2048" => Ok(Self::Bits2048),
            "3072" => Ok(Self::Bits3072),
            "4096" => Ok(Self::Bits4096),
            _ => Err(UnknownRsaSize { bits: bits.into() }),
        }
    }
}

/// No size that RSA keys are made in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRsaSize {
    bits: String,
}

impl fmt::Display for UnknownRsaSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits.escape_debug();
        write!(f, "RSA key size '{bits}': use 2048, 3072 or 4096 bits")
    }
}

impl std::error::Error for UnknownRsaSize {}

/// A private JWK set of one new key. Wiped when dropped; `Debug` shows no key material.
pub struct PrivateJwkSet {
    json: Zeroizing<String>,
    public: String,
    kid: String,
}

impl PrivateJwkSet {
    /// The set as JSON, **with the private key**: for a file or a secret store, never for a log.
    pub fn as_private_json(&self) -> &str {
        &self.json
    }

    /// The public set as JSON, for those who verify.
    pub fn public_jwk_set(&self) -> &str {
        &self.public
    }

    /// The key's id: its thumbprint of RFC 7638 with SHA-256.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Writes the set to a new file that only its owner may read (mode 0600 on Unix).
    ///
    /// # Errors
    /// [`KeyError::Exists`], and the file stays as it is; [`KeyError::Unwritable`].
    pub fn write_new(&self, path: impl AsRef<Path>) -> Result<(), KeyError> {
        file::write_new(path.as_ref(), self.json.as_bytes())
    }
}

impl fmt::Debug for PrivateJwkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateJwkSet")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// Makes a key for `algorithm`. `size` is for RSA only and 2048 bits by default.
///
/// # Errors
/// [`KeyError::SizeWithoutRsa`], [`KeyError::Generation`].
pub fn generate(algorithm: Algorithm, size: Option<RsaSize>) -> Result<PrivateJwkSet, KeyError> {
    let key_kind = algorithm.key_kind();
    if size.is_some() && key_kind != KeyKind::Rsa {
        return Err(KeyError::SizeWithoutRsa { algorithm });
    }
    let key = SecretKey::generate(key_kind, size.unwrap_or_default().key_size())
        .map_err(|_| KeyError::Generation)?;
    let public_key = key.public_key().map_err(|_| KeyError::Generation)?;
    let kid = public_key.thumbprint();
    let public = public_json(vec![public_key.jwk(algorithm, &kid)]);
    let secret = private_members(&key).ok_or(KeyError::Generation)?;
    let json = private_json(PrivateJwk {
        public: public_key.jwk(algorithm, &kid),
        secret,
    });
    Ok(PrivateJwkSet { json, public, kid })
}

/// The key as a JWK set, indented, for a file.
fn private_json(key: PrivateJwk<'_>) -> Zeroizing<String> {
    let set = JwkSet { keys: vec![key] };
    let mut json = Zeroizing::new(Vec::with_capacity(JSON_ROOM));
    serde_json::to_writer_pretty(&mut *json, &set).expect("strings always have a JSON form");
    json.push(b'\n');
    let json = String::from_utf8(std::mem::take(&mut *json)).expect("JSON is UTF-8");
    Zeroizing::new(json)
}

#[derive(Serialize)]
struct PrivateJwk<'a> {
    #[serde(flatten)]
    public: PublicJwk<'a>,
    #[serde(flatten)]
    secret: PrivateMembers,
}

/// RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2.
#[derive(Serialize)]
struct PrivateMembers {
    d: Secret,
    #[serde(flatten)]
    crt: Option<CrtMembers>,
}

#[derive(Serialize)]
struct CrtMembers {
    p: Secret,
    q: Secret,
    dp: Secret,
    dq: Secret,
    qi: Secret,
}

/// A base64url text that is wiped when dropped.
struct Secret(Zeroizing<String>);

impl Secret {
    fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(b64(bytes)))
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// `None` if the library cannot export the key it has just made.
fn private_members(key: &SecretKey) -> Option<PrivateMembers> {
    let d = match key {
        SecretKey::Rsa(pair) => {
            let der = AsDer::<Pkcs8V1Der<'_>>::as_der(pair).ok()?;
            let info = PrivateKeyInfoRef::try_from(der.as_ref()).ok()?;
            let key = RsaPrivateKeyRef::try_from(info.private_key.as_bytes()).ok()?;
            return Some(PrivateMembers {
                d: Secret::new(key.private_exponent.as_bytes()),
                crt: Some(CrtMembers {
                    p: Secret::new(key.prime1.as_bytes()),
                    q: Secret::new(key.prime2.as_bytes()),
                    dp: Secret::new(key.exponent1.as_bytes()),
                    dq: Secret::new(key.exponent2.as_bytes()),
                    qi: Secret::new(key.coefficient.as_bytes()),
                }),
            });
        }
        SecretKey::P256(pair) => {
            let bytes: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().ok()?;
            Secret::new(bytes.as_ref())
        }
        SecretKey::Ed25519(pair) => {
            let bytes: Curve25519SeedBin<'_> = pair.seed().ok()?.as_be_bytes().ok()?;
            Secret::new(bytes.as_ref())
        }
    };
    Some(PrivateMembers { d, crt: None })
}
