//! What the event format's members are to a parse without any rule: the measure for what reading an
//! event costs.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A text that is borrowed unless it is written with escapes, also within an `Option`.
#[derive(Deserialize)]
#[serde(transparent)]
#[expect(dead_code, reason = "it is parsed, and that is what is measured")]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members as a parse without any rule gives them.
#[derive(Deserialize)]
#[expect(dead_code, reason = "they are parsed, and that is what is measured")]
pub(crate) struct Bare<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    txn: Option<Text<'a>>,
    time: Option<f64>,
    #[serde(borrow)]
    issuer: Option<Text<'a>>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    subject: Option<Text<'a>>,
    #[serde(borrow)]
    claims: Option<&'a RawValue>,
    #[serde(borrow)]
    client: Option<&'a RawValue>,
}
