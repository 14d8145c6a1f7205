//! What can be wrong with a key file or a claims set, each as one sentence that says where, what,
//! and what to do. Nothing secret is ever part of it: names of members, positions and sizes only.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::Algorithm;
use super::file::MAX_BYTES;

/// Why a key could not be read, made or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no such file.
    Missing {
        /// The path that was tried.
        file: PathBuf,
    },
    /// The file is there but could not be read.
    Unreadable {
        /// The path that was tried.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file was read; its content does not serve.
    Content {
        /// The file.
        file: PathBuf,
        /// The key in it, where it is one key's fault.
        key: Option<KeyName>,
        /// What is wrong.
        problem: KeyProblem,
    },
    /// A new key file was to be written where there is a file already.
    Exists {
        /// The file that was left as it is.
        file: PathBuf,
    },
    /// A new key file could not be written.
    Unwritable {
        /// The path that was tried.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A size was given for a key that has only one.
    SizeWithoutRsa {
        /// The algorithm that the key was wanted for.
        algorithm: Algorithm,
    },
    /// The cryptographic library could not make a key.
    Generation,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { file } => write!(
                f,
                "key file {} does not exist: correct the path, or make a key with `op-listener keys generate`",
                file.display()
            ),
            Self::Unreadable { file, source } => write!(
                f,
                "key file {} cannot be read ({source}): give the host's user the right to read it, or correct the path",
                file.display()
            ),
            Self::Content {
                file,
                key: Some(key),
                problem,
            } => write!(f, "key file {}, {key}: {problem}", file.display()),
            Self::Content {
                file,
                key: None,
                problem,
            } => write!(f, "key file {}: {problem}", file.display()),
            Self::Exists { file } => write!(
                f,
                "key file {} exists already and was left as it is: choose another name, or move the old file away",
                file.display()
            ),
            Self::Unwritable { file, source } => write!(
                f,
                "key file {} cannot be written ({source}): choose a directory that exists and may be written to",
                file.display()
            ),
            Self::SizeWithoutRsa { algorithm } => write!(
                f,
                "a key for {algorithm} has only one size: leave the size out, or choose RS256 or PS256"
            ),
            Self::Generation => f.write_str(
                "the cryptographic library could not make a key: try again, and look at the system's source of randomness if it stays so",
            ),
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } | Self::Unwritable { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Where a key stands in its file, and its `kid` if it states one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    place: String,
    kid: Option<String>,
}

impl KeyName {
    pub(super) fn in_set(index: usize) -> Self {
        Self {
            place: format!("key {}", index + 1),
            kid: None,
        }
    }

    pub(super) fn in_pem(index: usize, label: &str) -> Self {
        Self {
            place: format!("PEM block {} ({})", index + 1, label.escape_debug()),
            kid: None,
        }
    }

    pub(super) fn with_kid(mut self, kid: Option<&str>) -> Self {
        self.kid = kid.map(Into::into);
        self
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        // Escaped: the text comes from a file and goes to logs.
        self.kid
            .as_ref()
            .map_or(Ok(()), |kid| write!(f, " (kid '{}')", kid.escape_debug()))
    }
}

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

/// What is doubtful about a key file that was taken all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyWarning {
    /// Every user of the machine may read or change the file (Unix permissions).
    OpenToOthers {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl fmt::Display for KeyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenToOthers { file, mode } => write!(
                f,
                "key file {0} may be read or changed by every user of the machine (mode {mode:04o}): run `chmod o= {0}`, and think of a new key",
                file.display()
            ),
        }
    }
}

/// Why a claims set was not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The text is not a JSON object (RFC 7519 section 4).
    NotAnObject,
    /// The text is not JSON; line and column count from 1.
    Json {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A claim stands twice, which RFC 7519 section 4 forbids.
    RepeatedClaim {
        /// Its name.
        name: String,
    },
    /// `typ` is not a media type (RFC 7515 section 4.1.9).
    Typ {
        /// What was given.
        typ: String,
    },
    /// The cryptographic library could not sign.
    Signature,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => {
                f.write_str("the claims are not one JSON object: hand over an object, `{…}`")
            }
            Self::Json { line, column } => write!(
                f,
                "the claims are not valid JSON at line {line}, column {column}: correct them there"
            ),
            Self::RepeatedClaim { name } => write!(
                f,
                "the claim '{}' stands twice, which RFC 7519 section 4 forbids: leave one of the two out",
                name.escape_debug()
            ),
            Self::Typ { typ } => write!(
                f,
                "the typ '{}' is not a media type such as 'JWT' or 'secevent+jwt' (RFC 7515 section 4.1.9): correct it",
                typ.escape_debug()
            ),
            Self::Signature => {
                f.write_str("the cryptographic library could not sign: check the signing key")
            }
        }
    }
}

impl std::error::Error for SignError {}
