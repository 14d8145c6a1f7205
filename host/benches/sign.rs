//! What signing costs beyond the signature itself: `Signer::sign` of a claims set of 800 bytes
//! beside the bare library's signature over the same signing input, key for key, in one run.
//! A ratio of the two (bare / signer) near 1 means that checks and encoding cost nothing. It is
//! printed for each algorithm, measured by turns so that a busy machine slows both alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, criterion_group, criterion_main};
use op_listener_host::signing::{Algorithm, Signer};

const CLAIMS_BYTES: usize = 800;

/// The bare library.
enum Bare {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Bare {
    fn new(algorithm: Algorithm) -> Self {
        let rsa = || RsaKeyPair::generate(KeySize::Rsa2048).expect("a new RSA key");
        match algorithm {
            Algorithm::Rs256 => Self::Rsa(rsa(), &RSA_PKCS1_SHA256),
            Algorithm::Ps256 => Self::Rsa(rsa(), &RSA_PSS_SHA256),
            Algorithm::Es256 => Self::P256(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a new P-256 key"),
            ),
            Algorithm::EdDsa => {
                Self::Ed25519(Ed25519KeyPair::generate().expect("a new Ed25519 key"))
            }
        }
    }

    fn pem(&self) -> String {
        let der = match self {
            Self::Rsa(pair, _) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().expect("PKCS#8");
                der.as_ref().to_vec()
            }
            Self::P256(pair) => pair.to_pkcs8v1().expect("PKCS#8").as_ref().to_vec(),
            Self::Ed25519(pair) => pair.to_pkcs8v1().expect("PKCS#8").as_ref().to_vec(),
        };
        let body = STANDARD.encode(der);
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    }

    fn sign(&self, message: &[u8], room: &mut [u8]) -> usize {
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(pair, encoding) => {
                let length = pair.public_modulus_len();
                pair.sign(*encoding, &random, message, &mut room[..length])
                    .expect("a signature");
                return length;
            }
            Self::P256(pair) => pair.sign(&random, message).expect("a signature"),
            Self::Ed25519(pair) => pair.sign(message),
        };
        room[..signature.as_ref().len()].copy_from_slice(signature.as_ref());
        signature.as_ref().len()
    }
}

/// Claims as an ID token has them, filled up to the size.
fn claims() -> String {
    let start = concat!(
        r#"{"iss":"https://op.example.com","sub":"alice","aud":["000123"],"iat":1789000000,"#,
        r#""exp":1789000600,"auth_time":1788999990,"nonce":"n-0S6_WzA2Mj","acr":"2","#,
        r#""amr":["pwd","otp"],"azp":"000123","email":"alice@example.com","email_verified":true,"#,
        r#""name":"Alice","locale":"en","sid":"7b3e","groups":["staff","admins"],"picture":""#,
    );
    let rest = CLAIMS_BYTES - start.len() - 2;
    format!(r#"{start}{}"}}"#, "x".repeat(rest))
}

/// How often each of the two is timed, and how long one timing takes about.
const TURNS: usize = 1001;
const TURN: Duration = Duration::from_millis(1);

fn time(rounds: u32, mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..rounds {
        work();
    }
    start.elapsed()
}

/// The median of bare / signer over pairs of timings, who goes first by turns.
fn print_ratio(name: &str, mut bare: impl FnMut(), mut signer: impl FnMut()) {
    let once = time(16, &mut bare) / 16;
    let rounds = u32::try_from(TURN.as_nanos() / once.as_nanos().max(1)).map_or(1, |n| n.max(1));
    let mut ratios: Vec<f64> = (0..TURNS)
        .map(|turn| {
            let mut first = (turn % 2 == 0).then(|| time(rounds, &mut bare));
            let whole = time(rounds, &mut signer);
            let bare = *first.get_or_insert_with(|| time(rounds, &mut bare));
            bare.as_secs_f64() / whole.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "{name}: bare / signer = {:.3} (median; quartiles {:.3} and {:.3})",
        ratios[TURNS / 2],
        ratios[TURNS / 4],
        ratios[TURNS * 3 / 4]
    );
}

fn sign(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder for the keys");
    let claims = claims();
    assert_eq!(claims.len(), CLAIMS_BYTES);
    for algorithm in Algorithm::ALL {
        let bare = Bare::new(algorithm);
        let path = folder.path().join(algorithm.name());
        std::fs::write(&path, bare.pem()).expect("a key file");
        let (signer, _) = Signer::from_file(&path, algorithm, None).expect("a signer");
        let jws = signer.sign(None, &claims).expect("a token");
        let (input, _) = jws.rsplit_once('.').expect("a signature");
        let mut room = [0; 1024];
        print_ratio(
            algorithm.name(),
            || {
                black_box(bare.sign(black_box(input.as_bytes()), &mut room));
            },
            || {
                black_box(signer.sign(None, black_box(&claims))).expect("a token");
            },
        );
        let mut group = criterion.benchmark_group(algorithm.name());
        group.bench_function("bare", |bencher| {
            bencher.iter(|| bare.sign(black_box(input.as_bytes()), &mut room));
        });
        group.bench_function("signer", |bencher| {
            bencher.iter(|| signer.sign(None, black_box(&claims)));
        });
        group.finish();
    }
}

criterion_group!(benches, sign);
criterion_main!(benches);
