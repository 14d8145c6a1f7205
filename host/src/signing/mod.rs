//! The signing room: keys from a file, compact signatures with them, and their public JWK set.
//!
//! - [`Algorithm`]: the four signature algorithms, by their JOSE names.
//! - [`Signer`]: one private key, parsed once, that signs claims sets from any number of threads.
//! - [`KeyRing`]: the signer of the moment, and the public keys of earlier ones.
//! - [`generate`] and [`PrivateJwkSet`]: new keys.
//! - [`public_jwk_set`]: what verifiers may know of a key file.
//!
//! What a token says (Security Event Tokens, say) and where its claims come from is for others to
//! decide; so is what to log: problems are returned as [`KeyError`], [`KeyWarning`] and
//! [`SignError`]. No error, `Debug` or `Display` here shows key material.
//!
//! Sources: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (algorithms), RFC 7638 (thumbprints) and
//! RFC 8037 (`EdDSA`).

mod algorithm;
mod claims;
mod error;
mod file;
mod generate;
mod jwk;
mod key_set;
mod pem;
mod problem;
mod public_key;
mod ring;
mod secret_key;
mod signer;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use error::{KeyError, KeyName, KeyWarning, SignError};
pub use generate::{PrivateJwkSet, RsaSize, UnknownRsaSize, generate};
pub use problem::KeyProblem;
pub use ring::KeyRing;
pub use signer::{Signer, public_jwk_set};
