//! The action `SendMessageBatch`: its request, and what its answer says of each entry.

use std::collections::BTreeMap;

use op_listener_api::Outcome;
use serde::{Deserialize, Serialize};

use super::batch::Entry;
use super::verdict::{self, Verdict};
use crate::aws::{AwsError, Refusal};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'r> {
    queue_url: &'r str,
    entries: Vec<RequestEntry<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RequestEntry<'r> {
    id: String,
    message_body: &'r str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<&'r str, AttributeValue<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_deduplication_id: Option<&'r str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeValue<'r> {
    data_type: &'static str,
    string_value: &'r str,
}

/// The parameters. Entries go by their place.
pub(super) fn request(url: &str, entries: &[&Entry<'_>]) -> Vec<u8> {
    let entries = entries.iter().enumerate().map(|(place, entry)| {
        let attributes = entry.attributes.iter().map(|(name, value)| {
            let value = AttributeValue {
                data_type: "String",
                string_value: value,
            };
            (*name, value)
        });
        RequestEntry {
            id: place.to_string(),
            message_body: entry.body,
            message_attributes: attributes.collect(),
            message_group_id: entry.fifo.as_ref().map(|fifo| fifo.group),
            message_deduplication_id: entry.fifo.as_ref().map(|fifo| &*fifo.deduplication),
        }
    });
    let request = Request {
        queue_url: url,
        entries: entries.collect(),
    };
    serde_json::to_vec(&request).expect("text serialises")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    successful: Vec<Sent>,
    #[serde(default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    #[serde(default)]
    sender_fault: bool,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: Option<String>,
}

/// What an answer says of so many entries.
pub(super) fn outcomes(answer: &[u8], entries: usize) -> Result<Vec<Outcome>, AwsError> {
    let answer: Answer =
        serde_json::from_slice(answer).map_err(|_| AwsError::NotUnderstood(200))?;
    if answer.successful.is_empty() && answer.failed.is_empty() {
        return Err(AwsError::NotUnderstood(200));
    }
    let mut outcomes = vec![Outcome::retry("the answer of SQS says nothing of it"); entries];
    let place = |id: &str| id.parse::<usize>().ok().filter(|place| *place < entries);
    for failed in answer.failed {
        let Some(place) = place(&failed.id) else {
            continue;
        };
        let refusal = Refusal {
            status: 200,
            code: Refusal::bare_code(&failed.code),
            message: Refusal::bare_message(&failed.message.unwrap_or_default()),
            retry_after: None,
        };
        let verdict = verdict::of_code(&refusal.code).unwrap_or(if failed.sender_fault {
            Verdict::Dead
        } else {
            Verdict::Retry
        });
        outcomes[place] = verdict::outcome(verdict, &AwsError::Refused(refusal));
    }
    for sent in answer.successful {
        if let Some(place) = place(&sent.id) {
            outcomes[place] = Outcome::delivered();
        }
    }
    Ok(outcomes)
}
