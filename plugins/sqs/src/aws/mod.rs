//! AWS, as far as a publisher needs it: where it is, who asks, and signed requests over HTTP. What is
//! sent, and what an answer means for a message, is left to [`crate::sink`].

mod call;
mod credentials;
pub(crate) mod endpoint;
mod environment;
mod error;
mod locate;
mod profiles;
mod sign;
mod web;

pub(crate) use call::Service;
pub(crate) use environment::Environment;
pub(crate) use error::{AwsError, Refusal};
pub(crate) use web::{Web, WebError};

#[cfg(test)]
pub(crate) mod fake;
