//! Facts, as short as the format allows.

/// An authorisation in the code flow, with a code and an event of that number.
pub(crate) fn authorization(number: usize) -> String {
    authorization_for("code", number)
}

/// An authorisation whose event is due at once.
pub(crate) fn hybrid(number: usize) -> String {
    authorization_for("code token", number)
}

fn authorization_for(response_type: &str, number: usize) -> String {
    format!(
        r#"{{"type":"authorization_completed","id":"event-{number}","time":1000,"issuer":"https://op.example.com","client_id":"000123","subject":"alice","response_type":"{response_type}","code":"s3cr3t-c0de-{number}","scope":["openid"]}}"#
    )
}

/// The exchange of the code of that number.
pub(crate) fn exchange(number: usize) -> String {
    format!(
        r#"{{"type":"code_exchanged","id":"exchange-{number}","time":1001,"issuer":"https://op.example.com","client_id":"000123","code":"s3cr3t-c0de-{number}","id_token_claims":{{"sub":"alice"}}}}"#
    )
}

/// Each of these on a line of its own.
pub(crate) fn lines(facts: impl IntoIterator<Item = String>) -> String {
    facts
        .into_iter()
        .fold(String::new(), |all, fact| all + &fact + "\n")
}

/// Authorisation and exchange, in turns.
pub(crate) fn pairs(numbers: std::ops::Range<usize>) -> String {
    lines(numbers.flat_map(|number| [authorization(number), exchange(number)]))
}

/// A part of every code, which must stand nowhere.
pub(crate) const SECRET: &str = "s3cr3t-c0de";
