//! Private keys in the form that signs. Parsed once; used by any number of threads at a time.
//! No `Debug`: there is nothing in here that a log should see.

use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};

use super::algorithm::{Algorithm, KeyKind};
use super::problem::KeyProblem;
use super::public_key::{FIELD, PublicKey, p256_point};

/// The longest signature, in bytes: an RSA modulus of 8192 bits.
pub(super) const MAX_SIGNATURE: usize = 1024;

pub(super) enum SecretKey {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The private integers of an RSA key, big-endian (RFC 8017 section 3.2).
pub(super) struct RsaIntegers<T> {
    pub(super) d: T,
    pub(super) p: T,
    pub(super) q: T,
    pub(super) dp: T,
    pub(super) dq: T,
    pub(super) qi: T,
}

impl SecretKey {
    /// Builds the key and checks that all parts belong to `public`.
    pub(super) fn rsa<T: AsRef<[u8]>>(
        public: &PublicKey,
        integers: &RsaIntegers<T>,
    ) -> Result<Self, KeyProblem> {
        let PublicKey::Rsa { n, e } = public else {
            return Err(KeyProblem::Inconsistent);
        };
        RsaKeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents { n, e },
            d: integers.d.as_ref(),
            p: integers.p.as_ref(),
            q: integers.q.as_ref(),
            dP: integers.dp.as_ref(),
            dQ: integers.dq.as_ref(),
            qInv: integers.qi.as_ref(),
        })
        .map(Self::Rsa)
        .map_err(|_| KeyProblem::Inconsistent)
    }

    /// Builds a P-256 or Ed25519 key and checks that `d` belongs to `public`.
    pub(super) fn curve(public: &PublicKey, d: &[u8; FIELD]) -> Result<Self, KeyProblem> {
        let key: Result<Self, KeyRejected> = match public {
            PublicKey::P256 { x, y } => EcdsaKeyPair::from_private_key_and_public_key(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                d,
                &p256_point(x, y),
            )
            .map(Self::P256),
            PublicKey::Ed25519 { x } => {
                Ed25519KeyPair::from_seed_and_public_key(d, x).map(Self::Ed25519)
            }
            PublicKey::Rsa { .. } => return Err(KeyProblem::Inconsistent),
        };
        key.map_err(|_| KeyProblem::Inconsistent)
    }

    /// A new key; `size` is that of an RSA modulus and means nothing for the others.
    pub(super) fn generate(kind: KeyKind, size: KeySize) -> Result<Self, Unspecified> {
        match kind {
            KeyKind::Rsa => RsaKeyPair::generate(size).map(Self::Rsa),
            KeyKind::P256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::P256)
            }
            KeyKind::Ed25519 => Ed25519KeyPair::generate().map(Self::Ed25519),
        }
    }

    /// The Ed25519 key of a seed (RFC 8032 section 5.1.5).
    pub(super) fn ed25519_of_seed(seed: &[u8; FIELD]) -> Result<Self, KeyRejected> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self::Ed25519)
    }

    pub(super) fn public_key(&self) -> Result<PublicKey, KeyProblem> {
        match self {
            Self::Rsa(pair) => {
                let public = pair.public_key();
                PublicKey::rsa(
                    public.modulus().big_endian_without_leading_zero(),
                    public.exponent().big_endian_without_leading_zero(),
                )
            }
            Self::P256(pair) => PublicKey::p256_from_point(pair.public_key().as_ref()),
            Self::Ed25519(pair) => pair
                .public_key()
                .as_ref()
                .try_into()
                .map(|x| PublicKey::Ed25519 { x })
                .map_err(|_| KeyProblem::Inconsistent),
        }
    }

    /// How long its signatures are, in bytes.
    pub(super) fn signature_length(&self) -> usize {
        match self {
            Self::Rsa(pair) => pair.public_modulus_len(),
            Self::P256(_) | Self::Ed25519(_) => 64,
        }
    }

    /// Signs `message` and returns how many bytes of `signature` are now used.
    ///
    /// ES256 in the fixed form of R and S (RFC 7518 section 3.4), not DER. An algorithm that is
    /// not this key's is an error.
    pub(super) fn sign(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &mut [u8; MAX_SIGNATURE],
    ) -> Result<usize, Unspecified> {
        // Taken for the interface's sake; aws-lc has its own generator and ignores it.
        let random = SystemRandom::new();
        let short = match (self, algorithm) {
            (Self::Rsa(pair), Algorithm::Rs256 | Algorithm::Ps256) => {
                let encoding: &'static dyn RsaEncoding = if algorithm == Algorithm::Ps256 {
                    &RSA_PSS_SHA256
                } else {
                    &RSA_PKCS1_SHA256
                };
                let length = pair.public_modulus_len();
                let room = signature.get_mut(..length).ok_or(Unspecified)?;
                pair.sign(encoding, &random, message, room)?;
                return Ok(length);
            }
            (Self::P256(pair), Algorithm::Es256) => pair.sign(&random, message)?,
            (Self::Ed25519(pair), Algorithm::EdDsa) => pair.try_sign(message)?,
            _ => return Err(Unspecified),
        };
        let short = short.as_ref();
        signature
            .get_mut(..short.len())
            .ok_or(Unspecified)?
            .copy_from_slice(short);
        Ok(short.len())
    }
}
