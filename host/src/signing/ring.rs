//! The key that signs at present, and the public keys of those that did until a while ago. What
//! was signed before a change of keys can be verified after it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::SignError;
use super::signer::Signer;

/// The keys of a host. Signing takes no lock; keys are changed as a whole.
pub struct KeyRing(ArcSwap<Keys>);

struct Keys {
    signer: Signer,
    retired: Vec<Retired>,
}

/// The public key of one that signs no more.
#[derive(Clone)]
struct Retired {
    kid: String,
    jwk: Arc<str>,
    until: Instant,
}

/// A JWK set (RFC 7517 section 5) as far as it matters here.
#[derive(Deserialize)]
struct Set {
    keys: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Named {
    kid: String,
}

impl KeyRing {
    /// Signs with this key.
    pub fn new(signer: Signer) -> Self {
        Self(ArcSwap::from_pointee(Keys {
            signer,
            retired: Vec::new(),
        }))
    }

    /// Signs a claims set as [`Signer::sign`] does, with the key of the moment.
    ///
    /// # Errors
    ///
    /// As [`Signer::sign`].
    pub fn sign(&self, typ: Option<&str>, claims: &str) -> Result<String, SignError> {
        self.0.load().signer.sign(typ, claims)
    }

    /// The public keys as a JWK set: those of the present file, then those that were retired and
    /// are still to be known.
    pub fn jwk_set(&self) -> String {
        self.jwk_set_at(Instant::now())
    }

    fn jwk_set_at(&self, now: Instant) -> String {
        let keys = self.0.load();
        let mut retired = keys.retired.iter().filter(|key| key.until > now).peekable();
        if retired.peek().is_none() {
            return keys.signer.jwk_set().to_owned();
        }
        let present = public_keys(&keys.signer).into_iter();
        let present = present.map(|(_, jwk)| jwk);
        let all = present.chain(retired.map(|key| Arc::clone(&key.jwk)));
        let all: Vec<_> = all.collect();
        format!(r#"{{"keys":[{}]}}"#, all.join(","))
    }

    /// From now on signs with this key. Public keys that are known until now and not among the new
    /// ones are known for so long to come. Says whether anything changed by that.
    pub fn change(&self, signer: Signer, retire_after: Duration) -> bool {
        self.change_at(Instant::now(), signer, retire_after)
    }

    fn change_at(&self, now: Instant, signer: Signer, retire_after: Duration) -> bool {
        let keys = self.0.load();
        if keys.signer.is_as(&signer) {
            return false;
        }
        let new = public_keys(&signer);
        // Beyond what the clock can tell is for ever.
        let until = now.checked_add(retire_after);
        let until = until.unwrap_or_else(|| now + Duration::from_hours(24 * 365 * 30));
        let just_retired = public_keys(&keys.signer)
            .into_iter()
            .map(|(kid, jwk)| Retired { kid, jwk, until });
        let earlier = keys.retired.iter().filter(|key| key.until > now).cloned();
        // A key identifier stands for one key: the new one's.
        let is_new = |kid: &str| new.iter().any(|(other, _)| other == kid);
        let retired = just_retired.chain(earlier);
        let retired = retired.filter(|key| !is_new(&key.kid)).collect();
        self.0.store(Arc::new(Keys { signer, retired }));
        true
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.load();
        f.debug_struct("KeyRing")
            .field("signer", &keys.signer)
            .field("retired", &keys.retired.len())
            .finish()
    }
}

/// The public keys of a signer with their identifiers, one for each.
fn public_keys(signer: &Signer) -> Vec<(String, Arc<str>)> {
    let set: Set = serde_json::from_str(signer.jwk_set()).expect("the set was made by this room");
    let named = |jwk: Box<RawValue>| {
        let Named { kid } = serde_json::from_str(jwk.get()).expect("each key of it has a `kid`");
        (kid, jwk.get().into())
    };
    set.keys.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::Algorithm;

    fn signer() -> Signer {
        Signer::ephemeral(Algorithm::Es256).unwrap()
    }

    fn kids(ring: &KeyRing, at: Instant) -> Vec<String> {
        let set: Set = serde_json::from_str(&ring.jwk_set_at(at)).unwrap();
        let kid = |jwk: Box<RawValue>| serde_json::from_str::<Named>(jwk.get()).unwrap().kid;
        set.keys.into_iter().map(kid).collect()
    }

    #[test]
    fn old_public_keys_are_known_for_a_while_and_then_forgotten() {
        let signers = [signer(), signer(), signer()];
        let [first, second, third] = signers.each_ref().map(|signer| signer.kid().to_owned());
        let [one, two, three] = signers;
        let day = Duration::from_hours(24);
        let start = Instant::now();
        let ring = KeyRing::new(one);
        assert!(ring.change_at(start, two, day));
        assert_eq!(kids(&ring, start), [second.clone(), first.clone()]);
        assert!(ring.change_at(start + day / 2, three, day));
        let all = [third.clone(), second.clone(), first];
        assert_eq!(kids(&ring, start + day / 2), all);
        assert_eq!(kids(&ring, start + day), [third.clone(), second]);
        assert_eq!(kids(&ring, start + day * 2), [third]);
    }

    #[test]
    fn no_time_at_all_is_no_time() {
        let ring = KeyRing::new(signer());
        let next = signer();
        let kid = next.kid().to_owned();
        let now = Instant::now();
        assert!(ring.change_at(now, next, Duration::ZERO));
        assert_eq!(kids(&ring, now), [kid]);
        assert!(ring.change_at(now, signer(), Duration::MAX), "for ever");
        assert_eq!(kids(&ring, now).len(), 2);
    }
}
