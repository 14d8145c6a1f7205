//! What listeners must have seen, made of nothing but what the client got and the rule for subject
//! events as `host/EVENTS.md` has it; and what they have seen, in the same form.

use std::collections::HashMap;

use serde_json::{Value, json};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// An event in the form that is compared. The `txn` is the number of the transaction in its flow.
fn event(flow: &Value, spi: &str, claims: Option<&Value>, txn: usize) -> Value {
    json!({
        "spi": spi,
        "client_id": flow["client"],
        "subject": flow["user"],
        "claims": claims,
        "txn": txn,
    })
}

/// The events of a flow, in their order.
pub(crate) fn of_flow(flow: &Value) -> Vec<Value> {
    let mut events = Vec::new();
    let mut transactions = 0;
    // The last authorisation: its response type and transaction.
    let mut authorized = (String::new(), 0);
    for response in flow["responses"].as_array().unwrap() {
        let text = |name: &str| response[name].as_str().unwrap_or_default();
        let (front, grant) = (text("response_type"), text("grant_type"));
        if response.get("error").is_some() || front == "none" {
            continue;
        }
        let redeems_code = grant == "authorization_code";
        let txn = if redeems_code {
            authorized.1
        } else {
            transactions += 1;
            transactions - 1
        };
        if !front.is_empty() {
            authorized = (front.to_owned(), txn);
        }
        let id_token = response.get("id_token");
        if let Some(token) = response.get("access_token") {
            let claims = access_token_claims(token);
            events.push(event(flow, "access_token_issue", Some(&claims), txn));
        }
        if id_token.is_some() {
            events.push(event(flow, "id_token_issue", id_token, txn));
        }
        let is_due = match grant {
            "" => front != "code",
            "authorization_code" => authorized.0 == "code",
            other => other == DEVICE,
        };
        if is_due {
            events.push(event(flow, "subject_auth_and_consent", id_token, txn));
        }
    }
    events
}

/// A JWT's claims; of an opaque token all that introspection tells, but that it is active, and how
/// to send it.
fn access_token_claims(token: &Value) -> Value {
    if let Some(claims) = token.get("claims") {
        return claims.clone();
    }
    let mut told = token["introspection"].clone();
    let members = told.as_object_mut().unwrap();
    assert_eq!(members.remove("active"), Some(true.into()));
    assert_eq!(members.remove("token_type"), Some("Bearer".into()));
    told
}

/// What was seen of a flow. Its user, or client where it has none, has no other.
fn seen_of(flow: &Value, seen: &[Value]) -> Vec<Value> {
    let mut transactions = HashMap::new();
    let of_flow = seen
        .iter()
        .filter(|seen| seen["subject"] == flow["user"] && seen["client_id"] == flow["client"]);
    of_flow
        .map(|seen| {
            let next = transactions.len();
            let txn = *transactions.entry(seen["txn"].to_string()).or_insert(next);
            let claims = seen["claims_json"].as_str();
            let claims = claims.map(|claims| serde_json::from_str::<Value>(claims).unwrap());
            let spi = seen["spi"].as_str().unwrap();
            event(flow, spi, claims.as_ref(), txn)
        })
        .collect()
}

/// How many events there must be.
pub(crate) fn count(flows: &[Value]) -> usize {
    flows.iter().map(|flow| of_flow(flow).len()).sum()
}

/// Compares: each flow's events claim by claim and in order, and that there are no others.
pub(crate) fn assert_seen(flows: &[Value], seen: &[Value]) {
    compare(flows, seen, |_| {});
}

/// As [`assert_seen`], in any order: a host that has too much to do turns events away one by one.
pub(crate) fn assert_seen_in_any_order(flows: &[Value], seen: &[Value]) {
    compare(flows, seen, |events| events.sort_by_key(Value::to_string));
}

fn compare(flows: &[Value], seen: &[Value], order: impl Fn(&mut [Value])) {
    for flow in flows {
        let (mut right, mut found) = (of_flow(flow), seen_of(flow, seen));
        order(&mut right);
        order(&mut found);
        assert_eq!(
            found, right,
            "flow of {} with {}:\n{found:#?}\nmust be\n{right:#?}",
            flow["user"], flow["client"]
        );
    }
    assert_eq!(seen.len(), count(flows), "all events belong to a flow");
    let mut ids: Vec<_> = seen.iter().map(|seen| seen["id"].to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), seen.len(), "each event has an id of its own");
}

/// Checks that the client got all that it asked for.
pub(crate) fn assert_well(flows: &[Value]) {
    for flow in flows {
        for response in flow["responses"].as_array().unwrap() {
            assert_eq!(response.get("error"), None, "{flow}");
        }
    }
}
