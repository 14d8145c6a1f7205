//! What looks like a secret and is therefore neither shown nor printed under an error. A listener's
//! settings are its own, so the host can only go by their names and their look.

use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::library::PublicKey;

/// What is shown instead of a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// A key with one of these in its name, written in lower case and without `_` and `-`, holds a
/// secret, …
const SECRET: [&str; 21] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "privatekey",
    "apikey",
    "accesskey",
    "signingkey",
    "encryptionkey",
    "hmackey",
    "sharedkey",
    "accountkey",
    "masterkey",
    "authkey",
    "keymaterial",
    "authorization",
    "bearer",
    "connectionstring",
];
/// … or that is one of these, …
const SECRET_WHOLE: [&str; 6] = ["key", "jwk", "jwks", "pem", "dsn", "cookie"];
/// … unless it ends like this: it tells where the secret is, not what it is.
const REFERENCE: [&str; 4] = ["file", "path", "dir", "env"];

/// Whether the value of a key of that name is not to be shown.
pub(super) fn is_secret_key(key: &str) -> bool {
    let plain: String = key
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect();
    let secret =
        SECRET.iter().any(|part| plain.contains(part)) || SECRET_WHOLE.contains(&plain.as_str());
    secret && !REFERENCE.iter().any(|end| plain.ends_with(end))
}

/// Whether a text is a secret whatever its key: a URL with a password or a parameter that is one, or a private key of either
/// kind that belongs near a configuration.
pub(super) fn is_secret_text(text: &str) -> bool {
    user_information(text).is_some()
        || (text.contains("://") && in_query(text).next().is_some())
        || (text.contains("-----BEGIN") && text.contains("PRIVATE KEY"))
        || PublicKey::is_secret(text)
}

/// Whether something in this setting is hidden when it is shown.
pub(super) fn hides(key: &str, value: &Value) -> bool {
    match value {
        // A switch such as `include_tokens = false` gives nothing away.
        Value::Bool(_) | Value::Null => false,
        _ if is_secret_key(key) => true,
        Value::String(text) => is_secret_text(text),
        Value::Number(_) => false,
        Value::Array(items) => items.iter().any(|item| hides("", item)),
        Value::Object(members) => members.iter().any(|(key, value)| hides(key, value)),
    }
}

/// The setting with its secrets replaced.
pub(super) fn hide(key: &str, value: &Value) -> Value {
    if !hides(key, value) {
        return value.clone();
    }
    match value {
        Value::Array(items) if !is_secret_key(key) => {
            Value::Array(items.iter().map(|item| hide("", item)).collect())
        }
        Value::Object(members) if !is_secret_key(key) => Value::Object(hide_all(members)),
        _ => Value::String(HIDDEN.to_owned()),
    }
}

/// All settings of a table with their secrets replaced.
pub(super) fn hide_all(members: &Map<String, Value>) -> Map<String, Value> {
    members
        .iter()
        .map(|(key, value)| (key.clone(), hide(key, value)))
        .collect()
}

/// Where the values of secret keys stand in a table that was read.
pub(super) fn in_table(table: &DeTable<'_>, found: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        in_value(is_secret_key(key.get_ref()), value, found);
    }
}

fn in_value(secret: bool, value: &Spanned<DeValue<'_>>, found: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Boolean(_) => {}
        // Its span is that of its header: what counts is inside.
        DeValue::Table(table) => {
            for (key, value) in table {
                in_value(secret || is_secret_key(key.get_ref()), value, found);
            }
        }
        DeValue::Array(items) => {
            for item in items {
                in_value(secret, item, found);
            }
        }
        DeValue::String(text) if secret || is_secret_text(text) => found.push(value.span()),
        _ if secret => found.push(value.span()),
        _ => {}
    }
}

/// Where secrets seem to stand in a text that may not even be TOML: behind a secret key, up to the
/// end of its line or of the multi-line string that begins there.
pub(super) fn in_text(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(from) = behind_secret_key(line) {
            let mut end = start + line.len();
            let value = &line[from..];
            for quotes in ["\"\"\"", "'''"] {
                if value
                    .strip_prefix(quotes)
                    .is_some_and(|rest| !rest.contains(quotes))
                {
                    let length = text[end..].find(quotes);
                    end = length.map_or(text.len(), |length| end + length);
                }
            }
            found.push(start + from..end);
        }
        for (at, _) in line.match_indices("://") {
            let url = &line[at..];
            let url = &url[..url.find(['"', '\'', ' ', '\t', '\n']).unwrap_or(url.len())];
            for secret in user_information(url).into_iter().chain(in_query(url)) {
                found.push(start + at + secret.start..start + at + secret.end);
            }
        }
        for (at, _) in PublicKey::secret_starts(line) {
            let secret = &line[at..];
            let end = secret.find(['"', '\'', ' ', ',', '\n']);
            found.push(start + at..start + at + end.unwrap_or(secret.len()));
        }
        start += line.len();
    }
    found
}

/// Where the value of the first secret key of a line begins: behind its `=` (or `:`, or a space,
/// as in files that are no TOML).
fn behind_secret_key(line: &str) -> Option<usize> {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let mut key = "";
    let mut begin = None;
    for (at, c) in line.char_indices() {
        match begin {
            None if word(c) => begin = Some(at),
            Some(from) if !word(c) => {
                key = &line[from..at];
                begin = None;
            }
            _ => {}
        }
        let first = line[..at].trim_start() == key;
        let separates = matches!(c, '=' | ':') || (c.is_whitespace() && first);
        if separates && begin.is_none() && is_secret_key(key) {
            let value = line[at..].trim_start().trim_start_matches(['=', ':']);
            return Some(line.len() - value.trim_start().len());
        }
    }
    None
}

/// Where the secrets of a URL stand: its password, and parameters whose name says that they are one.
pub(super) fn in_url(url: &str) -> impl Iterator<Item = Range<usize>> {
    let password = user_information(url).and_then(|user| {
        let colon = url[user.clone()].find(':')?;
        Some(user.start + colon + 1..user.end)
    });
    let password = password.filter(|range| !range.is_empty());
    password.into_iter().chain(in_query(url))
}

/// Where the values of parameters stand that are secrets by their name.
fn in_query(url: &str) -> impl Iterator<Item = Range<usize>> {
    let end = url.find('#').unwrap_or(url.len());
    let start = url[..end].find('?').map_or(end, |at| at + 1);
    let mut at = start;
    url[start..end].split('&').filter_map(move |pair| {
        let begin = at;
        at += pair.len() + 1;
        let (name, value) = pair.split_once('=')?;
        // As in the URLs of Redis' Unix sockets.
        let secret = name == "pass" || is_secret_key(name);
        let from = begin + name.len() + 1;
        (secret && !value.is_empty()).then_some(from..from + value.len())
    })
}

/// The user information of the first URL in a text: what stands between its `//` and `@`.
fn user_information(text: &str) -> Option<Range<usize>> {
    let start = text.find("://")? + "://".len();
    let rest = &text[start..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest[..end].rfind('@')?;
    Some(start..start + at)
}
