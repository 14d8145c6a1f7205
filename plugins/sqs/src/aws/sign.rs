//! Signature Version 4 of requests (AWS General Reference, "Signing AWS API requests"). All of ours are
//! a POST without a query, whose body is at hand.

use std::fmt::Write as _;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::credentials::Credentials;

const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");
const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

/// A request to be signed.
pub(super) struct Request<'a> {
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) host: &'a str,
    /// With a slash at the beginning; not encoded twice, since none of ours has anything to encode.
    pub(super) path: &'a str,
    /// With names in lower case.
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: &'a [u8],
}

/// The headers to add to the request, `host` among them: they are what is signed, with its own.
pub(super) fn sign(
    request: &Request<'_>,
    credentials: &Credentials,
    now: SystemTime,
) -> Vec<(&'static str, String)> {
    const WRITABLE: &str = "the clock is between the years 0 and 9999";

    let now = OffsetDateTime::from(now);
    let (date, moment) = (
        now.format(DATE).expect(WRITABLE),
        now.format(MOMENT).expect(WRITABLE),
    );
    let mut added = vec![
        ("host", request.host.to_owned()),
        ("x-amz-date", moment.clone()),
    ];
    if let Some(token) = &credentials.session_token {
        added.push(("x-amz-security-token", token.to_string()));
    }

    let own = request.headers.iter().copied();
    let mut headers: Vec<(&str, &str)> = own.collect();
    headers.extend(added.iter().map(|(name, value)| (*name, &**value)));
    headers.sort_unstable();
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut canonical = format!("POST\n{}\n\n", request.path);
    for (name, value) in headers {
        canonical.push_str(name);
        canonical.push(':');
        // Spaces in a row count as one.
        let words: Vec<_> = value.split_ascii_whitespace().collect();
        canonical.push_str(&words.join(" "));
        canonical.push('\n');
    }
    canonical.push('\n');
    canonical.push_str(&names);
    canonical.push('\n');
    canonical.push_str(&hex(digest(&SHA256, request.body).as_ref()));

    let scope = format!("{date}/{}/{}/aws4_request", request.region, request.service);
    let hashed = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}");
    let secret = zeroize::Zeroizing::new(format!("AWS4{}", *credentials.secret_access_key));
    let mut key = hmac_sha256(secret.as_bytes(), date.as_bytes());
    for part in [request.region, request.service, "aws4_request"] {
        key = hmac_sha256(key.as_ref(), part.as_bytes());
    }
    let signature = hex(hmac_sha256(key.as_ref(), to_sign.as_bytes()).as_ref());
    added.push((
        "authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            credentials.access_key_id
        ),
    ));
    added
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to memory cannot fail");
    }
    text
}
