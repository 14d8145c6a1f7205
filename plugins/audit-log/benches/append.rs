//! What a record costs, beside one `write` of the same bytes: `cargo bench -p op-listener-audit-log`.

#![allow(clippy::unwrap_used, reason = "a bench")]

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use op_listener_api::JsonObject;
use op_listener_audit_log::chain::{Body, Link};
use op_listener_audit_log::claims::ClaimsFilter;
use op_listener_audit_log::config::{FileSettings, Fsync};
use op_listener_audit_log::log::{Log, LogFile as _, Place, RealDisk};
use op_listener_audit_log::record::{Entry, Filter, Format, Kind};

const CLAIMS: &str = r#"{"sub":"alice","acr":"phr","amr":["pwd","otp"],"name":"Alice Adams","email":"alice@example.com","email_verified":true,"address":{"formatted":"1 High Street, Springfield","country":"US"},"https://claims.example.com/roles":["user","editor"],"auth_time":1795291073,"nonce":"ZerlSNjNjp3cmmgF","aud":"web-portal","exp":1795294673,"iat":1795291073,"iss":"https://op.example.com","sid":"F_80kr0HrUlVjIpdKubuJJ4amMOiFGRI4ZoDED9MWHM"}"#;

const ROUNDS: usize = 9;
const RECORDS: u32 = 20_000;

/// The fastest of several rounds, per record: what else the machine did only ever adds.
fn time(mut round: impl FnMut()) -> Duration {
    let times = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        round();
        begun.elapsed() / RECORDS
    });
    times.min().unwrap()
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let all = ClaimsFilter::new(None, None).unwrap();
    let filter = Filter {
        claims: &all,
        members: None,
    };
    let more = JsonObject::parse("{}").unwrap();
    let claims = JsonObject::parse(CLAIMS).unwrap();
    let entry = Entry {
        kind: Kind::IdTokenIssue,
        id: "205b2e16-e3c6-7bc6-9b67-d01df55923c2",
        txn: Some("ffd57edf-bc2a-7879-8c95-5209e390150f"),
        time_micros: 1_795_291_073_677_000,
        issuer: "https://op.example.com",
        client_id: "web-portal",
        client_name: Some("Customer portal".into()),
        subject: Some("alice"),
        claims: Some(&claims),
        more: &more,
        set: None,
    };
    for format in [Format::Native, Format::CloudEvents, Format::Ocsf] {
        let mut buffer = Vec::new();
        entry.write(format, &filter, &mut buffer);
        let line = Body::new(&mut buffer, format)
            .seal(Link::GENESIS)
            .0
            .to_vec();

        let bare = dir.path().join(format!("{format:?}.bare"));
        let mut bare = File::options()
            .append(true)
            .create(true)
            .open(bare)
            .unwrap();
        let write = time(|| {
            for _ in 0..RECORDS {
                bare.write_all(black_box(&line)).unwrap();
            }
        });
        let mut buffer = Vec::new();
        let body = time(|| {
            for _ in 0..RECORDS {
                buffer.clear();
                black_box(&entry).write(format, &filter, &mut buffer);
                black_box(&buffer);
            }
        });
        let stat = time(|| {
            for _ in 0..RECORDS {
                black_box(bare.stat().unwrap());
            }
        });
        let sealed = time(|| {
            for _ in 0..RECORDS {
                buffer.clear();
                entry.write(format, &filter, &mut buffer);
                black_box(Body::new(&mut buffer, format).seal(Link::GENESIS));
            }
        });
        let seal = sealed.saturating_sub(body);
        let settings = FileSettings {
            format,
            max_size: None,
            max_age: None,
            keep: None,
            fsync: Fsync::Never,
        };
        let path = dir.path().join(format!("{format:?}.ndjson"));
        let place = Place::new(&path).unwrap();
        let log = Log::open(place, settings, Box::new(RealDisk), None).unwrap();
        let record = time(|| {
            for _ in 0..RECORDS {
                buffer.clear();
                entry.write(format, &filter, &mut buffer);
                log.append(Body::new(&mut buffer, format)).unwrap();
            }
        });
        let ratio = record.as_secs_f64() / write.as_secs_f64();
        println!(
            "{format:?}: {} bytes, record {record:?} (of it body {body:?}, hash {seal:?}, a look at \
             the file {stat:?}), bare \
             write {write:?}: {ratio:.2} times",
            line.len()
        );
    }
}
