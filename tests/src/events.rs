//! Lines of a stream, as short as the format allows.

/// An ID token event of `alice` and client `000123`.
pub fn id_token(id: &str) -> String {
    event(
        "id_token_issue",
        id,
        r#""claims":{"sub":"alice","iat":1523304728}"#,
    )
}

/// An access token event of `alice` and client `000123`.
pub fn access_token(id: &str) -> String {
    event(
        "access_token_issue",
        id,
        r#""claims":{"scope":"read","jti":"j-1"}"#,
    )
}

/// A subject event of `alice` and client `000123`.
pub fn subject(id: &str) -> String {
    event("subject_auth_and_consent", id, r#""scope":["openid"]"#)
}

fn event(spi: &str, id: &str, more: &str) -> String {
    format!(
        r#"{{"type":"{spi}","id":"{id}","issuer":"https://op.example.com","client_id":"000123","subject":"alice",{more}}}"#
    )
}
