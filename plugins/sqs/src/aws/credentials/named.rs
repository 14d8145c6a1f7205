//! Static keys where the host's configuration says they are: read anew each time, so that files may be
//! replaced.

use std::path::Path;

use super::{Credentials, CredentialsError};
use crate::aws::Environment;
use crate::config::{NamedKeys, Secret};

pub(super) fn read(
    keys: &NamedKeys,
    environment: &Environment,
) -> Result<Credentials, CredentialsError> {
    let read = |secret: &Secret| match secret {
        Secret::File(file) => text_of(file),
        Secret::Variable(name) => environment
            .get(name)
            .ok_or_else(|| CredentialsError::Unset(name.clone())),
    };
    let token = keys.session_token.as_ref().map(read).transpose()?;
    Ok(Credentials::lasting(
        read(&keys.access_key_id)?,
        read(&keys.secret_access_key)?,
        token,
    ))
}

/// A file's text, without the line break at its end.
pub(super) fn text_of(file: &Path) -> Result<String, CredentialsError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| CredentialsError::File(file.to_owned(), error))?;
    match text.trim() {
        "" => Err(CredentialsError::EmptyFile(file.to_owned())),
        text => Ok(text.to_owned()),
    }
}
