//! What can be wrong inside a key file, each as a phrase that goes behind the names of file and
//! key. Nothing secret is ever part of it: names of members, positions and sizes only.

use std::fmt;

use super::algorithm::Algorithm;
use super::error::KeyName;
use super::file::MAX_BYTES;

/// What is wrong with the content of a key file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyProblem {
    /// Larger than any key file.
    TooLarge,
    /// Neither JSON nor PEM.
    UnknownFormat,
    /// Not JSON (RFC 8259); line and column count from 1.
    Json {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// JSON, but neither a JWK set nor a JWK.
    NotJwk,
    /// An object has a member twice (RFC 7517 section 4).
    RepeatedMember {
        /// The JSON library's words, which name the member.
        detail: String,
    },
    /// A member is not of the type or form that it must be.
    Member {
        /// The member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// Members that a key of this type must have are not there.
    MissingMembers {
        /// Which.
        members: Vec<&'static str>,
    },
    /// An RSA private key without the members p, q, dp, dq, qi, or some of them.
    MissingCrt {
        /// Which of them.
        members: Vec<&'static str>,
    },
    /// Not base64url without padding (RFC 7515 section 2).
    Base64 {
        /// The member.
        member: &'static str,
    },
    /// An EC or OKP member of a wrong length.
    Length {
        /// The member.
        member: &'static str,
        /// How many bytes it has. It should have 32.
        found: usize,
    },
    /// An RSA modulus that RFC 7518 section 3.3 forbids.
    RsaTooSmall {
        /// Its size in bits.
        bits: usize,
    },
    /// An RSA modulus larger than can be used.
    RsaTooLarge {
        /// Its size in bits.
        bits: usize,
    },
    /// An RSA key of more than two primes (member `oth`).
    MultiPrime,
    /// The parts of the key do not belong together.
    Inconsistent,
    /// `alg` names an algorithm that a key of this type cannot serve.
    AlgorithmOfOtherType {
        /// The algorithm that the key states.
        algorithm: Algorithm,
        /// The type of the key.
        kind: String,
    },
    /// Two keys have one `kid`.
    RepeatedKid {
        /// The key that had it first.
        first: KeyName,
    },
    /// No private key serves the algorithm.
    NoneFits {
        /// The algorithm.
        algorithm: Algorithm,
        /// All that is in the file, and what it is.
        found: Vec<String>,
    },
    /// No private key of the `kid` that was asked for serves the algorithm.
    NoSuchKid {
        /// The `kid` that was asked for.
        kid: String,
        /// The algorithm.
        algorithm: Algorithm,
        /// All that is in the file, and what it is.
        found: Vec<String>,
    },
    /// No key for signatures at all, private or public.
    NoneUsable {
        /// All that is in the file, and what it is.
        found: Vec<String>,
    },
    /// Only public keys.
    PublicOnly {
        /// All that is in the file, and what it is.
        found: Vec<String>,
    },
    /// Only symmetric keys (`oct`).
    SymmetricOnly,
    /// Encrypted PEM.
    Encrypted,
    /// A PEM block that cannot be decoded.
    Pem {
        /// What is wrong with it.
        detail: String,
    },
    /// A PEM block whose content is not the key that its label promises.
    Der,
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(
                f,
                "larger than {} KiB, so no key file: correct the path",
                MAX_BYTES / 1024
            ),
            Self::UnknownFormat => f.write_str(
                "neither a JWK set (RFC 7517) nor PEM (RFC 7468): correct the path, or turn the key into PEM (from DER: `openssl pkey -inform DER -in FILE`)",
            ),
            Self::Json { line, column } => write!(
                f,
                "not valid JSON at line {line}, column {column}: correct it there, or restore the file"
            ),
            Self::NotJwk => f.write_str(
                "JSON, but neither a JWK set (an object with the array 'keys') nor a JWK (an object with 'kty'): correct the path, or write the key as RFC 7517 has it",
            ),
            Self::RepeatedMember { detail } => write!(f, "{detail}: leave one of the two out"),
            Self::Member { member, expected } => {
                write!(f, "'{member}' must be {expected}: correct it, or export the key again")
            }
            Self::MissingMembers { members } => write!(
                f,
                "{} missing: export the key again, whole",
                Quoted(members)
            ),
            Self::MissingCrt { members } => write!(
                f,
                "an RSA private key without {}: export it again with all of p, q, dp, dq and qi (RFC 7518 section 6.3.2), or make a new key with `op-listener keys generate`",
                Quoted(members)
            ),
            Self::Base64 { member } => write!(
                f,
                "'{member}' is not base64url without padding (RFC 7515 section 2): export the key again as a JWK"
            ),
            Self::Length { member, found } => write!(
                f,
                "'{member}' has {found} bytes where a key of this type has 32, leading zeros included: export the key again"
            ),
            Self::RsaTooSmall { bits } => write!(
                f,
                "an RSA key of {bits} bits; RFC 7518 section 3.3 asks for 2048 or more: make a new key with `op-listener keys generate`"
            ),
            Self::RsaTooLarge { bits } => write!(
                f,
                "an RSA key of {bits} bits; at most 8192 can be used: make a new key with `op-listener keys generate`"
            ),
            Self::MultiPrime => f.write_str(
                "an RSA key of more than two primes ('oth'), which cannot be used: make a new key with `op-listener keys generate`",
            ),
            Self::Inconsistent => f.write_str(
                "the parts of the key do not belong together, so it is damaged or mixed from two keys: restore it, or export it again",
            ),
            Self::AlgorithmOfOtherType { algorithm, kind } => write!(
                f,
                "'alg' is {algorithm}, which a key of type {kind} cannot serve: correct 'alg', or leave it out"
            ),
            Self::RepeatedKid { first } => write!(
                f,
                "the same kid as {first}, so verifiers cannot tell the two apart (RFC 7517 section 4.5): give one of them another kid, or remove it"
            ),
            Self::NoneFits { algorithm, found } => write!(
                f,
                "no private key that can sign {algorithm}, which needs type {}; here are: {}: add a key with `op-listener keys generate`, or choose another algorithm",
                algorithm.key_kind(),
                Listed(found)
            ),
            Self::NoSuchKid {
                kid,
                algorithm,
                found,
            } => write!(
                f,
                "no private key with kid {kid:?} that can sign {algorithm}; here are: {}: correct `kid` under `[signing]`, or leave it out",
                Listed(found)
            ),
            Self::NoneUsable { found } => write!(
                f,
                "no key for signatures with {}; here are: {}: add one with `op-listener keys generate`",
                Algorithm::ALL.map(Algorithm::name).join(", "),
                Listed(found)
            ),
            Self::PublicOnly { found } => write!(
                f,
                "only public keys, and signing needs a private one; here are: {}: name the file that holds the private key",
                Listed(found)
            ),
            Self::SymmetricOnly => f.write_str(
                "only symmetric keys ('oct'), with which everyone who verifies could also sign: make a key pair with `op-listener keys generate`",
            ),
            Self::Encrypted => f.write_str(
                "encrypted with a passphrase, which the host has no way to ask for: decrypt it (`openssl pkey -in FILE -out NEW`) and protect the file by its permissions",
            ),
            Self::Pem { detail } => write!(f, "broken PEM, {detail}: restore the file"),
            Self::Der => f.write_str(
                "the content of the PEM block is not the key that its label promises: restore it, or export it again",
            ),
        }
    }
}

/// `'a', 'b'`
struct Quoted<'a>(&'a [&'static str]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.iter().enumerate() {
            write!(f, "{}'{word}'", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// `a; b`, or that there is nothing.
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no keys at all");
        }
        f.write_str(&self.0.join("; "))
    }
}
