//! Registered client metadata: what of it is secret never goes further than this.

use super::json;
use super::more::More;
use super::scan::Span;
use memchr::memmem::Finder;
use std::borrow::Cow;
use std::sync::LazyLock;

/// The members that authenticate a client (RFC 7591, section 3.2.1; RFC 7592, section 3).
const SECRETS: [&str; 2] = ["client_secret", "registration_access_token"];

static QUOTED_SECRETS: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| {
    [
        Finder::new("\"client_secret\""),
        Finder::new("\"registration_access_token\""),
    ]
});

/// The metadata without its secrets, otherwise verbatim; borrowed when there are none. The text has
/// to be that of a valid object.
pub(crate) fn without_secrets(metadata: Span<'_>) -> Cow<'_, str> {
    let raw = metadata.text;
    let suspicious = metadata.escaped
        || QUOTED_SECRETS
            .iter()
            .any(|secret| secret.find(raw.as_bytes()).is_some());
    if !suspicious || !json::members(raw).any(|(name, _)| is_secret(name)) {
        return Cow::Borrowed(raw);
    }
    let mut kept = More::default();
    kept.reserve(raw.len());
    for (name, value) in json::members(raw).filter(|(name, _)| !is_secret(name)) {
        if let Some(name) = json::decode(name) {
            kept.push(&name, value);
        }
    }
    Cow::Owned(kept.finish().unwrap_or_else(|| "{}".to_owned()))
}

fn is_secret(quoted_name: &str) -> bool {
    json::decode(quoted_name).is_some_and(|name| SECRETS.contains(&name.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::super::scan::whole;
    use super::*;

    #[test]
    fn metadata_without_secrets_is_borrowed_as_it_is() {
        for text in [
            "{}",
            r#"{"client_id":"a","token_endpoint_auth_method":"client_secret_basic"}"#,
            r#"{"client_name":"client_secret"}"#,
            r#"{"client_name":"a \"client_secret\":1 \u00e9"}"#,
        ] {
            assert!(
                matches!(without_secrets(whole(text, 9).unwrap()), Cow::Borrowed(kept) if kept == text)
            );
        }
    }

    #[test]
    fn secrets_are_dropped_however_their_name_is_written() {
        for (text, kept) in [
            (r#"{"client_secret":"s"}"#, "{}"),
            (
                r#"{"a":1, "client_secret" : "s" ,"b":[ 2 ]}"#,
                r#"{"a":1,"b":[ 2 ]}"#,
            ),
            (
                r#"{"client\u005fsecret":"s","a":"\u0041"}"#,
                r#"{"a":"\u0041"}"#,
            ),
            (
                r#"{"registration_access_token":{"x":[1]},"client_secret":1,"client_secret":2,"a":3}"#,
                r#"{"a":3}"#,
            ),
        ] {
            assert_eq!(without_secrets(whole(text, 9).unwrap()), kept, "{text}");
        }
    }
}
