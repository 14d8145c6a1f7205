//! Known answers.

use super::*;
use crate::signing::key_set::KeySet;
use crate::signing::public_key::PublicKey;
use crate::signing::secret_key::MAX_SIGNATURE;

/// The signature over a signing input that is given whole: the headers of the RFCs' examples have
/// fewer members than a [`Signer`] writes.
fn raw_signature(file: &TempFile, algorithm: Algorithm, input: &str) -> String {
    let (set, _) = KeySet::read(&file.path).unwrap();
    let Ok((_, key)) = set.take_signing_key(algorithm, None) else {
        panic!("the key fits");
    };
    let mut signature = [0; MAX_SIGNATURE];
    let used = key.sign(algorithm, input.as_bytes(), &mut signature);
    URL_SAFE_NO_PAD.encode(&signature[..used.unwrap()])
}

#[test]
fn rs256_as_in_rfc_7515_appendix_a_2() {
    let input = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7",
        "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4",
        "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K",
        "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv",
        "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB",
        "p0igcN_IoypGlUPQGe77Rw",
    );
    let file = file_of(key_text("rfc7515-a2.json"));
    assert_eq!(raw_signature(&file, Algorithm::Rs256, input), signature);
}

const RFC_8037_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519",
    "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[test]
fn eddsa_as_in_rfc_8037_appendix_a_4() {
    let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let file = file_of(RFC_8037_KEY);
    assert_eq!(raw_signature(&file, Algorithm::EdDsa, input), signature);
}

#[test]
fn the_okp_thumbprint_of_rfc_8037_appendix_a_3() {
    let signer = signer_of(RFC_8037_KEY, Algorithm::EdDsa).unwrap();
    assert_eq!(signer.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn the_rsa_thumbprint_of_rfc_7638_section_3_1() {
    let n = concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86z",
        "wu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5Js",
        "GY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic",
        "AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-",
        "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF",
        "Cur-kEgU8awapJzKnqDKgw",
    );
    let n = URL_SAFE_NO_PAD.decode(n).unwrap();
    let key = PublicKey::rsa(&n, &[1, 0, 1]).ok().unwrap();
    assert_eq!(
        key.thumbprint(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

#[test]
fn algorithms_are_known_by_their_jose_names() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
    }
    assert_eq!(Algorithm::default().name(), "RS256");
    for name in ["HS256", "rs256", "none", ""] {
        let error = name.parse::<Algorithm>().unwrap_err().to_string();
        assert_eq!(
            error,
            format!("unknown signature algorithm '{name}': use one of RS256, PS256, ES256, EdDSA")
        );
    }
}
