//! Why AWS could not be asked, or what it answered instead.

use std::fmt;
use std::time::Duration;

use super::credentials::CredentialsError;
use super::web::WebError;

/// Why a call has no result.
#[derive(Debug)]
pub(crate) enum AwsError {
    /// Nobody says which region.
    NoRegion,
    /// A setting that is no URL: where it stands, and why.
    Endpoint(String, super::endpoint::NoUrl),
    /// The shared files cannot be read.
    Profiles(super::profiles::ProfilesError),
    /// There are no credentials to sign with.
    Credentials(CredentialsError),
    /// There was no answer.
    Web(WebError),
    /// The service said no.
    Refused(Refusal),
    /// The answer is none of the service's: the status.
    NotUnderstood(u16),
}

/// An answer of a service that says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Of HTTP; of an entry of a batch, that of the whole.
    pub(crate) status: u16,
    /// As AWS's documentation has it, without what stands around it; empty if the answer has none.
    pub(crate) code: String,
    pub(crate) message: String,
    /// How long it asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// A code as documented: `com.amazonaws.sqs#QueueDoesNotExist`,
    /// `AWS.SimpleQueueService.NonExistentQueue` and `ThrottlingException:http://…` are dressed up.
    pub(crate) fn bare_code(dressed: &str) -> String {
        let code = dressed.rsplit_once('#').map_or(dressed, |(_, code)| code);
        let code = code.split_once(':').map_or(code, |(code, _)| code);
        let code = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code);
        code.trim().to_owned()
    }

    /// A message without what a wrong signature makes AWS repeat: the whole request, and with it the
    /// session's token.
    pub(crate) fn bare_message(message: &str) -> String {
        let end = ["The Canonical String", "The String-to-Sign", "\n"]
            .into_iter()
            .filter_map(|sign| message.find(sign))
            .min();
        message[..end.unwrap_or(message.len())].trim().to_owned()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.code, &*self.message) {
            ("", "") => write!(f, "status {}", self.status),
            ("", message) => write!(f, "status {}: {message}", self.status),
            (code, "") => f.write_str(code),
            (code, message) => write!(f, "{code}: {message}"),
        }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRegion => f.write_str(
                "the region is not known: set `region`, AWS_REGION, or `region` in the profile",
            ),
            Self::Endpoint(place, why) => write!(f, "{place} is {why}"),
            Self::Profiles(error) => error.fmt(f),
            Self::Credentials(error) => write!(f, "no credentials: {error}"),
            Self::Web(error) => error.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NotUnderstood(status) => write!(
                f,
                "the answer (status {status}) is not one of SQS: is the endpoint right, or is a proxy \
                 in between?"
            ),
        }
    }
}

impl std::error::Error for AwsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Endpoint(_, why) => Some(why),
            Self::Profiles(error) => Some(error),
            Self::Credentials(error) => Some(error),
            Self::Web(error) => Some(error),
            Self::NoRegion | Self::Refused(_) | Self::NotUnderstood(_) => None,
        }
    }
}

impl From<CredentialsError> for AwsError {
    fn from(error: CredentialsError) -> Self {
        Self::Credentials(error)
    }
}

impl From<WebError> for AwsError {
    fn from(error: WebError) -> Self {
        Self::Web(error)
    }
}

impl From<super::profiles::ProfilesError> for AwsError {
    fn from(error: super::profiles::ProfilesError) -> Self {
        Self::Profiles(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_undressed() {
        for (dressed, bare) in [
            ("com.amazonaws.sqs#QueueDoesNotExist", "QueueDoesNotExist"),
            (
                "AWS.SimpleQueueService.NonExistentQueue",
                "NonExistentQueue",
            ),
            (
                "ThrottlingException:http://internal.amazon.com/x/",
                "ThrottlingException",
            ),
            ("KMS.AccessDeniedException", "KMS.AccessDeniedException"),
        ] {
            assert_eq!(Refusal::bare_code(dressed), bare);
        }
    }

    #[test]
    fn what_aws_repeats_of_a_request_is_not_kept() {
        let message = "The request signature we calculated does not match. Check your key.\n\nThe \
                       Canonical String for this request should have been\n'POST\n/\n\n\
                       x-amz-security-token:SECRET'";
        assert_eq!(
            Refusal::bare_message(message),
            "The request signature we calculated does not match. Check your key."
        );
        let message = "No match. The Canonical String for this is 'SECRET'";
        assert_eq!(Refusal::bare_message(message), "No match.");
    }
}
