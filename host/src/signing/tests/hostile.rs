//! Files that nobody wrote on purpose: whatever is in one, it is read or refused.

use proptest::prelude::*;

use super::*;
use crate::signing::key_set::KeySet;

const FILES: [&str; 9] = [
    "rsa-2048.json",
    "rsa-2048-pkcs8.pem",
    "rsa-2048-pkcs1.pem",
    "rsa-2048-public.pem",
    "p256-pkcs8.pem",
    "p256-sec1.pem",
    "p256-public.pem",
    "ed25519-pkcs8.pem",
    "ed25519-public.pem",
];

/// Reads a text and, if it is taken, signs with all that it holds.
fn use_keys(text: &[u8]) {
    for algorithm in Algorithm::ALL {
        let Ok(set) = KeySet::parse(text) else {
            return;
        };
        if let Ok(public) = set.public_jwk_set(algorithm) {
            assert_eq!(kids(&public).len(), set.keys.len());
        }
        if set.take_signing_key(algorithm, None).is_ok() {
            let signer = signer_of(text, algorithm).unwrap();
            let jws = signer.sign(None, CLAIMS).unwrap();
            verify(&jws, signer.jwk_set()).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_or_refused(
        start in prop_oneof![Just("{\"keys\":["), Just("-----BEGIN PRIVATE KEY-----\n"), Just("")],
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        use_keys(&[start.as_bytes(), &rest].concat());
    }

    #[test]
    fn a_damaged_file_is_refused_or_still_signs_what_verifies(
        file in prop::sample::select(&FILES[..]),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut text = key_text(file).into_bytes();
        let place = place.index(text.len());
        if cut {
            text.truncate(place);
        } else {
            text[place] = byte;
        }
        use_keys(&text);
    }
}
