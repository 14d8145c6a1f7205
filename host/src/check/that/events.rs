//! What listeners make of events, ordinary and odd ones.

use op_listener_abi::{EVENT_SCHEMA, Status, spi};

use super::super::bench::{Bench, Heard, hear};
use super::super::outcome::{Findings, Outcome, Verdict};
use super::super::sample::Sample;
use crate::Spi;

/// Sends each enabled listener the events that `samples` makes for its SPI.
fn send_all(bench: &Bench<'_>, samples: impl Fn(Spi) -> Vec<(&'static str, Sample)>) -> Verdict {
    let library = bench.start()?;
    let mut findings = Findings::default();
    for live in library.enabled()? {
        for (what, sample) in samples(live.spi) {
            live.send(&sample.event(), what, &mut findings);
        }
        live.end();
    }
    Ok(findings.or(Outcome::success()))
}

/// As above, of ordinary events with more claims.
fn send_claims(bench: &Bench<'_>, claims: &[(&'static str, String)]) -> Verdict {
    send_all(bench, |spi| {
        let sample =
            |(what, members): &(&'static str, String)| (*what, Sample::claiming(spi, members));
        claims.iter().map(sample).collect()
    })
}

pub(super) fn ordinary(bench: &Bench<'_>) -> Verdict {
    send_all(bench, |spi| {
        let numbered = |number| ("an ordinary event", Sample::ordinary(spi).numbered(number));
        (1..=100).map(numbered).collect()
    })
}

pub(super) fn minimal(bench: &Bench<'_>) -> Verdict {
    send_all(bench, |spi| vec![("a minimal event", Sample::minimal(spi))])
}

/// Several scripts, right to left, beyond the basic plane, combining and unassigned characters.
const UNICODE: &str = "Ünïcödé Ελλάδα Москва 日本語 עברית عربى 👩\u{200d}👩\u{200d}👧 🔑 x\u{301}\u{302} \u{202e}verkehrt\u{202c} \u{feff}\u{fffd}\u{ffff}\u{10ffff}";

pub(super) fn unicode(bench: &Bench<'_>) -> Verdict {
    send_all(bench, |spi| {
        let named = Sample::claiming(spi, &format!(r#""name":"{UNICODE}","{UNICODE}":true"#));
        let mut everywhere = named.clone();
        everywhere.subject = Some(UNICODE.to_owned());
        UNICODE.clone_into(&mut everywhere.client_id);
        everywhere.client = Some(format!(r#"{{"client_name":"{UNICODE}"}}"#));
        everywhere.more = Some(format!(r#"{{"{UNICODE}":"{UNICODE}"}}"#));
        let escaped = r#""name":"\u0000\u0001\u001f\u007f\ud83d\udd11\u2028\"\\\/""#;
        vec![
            ("claims in many scripts", named),
            ("all texts in many scripts", everywhere),
            ("escaped control characters", Sample::claiming(spi, escaped)),
        ]
    })
}

pub(super) fn empty(bench: &Bench<'_>) -> Verdict {
    send_all(bench, |spi| {
        let mut bare = Sample::ordinary(spi);
        bare.claims = Some("{}".to_owned());
        bare.client = Some("{}".to_owned());
        bare.more = Some("{}".to_owned());
        let values = r#""":"","name":"","groups":[],"address2":{},"nothing":null"#;
        vec![
            ("empty objects", bare),
            ("empty values", Sample::claiming(spi, values)),
        ]
    })
}

pub(super) fn long_values(bench: &Bench<'_>) -> Verdict {
    send_all(bench, |spi| {
        let long = "x".repeat(200);
        let members = format!(r#""{long}":"{long}","name":"{}""#, "é".repeat(200));
        let mut sample = Sample::claiming(spi, &members);
        sample.subject = Some(long.clone());
        sample.client_id.clone_from(&long);
        sample.issuer = format!("https://op.example.com/{long}");
        // The longest that the event format allows.
        sample.id = "i".repeat(128);
        sample.txn = Some("t".repeat(128));
        vec![("values of 200 characters", sample)]
    })
}

const MEBIBYTE: usize = 1 << 20;

pub(super) fn large(bench: &Bench<'_>) -> Verdict {
    let one = format!(r#""photo":"{}""#, "x".repeat(MEBIBYTE));
    let many: Vec<String> = (0..MEBIBYTE / 16)
        .map(|number| format!(r#""c{number:06}":1234"#))
        .collect();
    let items = vec!["7"; MEBIBYTE / 2].join(",");
    send_claims(
        bench,
        &[
            ("a claim of 1 MiB", one),
            ("1 MiB of claims", many.join(",")),
            ("an array of 1 MiB", format!(r#""groups":[{items}]"#)),
        ],
    )
}

pub(super) fn huge_numbers(bench: &Bench<'_>) -> Verdict {
    let digits = "1234567890".repeat(4);
    let numbers = format!(
        r#""a":1e400,"b":-1e400,"c":1e-400,"d":{digits},"e":-{digits},"f":0.{digits},"g":18446744073709551616,"h":-9223372036854775809,"i":-0,"j":-0.0,"k":1E+2"#
    );
    let known = r#""iat":1e400,"exp":99999999999999999999999999999999999999999"#;
    send_all(bench, |spi| {
        let mut in_claims = Sample::ordinary(spi);
        in_claims.claims = Some(format!("{{{known}}}"));
        let mut elsewhere = Sample::ordinary(spi);
        elsewhere.client = Some(format!("{{{numbers}}}"));
        elsewhere.more = Some(format!("{{{numbers}}}"));
        vec![
            ("huge numbers", Sample::claiming(spi, &numbers)),
            ("huge times", in_claims),
            ("huge numbers in the client and other members", elsewhere),
        ]
    })
}

pub(super) fn deep(bench: &Bench<'_>) -> Verdict {
    // The event and the claims set are two of the 128 levels.
    let arrays = format!(r#""deep":{}{}"#, "[".repeat(126), "]".repeat(126));
    let objects = format!(r#""deep":{}1{}"#, r#"{"a":"#.repeat(126), "}".repeat(126));
    send_claims(
        bench,
        &[("nested arrays", arrays), ("nested objects", objects)],
    )
}

pub(super) fn wrong_types(bench: &Bench<'_>) -> Verdict {
    const WRONG: [&str; 7] = ["null", "true", "-1", "0.5", r#""x""#, "[[]]", r#"{"a":{}}"#];
    const KNOWN: [&str; 16] = [
        "iss",
        "sub",
        "aud",
        "iat",
        "exp",
        "nbf",
        "jti",
        "auth_time",
        "acr",
        "amr",
        "azp",
        "scope",
        "client_id",
        "email",
        "email_verified",
        "address",
    ];
    send_all(bench, |spi| {
        WRONG
            .iter()
            .map(|wrong| {
                let members: Vec<String> = KNOWN
                    .iter()
                    .map(|name| format!(r#""{name}":{wrong}"#))
                    .collect();
                let members = format!("{{{}}}", members.join(","));
                let mut sample = Sample::ordinary(spi);
                sample.claims = Some(members.clone());
                sample.client = Some(format!(
                    r#"{{"client_id":{wrong},"client_name":{wrong},"redirect_uris":{wrong}}}"#
                ));
                ("claims of wrong types", sample)
            })
            .collect()
    })
}

pub(super) fn odd_json(bench: &Bench<'_>) -> Verdict {
    send_all(bench, |spi| {
        let with = |claims: &str| {
            let mut sample = Sample::ordinary(spi);
            sample.claims = Some(claims.to_owned());
            sample
        };
        vec![
            (
                "white space",
                with("{ \"sub\"\t:\r\n \"alice\" , \"iat\" : 1760000000\n}"),
            ),
            (
                "an escaped name",
                with(r#"{"\u0073ub":"\u0061lice","iat":1760000000}"#),
            ),
            (
                "names given twice",
                with(r#"{"sub":"bob","sub":"alice","iat":1,"iat":1760000000}"#),
            ),
            (
                "names twice deeper down",
                with(r#"{"sub":"alice","address":{"country":"A","country":"B"}}"#),
            ),
        ]
    })
}

pub(super) fn unknown_members(bench: &Bench<'_>) -> Verdict {
    let unknown = r#"{"a_member_of_a_later_version":{"b":[1,2,{"c":null}]},"another":"x","grant":"authorization_code"}"#;
    send_all(bench, |spi| {
        let mut sample = Sample::claiming(spi, r#""https://op.example.com/claims/later":[1]"#);
        sample.more = Some(unknown.to_owned());
        sample.client = Some(unknown.to_owned());
        vec![("unknown members", sample)]
    })
}

pub(super) fn newer_schema(bench: &Bench<'_>) -> Verdict {
    send_all(bench, |spi| {
        let newer = |schema| {
            let mut sample = Sample::ordinary(spi);
            sample.schema = schema;
            sample.more = Some(r#"{"later":{"schema":2}}"#.to_owned());
            ("a newer schema", sample)
        };
        vec![
            newer(EVENT_SCHEMA + 1),
            newer(EVENT_SCHEMA + 1000),
            newer(u32::MAX),
        ]
    })
}

pub(super) fn unknown_kind(bench: &Bench<'_>) -> Verdict {
    const KINDS: [u32; 7] = [
        0,
        spi::ID_TOKEN_ISSUE,
        spi::ACCESS_TOKEN_ISSUE,
        spi::SUBJECT_AUTH_AND_CONSENT,
        4,
        99,
        u32::MAX,
    ];
    let library = bench.start()?;
    let mut findings = Findings::default();
    for live in library.enabled()? {
        for kind in KINDS {
            let samples = Spi::ALL
                .into_iter()
                .flat_map(|spi| [Sample::ordinary(spi), Sample::minimal(spi)]);
            for mut sample in samples {
                sample.spi = kind;
                // It may take what it can read, or refuse; but in order.
                if let Heard::Bad(why) = hear(&live.instance.on_event(&sample.event())) {
                    findings.fail(format!("an event of kind {kind}: {} {why}", live.spi));
                }
            }
        }
        live.end();
    }
    Ok(findings.or(Outcome::success()))
}

pub(super) fn extreme_fields(bench: &Bench<'_>) -> Verdict {
    /// Times end before 253402300800 seconds, in microseconds here.
    const LAST: u64 = 253_402_300_800_000_000 - 1;
    send_all(bench, |spi| {
        let at = |time_micros| Sample {
            time_micros,
            ..Sample::ordinary(spi)
        };
        let long = Sample {
            subject: Some("s".repeat(64 << 10)),
            client_id: "c".repeat(64 << 10),
            ..Sample::ordinary(spi)
        };
        let odd = Sample {
            id: ".:_-".to_owned(),
            txn: Some("-".to_owned()),
            issuer: "http://[::1]:8080/%41;=".to_owned(),
            client_id: " \t\"\\\n".to_owned(),
            subject: Some("../../etc/passwd\0\r\n[OP0211] forged".to_owned()),
            ..Sample::ordinary(spi)
        };
        vec![
            ("the first time", at(0)),
            ("a time before the last second", at(999_999)),
            ("the last time", at(LAST)),
            ("identifiers of 64 KiB", long),
            ("odd characters", odd),
        ]
    })
}

pub(super) fn signing_refused(bench: &Bench<'_>) -> Verdict {
    let library = bench.start()?;
    let mut findings = Findings::default();
    for live in library.enabled()? {
        for status in [
            Status::ERROR,
            Status::UNSUPPORTED,
            Status::CLOSED,
            Status(77),
        ] {
            library.witness.refuse(status);
            let sample = Sample::ordinary(live.spi);
            // An error is what a listener that signs should answer.
            if let Heard::Bad(why) = hear(&live.instance.on_event(&sample.event())) {
                findings.fail(format!(
                    "while the host refuses to sign: {} {why}",
                    live.spi
                ));
            }
        }
        library.witness.refuse(Status::OK);
        let sample = Sample::ordinary(live.spi);
        live.send(&sample.event(), "once the host signs again", &mut findings);
        live.end();
    }
    Ok(findings.or(Outcome::success()))
}
