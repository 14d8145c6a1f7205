//! JWK sets and single JWKs (RFC 7517) into keys. Texts are borrowed from the file's buffer, which
//! is wiped; decoded private values wipe themselves.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, KeyKind};
use super::error::KeyName;
use super::key_set::{Fault, Key, KeySet, Other};
use super::problem::KeyProblem;
use super::public_key::{FIELD, PublicKey};
use super::secret_key::{RsaIntegers, SecretKey};

/// A member as it stands in the text. JSON `null` counts as absent.
type Raw<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Raw<'a>,
    #[serde(borrow)]
    kty: Raw<'a>,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    kty: Raw<'a>,
    #[serde(borrow, rename = "use")]
    key_use: Raw<'a>,
    #[serde(borrow)]
    key_ops: Raw<'a>,
    #[serde(borrow)]
    alg: Raw<'a>,
    #[serde(borrow)]
    kid: Raw<'a>,
    #[serde(borrow)]
    crv: Raw<'a>,
    #[serde(borrow)]
    n: Raw<'a>,
    #[serde(borrow)]
    e: Raw<'a>,
    #[serde(borrow)]
    d: Raw<'a>,
    #[serde(borrow)]
    p: Raw<'a>,
    #[serde(borrow)]
    q: Raw<'a>,
    #[serde(borrow)]
    dp: Raw<'a>,
    #[serde(borrow)]
    dq: Raw<'a>,
    #[serde(borrow)]
    qi: Raw<'a>,
    #[serde(borrow)]
    oth: Raw<'a>,
    #[serde(borrow)]
    x: Raw<'a>,
    #[serde(borrow)]
    y: Raw<'a>,
}

/// Reads a JWK set or a single JWK.
pub(super) fn parse(text: &[u8]) -> Result<KeySet, Fault> {
    let document: Document<'_> =
        serde_json::from_slice(text).map_err(|error| Fault::of_file(json_problem(&error)))?;
    let raw_keys = match (document.keys, document.kty) {
        (Some(keys), _) => serde_json::from_str::<Vec<&RawValue>>(keys.get()).map_err(|_| {
            Fault::of_file(KeyProblem::Member {
                member: "keys",
                expected: "an array of keys",
            })
        })?,
        (None, Some(_)) => vec![
            serde_json::from_slice(text).map_err(|error| Fault::of_file(json_problem(&error)))?,
        ],
        (None, None) => return Err(Fault::of_file(KeyProblem::NotJwk)),
    };
    let mut set = KeySet::default();
    for (index, raw) in raw_keys.into_iter().enumerate() {
        let name = KeyName::in_set(index);
        if !raw.get().starts_with('{') {
            let (member, expected) = ("keys", "an array of objects");
            return Err(Fault::of_key(name, KeyProblem::Member { member, expected }));
        }
        let members: Members<'_> = serde_json::from_str(raw.get())
            .map_err(|error| Fault::of_key(name.clone(), json_problem(&error)))?;
        let kid = kid(&members).map_err(|problem| Fault::of_key(name.clone(), problem))?;
        let name = name.with_kid(kid.as_deref());
        match judge(&members).map_err(|problem| Fault::of_key(name.clone(), problem))? {
            Found::Other { what, symmetric } => set.others.push(Other {
                name,
                what,
                symmetric,
            }),
            Found::Key {
                public,
                secret,
                algorithm,
                may_sign,
            } => set.keys.push(Key {
                name,
                kid: kid.map_or_else(|| public.thumbprint(), Cow::into_owned),
                algorithm,
                may_sign,
                public,
                secret,
            }),
        }
    }
    Ok(set)
}

/// Only positions and names of members: what the library says may hold a value.
fn json_problem(error: &serde_json::Error) -> KeyProblem {
    if error.classify() != Category::Data {
        let (line, column) = (error.line(), error.column());
        return KeyProblem::Json { line, column };
    }
    let text = error.to_string();
    match text.split(" at line ").next() {
        Some(detail) if detail.starts_with("duplicate field") => KeyProblem::RepeatedMember {
            detail: detail.into(),
        },
        _ => KeyProblem::NotJwk,
    }
}

enum Found {
    Key {
        public: PublicKey,
        secret: Option<SecretKey>,
        algorithm: Option<Algorithm>,
        may_sign: bool,
    },
    Other {
        what: String,
        symmetric: bool,
    },
}

/// Whether the JWK is a key for signatures with a known algorithm, and if so, that it is sound.
///
/// Keys for other purposes are not looked into: a provider's own set has many kinds.
fn judge(members: &Members<'_>) -> Result<Found, KeyProblem> {
    let kty = text(members.kty, "kty")?.ok_or(KeyProblem::MissingMembers {
        members: vec!["kty"],
    })?;
    let crv = text(members.crv, "crv")?;
    let other = |what: String| {
        Ok(Found::Other {
            what,
            symmetric: kty == "oct",
        })
    };
    let shown = |text: &str| text.escape_debug().to_string();
    let kind = match (kty.as_ref(), crv.as_deref()) {
        ("RSA", _) => KeyKind::Rsa,
        ("EC", Some("P-256")) => KeyKind::P256,
        ("OKP", Some("Ed25519")) => KeyKind::Ed25519,
        ("EC" | "OKP", None) => {
            let members = vec!["crv"];
            return Err(KeyProblem::MissingMembers { members });
        }
        ("EC" | "OKP", Some(crv)) => return other(format!("{kty} {}", shown(crv))),
        ("oct", _) => return other("symmetric (oct)".into()),
        (kty, _) => return other(format!("of the unknown type '{}'", shown(kty))),
    };
    if let Some(key_use) = text(members.key_use, "use")?
        && key_use != "sig"
    {
        return other(format!("{kind}, for the use '{}'", shown(&key_use)));
    }
    let operations = operations(members.key_ops)?;
    let allows = |operation| {
        operations
            .as_ref()
            .is_none_or(|list| list.iter().any(|text| text.0 == operation))
    };
    if !allows("sign") && !allows("verify") {
        return other(format!(
            "{kind}, with 'key_ops' that are not for signatures"
        ));
    }
    let algorithm = match text(members.alg, "alg")? {
        None => None,
        Some(name) => match Algorithm::from_name(&name) {
            None => return other(format!("{kind}, for the algorithm '{}'", shown(&name))),
            Some(algorithm) if algorithm.key_kind() == kind => Some(algorithm),
            Some(algorithm) => {
                let kind = kind.to_string();
                return Err(KeyProblem::AlgorithmOfOtherType { algorithm, kind });
            }
        },
    };
    let (public, secret) = match kind {
        KeyKind::Rsa => rsa(members)?,
        KeyKind::P256 => {
            let [x, y] = required([("x", members.x), ("y", members.y)])?;
            let public = PublicKey::p256(*field("x", &x)?, *field("y", &y)?)?;
            curve_secret(members, public)?
        }
        KeyKind::Ed25519 => {
            let [x] = required([("x", members.x)])?;
            let x = *field("x", &x)?;
            curve_secret(members, PublicKey::Ed25519 { x })?
        }
    };
    Ok(Found::Key {
        public,
        secret,
        algorithm,
        may_sign: allows("sign"),
    })
}

#[expect(
    clippy::many_single_char_names,
    reason = "RFC 7518 section 6.3 names the members so"
)]
fn rsa(members: &Members<'_>) -> Result<(PublicKey, Option<SecretKey>), KeyProblem> {
    let [n, e] = required([("n", members.n), ("e", members.e)])?;
    let public = PublicKey::rsa(&n, &e)?;
    if members.oth.is_some() {
        return Err(KeyProblem::MultiPrime);
    }
    let crt = [
        ("p", members.p),
        ("q", members.q),
        ("dp", members.dp),
        ("dq", members.dq),
        ("qi", members.qi),
    ];
    if members.d.is_none() && crt.iter().all(|(_, raw)| raw.is_none()) {
        return Ok((public, None));
    }
    let [d] = required([("d", members.d)])?;
    let [p, q, dp, dq, qi] = required(crt).map_err(|problem| match problem {
        KeyProblem::MissingMembers { members } => KeyProblem::MissingCrt { members },
        problem => problem,
    })?;
    let integers = RsaIntegers {
        d,
        p,
        q,
        dp,
        dq,
        qi,
    };
    let secret = SecretKey::rsa(&public, &integers)?;
    Ok((public, Some(secret)))
}

fn curve_secret(
    members: &Members<'_>,
    public: PublicKey,
) -> Result<(PublicKey, Option<SecretKey>), KeyProblem> {
    if members.d.is_none() {
        return Ok((public, None));
    }
    let [d] = required([("d", members.d)])?;
    let secret = SecretKey::curve(&public, field("d", &d)?)?;
    Ok((public, Some(secret)))
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn text<'a>(raw: Raw<'a>, member: &'static str) -> Result<Option<Cow<'a, str>>, KeyProblem> {
    let Some(raw) = raw else { return Ok(None) };
    match serde_json::from_str::<Text<'a>>(raw.get()) {
        Ok(text) => Ok(Some(text.0)),
        Err(_) => Err(KeyProblem::Member {
            member,
            expected: "a string",
        }),
    }
}

fn kid<'a>(members: &Members<'a>) -> Result<Option<Cow<'a, str>>, KeyProblem> {
    match text(members.kid, "kid")? {
        Some(kid) if kid.is_empty() => Err(KeyProblem::Member {
            member: "kid",
            expected: "a string that is not empty, or absent",
        }),
        kid => Ok(kid),
    }
}

fn operations(raw: Raw<'_>) -> Result<Option<Vec<Text<'_>>>, KeyProblem> {
    raw.map(|raw| serde_json::from_str(raw.get()))
        .transpose()
        .map_err(|_| KeyProblem::Member {
            member: "key_ops",
            expected: "an array of strings",
        })
}

/// The decoded values of members that must be there, all that are absent named together.
fn required<const N: usize>(
    members: [(&'static str, Raw<'_>); N],
) -> Result<[Zeroizing<Vec<u8>>; N], KeyProblem> {
    let absent = members.iter().filter(|(_, raw)| raw.is_none());
    let absent: Vec<_> = absent.map(|(member, _)| *member).collect();
    if !absent.is_empty() {
        return Err(KeyProblem::MissingMembers { members: absent });
    }
    let mut values = std::array::from_fn(|_| Zeroizing::new(Vec::new()));
    for (value, (member, raw)) in values.iter_mut().zip(members) {
        let text = text(raw, member)?.unwrap_or_default();
        *value = URL_SAFE_NO_PAD
            .decode(text.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| KeyProblem::Base64 { member })?;
    }
    Ok(values)
}

fn field<'a>(member: &'static str, bytes: &'a [u8]) -> Result<&'a [u8; FIELD], KeyProblem> {
    bytes.try_into().map_err(|_| KeyProblem::Length {
        member,
        found: bytes.len(),
    })
}
