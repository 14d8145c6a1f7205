//! What each way of failing means for a message: whether it is worth another try. The README has the
//! same table in words.
//!
//! The rule: a message becomes a dead letter only for what it is itself. What an operator can mend
//! (rights, keys, the queue's name) and what passes by itself (load, outages) is tried again for as
//! long as it takes; the delivery queue keeps the messages.

use op_listener_api::Outcome;

use crate::aws::AwsError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Later it may arrive.
    Retry,
    /// It never will.
    Dead,
}

/// The codes of SQS, of its common errors and of KMS, by what they are about. The service has gone
/// through several protocols, and so have the names.
const CODES: [(Verdict, &[&str]); 6] = [
    // The message.
    (
        Verdict::Dead,
        &[
            "InvalidMessageContents",
            "InvalidAttributeName",
            "InvalidAttributeValue",
            "InvalidParameterValue",
            "InvalidParameterCombination",
            "MissingParameter",
            "MissingRequiredParameterException",
            "MessageTooLong",
            "BatchRequestTooLong",
            "ValidationError",
            "ValidationException",
            "SerializationException",
            "MalformedQueryString",
        ],
    ),
    // The queue: it is not there (yet, or any more), or another is meant.
    (
        Verdict::Retry,
        &[
            "QueueDoesNotExist",
            "NonExistentQueue",
            "QueueDeletedRecently",
            "InvalidAddress",
            "UnsupportedOperation",
            "UnknownOperationException",
            "InvalidAction",
        ],
    ),
    // Who asks: rights, keys, tokens, the clock.
    (
        Verdict::Retry,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "AuthFailure",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSecurity",
            "InvalidSignatureException",
            "InvalidToken",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "NotAuthorized",
            "OptInRequired",
            "RequestExpired",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
            "TokenRefreshRequired",
            "UnrecognizedClientException",
        ],
    ),
    // The key that the queue is encrypted with.
    (
        Verdict::Retry,
        &[
            "KmsAccessDenied",
            "KmsDisabled",
            "KmsInvalidKeyUsage",
            "KmsInvalidState",
            "KmsNotFound",
            "KmsOptInRequired",
            "KmsThrottled",
            "KMS.AccessDeniedException",
            "KMS.DisabledException",
            "KMS.InvalidKeyUsageException",
            "KMS.InvalidStateException",
            "KMS.NotFoundException",
            "KMS.OptInRequired",
            "KMS.ThrottlingException",
        ],
    ),
    // Too much at once.
    (
        Verdict::Retry,
        &[
            "BandwidthLimitExceeded",
            "LimitExceededException",
            "OverLimit",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        ],
    ),
    // The service.
    (
        Verdict::Retry,
        &[
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ],
    ),
];

/// What a code means; `None` for those that are not known.
pub(super) fn of_code(code: &str) -> Option<Verdict> {
    let known = CODES.iter().find(|(_, codes)| codes.contains(&code));
    known.map(|(verdict, _)| *verdict)
}

/// What a request that failed as a whole means for its messages. What is not known is tried again.
pub(super) fn of_error(error: &AwsError) -> Verdict {
    match error {
        AwsError::Refused(refusal) => match of_code(&refusal.code) {
            Some(verdict) => verdict,
            // Of a proxy or a load balancer: the request is too large for it, whatever it holds.
            None if refusal.status == 413 => Verdict::Dead,
            None => Verdict::Retry,
        },
        _ => Verdict::Retry,
    }
}

/// Whether the queue is not where it was.
pub(super) fn is_about_the_queue(error: &AwsError) -> bool {
    let (_, codes) = CODES[1];
    matches!(error, AwsError::Refused(refusal) if codes.contains(&&*refusal.code))
}

/// What the delivery queue is told.
pub(super) fn outcome(verdict: Verdict, error: &AwsError) -> Outcome {
    let outcome = match verdict {
        Verdict::Retry => Outcome::retry(error),
        Verdict::Dead => Outcome::dead(error),
    };
    match error {
        AwsError::Refused(refusal) => {
            let outcome = outcome.status(refusal.status.into());
            let outcome = match &*refusal.message {
                "" => outcome,
                message => outcome.answer(message),
            };
            match refusal.retry_after {
                Some(time) => outcome.after(time),
                None => outcome,
            }
        }
        AwsError::NotUnderstood(status) => outcome.status((*status).into()),
        _ => outcome,
    }
}
