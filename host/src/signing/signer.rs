//! The signer: claims in, compact JWS out (RFC 7515 section 7.1).

use std::fmt;
use std::path::Path;

use aws_lc_rs::rsa::KeySize;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::algorithm::Algorithm;
use super::claims;
use super::error::{KeyError, KeyWarning, SignError};
use super::key_set::{KeySet, public_json};
use super::secret_key::{MAX_SIGNATURE, SecretKey};

/// The `typ` of a token that asks for no other (RFC 7519 section 5.1).
const DEFAULT_TYP: &str = "JWT";

/// Signs claims sets with one private key.
///
/// The key is parsed once. [`Signer::sign`] may be called from any number of threads at a time;
/// it takes no lock.
pub struct Signer {
    algorithm: Algorithm,
    kid: String,
    key: SecretKey,
    /// The header's JSON up to and with the quote that opens the value of `typ`.
    header_start: String,
    /// The whole header with the default `typ`, in base64url.
    default_header: String,
    public_set: String,
}

impl Signer {
    /// Reads the first private key of a file that can sign with `algorithm`.
    ///
    /// The file is a JWK set, a single JWK, or PEM with PKCS#8, PKCS#1 (RSA) or SEC 1 (EC) blocks;
    /// which, its content tells. A JWK serves if its `kty` and `crv` fit and its `alg`, `use` and
    /// `key_ops`, where present, do not forbid it. Its `kid` is kept; without one, and for PEM, it
    /// is the thumbprint of RFC 7638 with SHA-256. What is doubtful about the file, but no reason
    /// to refuse it, is returned beside the signer.
    ///
    /// Every key for signatures in the file is checked, not only the one that signs, so that a
    /// rotation fails before its day. Keys for other purposes are passed over.
    ///
    /// # Errors
    /// [`KeyError`], when the file cannot be read, a key in it is broken or weaker than RFC 7518
    /// section 3.3 allows, two keys have one `kid`, or none fits.
    pub fn from_file(
        path: impl AsRef<Path>,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<(Self, Vec<KeyWarning>), KeyError> {
        let path = path.as_ref();
        let (set, warnings) = KeySet::read(path)?;
        let signer = set.public_jwk_set(algorithm).and_then(|public_set| {
            let (kid, key) = set.take_signing_key(algorithm, kid)?;
            Ok(Self::new(algorithm, kid, key, public_set))
        });
        Ok((signer.map_err(|fault| fault.in_file(path))?, warnings))
    }

    /// Makes a key that lives as long as the signer: tokens cannot be verified after a restart
    /// unless the public set was kept. An RSA key has 2048 bits.
    ///
    /// # Errors
    /// [`KeyError::Generation`].
    pub fn ephemeral(algorithm: Algorithm) -> Result<Self, KeyError> {
        let key = SecretKey::generate(algorithm.key_kind(), KeySize::Rsa2048)
            .map_err(|_| KeyError::Generation)?;
        Self::with_generated(algorithm, key)
    }

    /// Signs with a key that is no secret, for where signatures go nowhere: in a probe. Needs no
    /// randomness, which takes the library tens of milliseconds to gather for the first time.
    ///
    /// # Errors
    /// [`KeyError::Generation`].
    pub(crate) fn worthless() -> Result<Self, KeyError> {
        let key = SecretKey::ed25519_of_seed(&[0; 32]).map_err(|_| KeyError::Generation)?;
        Self::with_generated(Algorithm::EdDsa, key)
    }

    fn with_generated(algorithm: Algorithm, key: SecretKey) -> Result<Self, KeyError> {
        let public = key.public_key().map_err(|_| KeyError::Generation)?;
        let kid = public.thumbprint();
        let public_set = public_json(vec![public.jwk(algorithm, &kid)]);
        Ok(Self::new(algorithm, kid, key, public_set))
    }

    fn new(algorithm: Algorithm, kid: String, key: SecretKey, public_set: String) -> Self {
        let json_kid = serde_json::Value::from(kid.as_str());
        let header_start = format!(r#"{{"alg":"{algorithm}","kid":{json_kid},"typ":""#);
        let default_header = URL_SAFE_NO_PAD.encode(format!(r#"{header_start}{DEFAULT_TYP}"}}"#));
        let signer = Self {
            algorithm,
            kid,
            key,
            header_start,
            default_header,
            public_set,
        };
        // The first signature of a process sets up the library's source of randomness, which takes
        // tens of milliseconds: better now than in somebody's login.
        let _ = signer.sign(None, "{}");
        signer
    }

    /// Signs a claims set: a compact JWS with the header members `alg`, `kid` and `typ`.
    ///
    /// `typ` is a media type, `application/` left out (RFC 7515 section 4.1.9); default `JWT`.
    /// `claims_json` is one JSON object, and its bytes are signed exactly as given.
    ///
    /// # Errors
    /// [`SignError`], when the claims are not one JSON object or name a claim twice, `typ` is no
    /// media type, or the cryptographic library fails.
    pub fn sign(&self, typ: Option<&str>, claims_json: &str) -> Result<String, SignError> {
        claims::check(claims_json)?;
        let typ = typ.filter(|typ| *typ != DEFAULT_TYP);
        let header_room = self.default_header.len() + typ.map_or(0, |typ| typ.len() * 2);
        let encoded = |length: usize| length.div_ceil(3) * 4;
        let room = encoded(claims_json.len()) + encoded(self.key.signature_length());
        let mut jws = String::with_capacity(header_room + room + 2);
        match typ {
            None => jws.push_str(&self.default_header),
            Some(typ) if is_media_type(typ) => {
                let header = [&self.header_start, typ, r#""}"#].concat();
                URL_SAFE_NO_PAD.encode_string(header, &mut jws);
            }
            Some(typ) => return Err(SignError::Typ { typ: typ.into() }),
        }
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(claims_json, &mut jws);
        let mut signature = [0; MAX_SIGNATURE];
        let used = self
            .key
            .sign(self.algorithm, jws.as_bytes(), &mut signature)
            .map_err(|_| SignError::Signature)?;
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature[..used], &mut jws);
        Ok(jws)
    }

    /// The public JWK set (RFC 7517 section 5) as JSON: the signing key's public half and every
    /// other key for signatures in the file, those that are there for rotation only included. Each
    /// has `kty`, `use`, `alg` and `kid`, and none a private member.
    pub fn jwk_set(&self) -> &str {
        &self.public_set
    }

    /// What it signs with.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The id of the key that signs, as in every header.
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

impl Signer {
    /// Whether the other one signs with the same key and shows the same public ones.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        (self.algorithm, &self.kid, &self.public_set)
            == (other.algorithm, &other.kid, &other.public_set)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The characters of RFC 6838 section 4.2 and the slash. None of them needs escaping in JSON.
fn is_media_type(typ: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+/".contains(&byte);
    !typ.is_empty() && typ.bytes().all(allowed)
}

/// The public JWK set of a key file, private or public, as [`Signer::jwk_set`] has it.
///
/// `algorithm` is what the file is used with: it becomes the `alg` of keys that fit it and state
/// none.
///
/// # Errors
/// [`KeyError`], as [`Signer::from_file`], but a file of public keys only is welcome here.
pub fn public_jwk_set(path: impl AsRef<Path>, algorithm: Algorithm) -> Result<String, KeyError> {
    let path = path.as_ref();
    let (set, _) = KeySet::read(path)?;
    set.public_jwk_set(algorithm)
        .map_err(|fault| fault.in_file(path))
}
