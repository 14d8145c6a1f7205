//! All keys of one file: which of them signs, and what the world may see of them. The formats are
//! read in `jwk` and `pem`.

use std::path::Path;

use super::algorithm::Algorithm;
use super::error::{KeyError, KeyName, KeyWarning};
use super::problem::KeyProblem;
use super::public_key::{JwkSet, PublicJwk, PublicKey};
use super::secret_key::SecretKey;
use super::{file, jwk, pem};

/// A key for signatures with one of the known algorithms, checked.
pub(super) struct Key {
    pub(super) name: KeyName,
    /// Stated by the file, or else the thumbprint.
    pub(super) kid: String,
    /// Stated by the file (`alg`).
    pub(super) algorithm: Option<Algorithm>,
    /// False where the file keeps a private key from signing (`key_ops`).
    pub(super) may_sign: bool,
    pub(super) public: PublicKey,
    pub(super) secret: Option<SecretKey>,
}

/// Something in the file that is no such key: it is passed over, and named when nothing else fits.
pub(super) struct Other {
    pub(super) name: KeyName,
    pub(super) what: String,
    pub(super) symmetric: bool,
}

/// What a file holds, in its order.
#[derive(Default)]
pub(super) struct KeySet {
    pub(super) keys: Vec<Key>,
    pub(super) others: Vec<Other>,
}

/// What is wrong, and with which key; the file is added by who knows it.
pub(super) struct Fault {
    pub(super) key: Option<KeyName>,
    pub(super) problem: KeyProblem,
}

impl Fault {
    pub(super) fn of_file(problem: KeyProblem) -> Self {
        Self { key: None, problem }
    }

    pub(super) fn of_key(key: KeyName, problem: KeyProblem) -> Self {
        Self {
            key: Some(key),
            problem,
        }
    }

    pub(super) fn in_file(self, path: &Path) -> KeyError {
        KeyError::Content {
            file: path.to_owned(),
            key: self.key,
            problem: Box::new(self.problem),
        }
    }
}

impl KeySet {
    /// Reads a file in either format.
    pub(super) fn read(path: &Path) -> Result<(Self, Vec<KeyWarning>), KeyError> {
        let text = file::read(path)?;
        let set = Self::parse(&text.bytes).map_err(|fault| fault.in_file(path))?;
        let holds_secrets = set.keys.iter().any(|key| key.secret.is_some());
        let warnings = text.open_to_others.filter(|_| holds_secrets);
        Ok((set, warnings.into_iter().collect()))
    }

    pub(super) fn parse(text: &[u8]) -> Result<Self, Fault> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let set = match text.trim_ascii_start() {
            [b'{' | b'[', ..] => jwk::parse(text)?,
            _ if pem::is_pem(text) => pem::parse(text)?,
            _ => return Err(Fault::of_file(KeyProblem::UnknownFormat)),
        };
        for (i, key) in set.keys.iter().enumerate() {
            if let Some(first) = set.keys[..i].iter().find(|first| first.kid == key.kid) {
                let first = first.name.clone();
                return Err(Fault::of_key(
                    key.name.clone(),
                    KeyProblem::RepeatedKid { first },
                ));
            }
        }
        Ok(set)
    }

    /// Takes the first private key that fits `algorithm`, and `kid` if one is asked for, out of
    /// the set.
    pub(super) fn take_signing_key(
        mut self,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<(String, SecretKey), Fault> {
        let fitting = self
            .keys
            .iter_mut()
            .filter(|key| key.fits(algorithm) && key.may_sign)
            .filter(|key| kid.is_none_or(|kid| key.kid == kid))
            .find_map(|key| Some((key.kid.clone(), key.secret.take()?)));
        fitting.ok_or_else(|| Fault::of_file(self.why_none(algorithm, kid)))
    }

    /// Why none of the keys, of which there are some, signs with `algorithm`.
    fn why_none(&self, algorithm: Algorithm, kid: Option<&str>) -> KeyProblem {
        let found = self.inventory();
        if self.keys.iter().all(|key| key.secret.is_none()) {
            KeyProblem::PublicOnly { found }
        } else if let Some(kid) = kid {
            KeyProblem::NoSuchKid {
                kid: kid.to_owned(),
                algorithm,
                found,
            }
        } else {
            KeyProblem::NoneFits { algorithm, found }
        }
    }

    fn why_none_usable(&self) -> KeyProblem {
        if !self.others.is_empty() && self.others.iter().all(|other| other.symmetric) {
            return KeyProblem::SymmetricOnly;
        }
        let found = self.inventory();
        KeyProblem::NoneUsable { found }
    }

    /// What is there, a phrase each, in the words of an error message.
    fn inventory(&self) -> Vec<String> {
        let keys = self.keys.iter().map(Key::describe);
        let others = self
            .others
            .iter()
            .map(|other| format!("{}, {}", other.name, other.what));
        keys.chain(others).collect()
    }

    /// The public JWK set as JSON. An RSA key that states no `alg` gets that of `algorithm` if it
    /// is one for RSA.
    pub(super) fn public_jwk_set(&self, algorithm: Algorithm) -> Result<String, Fault> {
        if self.keys.is_empty() {
            return Err(Fault::of_file(self.why_none_usable()));
        }
        let keys = self.keys.iter().map(|key| {
            let kind = key.public.kind();
            let usual = if algorithm.key_kind() == kind {
                algorithm
            } else {
                kind.default_algorithm()
            };
            key.public.jwk(key.algorithm.unwrap_or(usual), &key.kid)
        });
        Ok(public_json(keys.collect()))
    }
}

/// A public JWK set as JSON.
pub(super) fn public_json(keys: Vec<PublicJwk<'_>>) -> String {
    serde_json::to_string(&JwkSet { keys }).expect("strings always have a JSON form")
}

impl Key {
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.public.kind() == algorithm.key_kind()
            && self.algorithm.is_none_or(|stated| stated == algorithm)
    }

    fn describe(&self) -> String {
        let half = match (&self.secret, self.may_sign) {
            (None, _) => "public only",
            (Some(_), true) => "private",
            (Some(_), false) => "private, but 'key_ops' has no 'sign'",
        };
        let mut text = format!("{}, {}, {half}", self.name, self.public.kind());
        if let Some(algorithm) = self.algorithm {
            text.push_str(", only for ");
            text.push_str(algorithm.name());
        }
        text
    }
}
