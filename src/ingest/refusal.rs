//! Why a request was not accepted, and what each protocol says then: one table for both listeners.

use http::StatusCode;
use tonic::Code;

use super::admission::{OverBudget, RETRY_AFTER_S};
use super::counters::Outcome;
use super::{Answer, BODY_BYTES_MAX};
use crate::door::{Denied, Guest};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Denied(Denied),
    UnknownPath,
    /// The fourth signal, of which OTLP has no stable form.
    Profiles,
    WrongMethod,
    /// Content type.
    UnknownType(String),
    /// Content encoding, or gRPC's message encoding.
    UnknownEncoding(String),
    /// Announced or grown beyond [`BODY_BYTES_MAX`].
    TooLarge,
    TooMuch(String),
    Malformed(String),
    /// The body did not come in time.
    TooSlow,
    Busy {
        retry_after_s: u32,
    },
    Unavailable {
        retry_after_s: u32,
    },
}

/// `Ok` holds what was rejected of an accepted request.
pub(super) type Taken = Result<(u64, Option<String>), Refusal>;

pub(super) fn taken(answer: Answer, guest: &Guest<'_>) -> Taken {
    match answer {
        Answer::Accepted { items, rejected, reason } => {
            guest.brought_items(items);
            Ok((rejected, reason))
        }
        Answer::Malformed(text) => Err(Refusal::Malformed(text)),
        Answer::TooMuch(what) => Err(Refusal::TooMuch(what)),
        Answer::Busy { retry_after_s } => Err(Refusal::Busy { retry_after_s }),
        Answer::Unavailable { retry_after_s } => Err(Refusal::Unavailable { retry_after_s }),
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<OverBudget> for Refusal {
    fn from(_: OverBudget) -> Self {
        Self::Busy { retry_after_s: RETRY_AFTER_S }
    }
}

impl Refusal {
    pub(super) fn http(&self) -> StatusCode {
        match self {
            Self::Denied(denied) if denied.is_unknown() => StatusCode::UNAUTHORIZED,
            Self::Denied(Denied::TooFast { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::UnknownPath | Self::Profiles => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownType(_) | Self::UnknownEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge | Self::TooMuch(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            // Not 408, upon which exporters drop what may well pass next time.
            Self::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
            Self::Busy { .. } | Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// RESOURCE_EXHAUSTED has RetryInfo where the same request can pass later, and none where it never will.
    pub(super) fn grpc(&self) -> Code {
        match self {
            Self::Denied(denied) if denied.is_unknown() => Code::Unauthenticated,
            Self::Denied(Denied::TooFast { .. }) => Code::ResourceExhausted,
            Self::Denied(_) => Code::PermissionDenied,
            Self::UnknownPath | Self::Profiles | Self::WrongMethod | Self::UnknownEncoding(_) => {
                Code::Unimplemented
            }
            Self::UnknownType(_) | Self::Malformed(_) => Code::InvalidArgument,
            Self::TooLarge | Self::TooMuch(_) => Code::ResourceExhausted,
            Self::TooSlow => Code::Unavailable,
            Self::Busy { .. } | Self::Unavailable { .. } => Code::Unavailable,
        }
    }

    pub(super) fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Busy { retry_after_s } | Self::Unavailable { retry_after_s } => Some(*retry_after_s),
            Self::Denied(Denied::TooFast { retry_after_s }) => Some(*retry_after_s),
            Self::TooSlow => Some(RETRY_AFTER_S),
            _ => None,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Denied(denied) if denied.is_unknown() => Outcome::Unauthenticated,
            Self::Denied(Denied::TooFast { .. }) => Outcome::RateLimited,
            Self::Denied(_) => Outcome::Forbidden,
            Self::UnknownPath
            | Self::Profiles
            | Self::WrongMethod
            | Self::UnknownType(_)
            | Self::UnknownEncoding(_) => Outcome::Unsupported,
            Self::TooLarge | Self::TooMuch(_) => Outcome::TooLarge,
            Self::Malformed(_) => Outcome::Malformed,
            Self::TooSlow => Outcome::TooSlow,
            Self::Busy { .. } => Outcome::Busy,
            Self::Unavailable { .. } => Outcome::Unavailable,
        }
    }

    /// For a person who reads the exporter's log.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Denied(denied) => denied.text(),
            Self::UnknownPath => "no such path; OTLP goes to /v1/traces, /v1/logs and /v1/metrics".to_owned(),
            Self::Profiles => {
                "profiles are not taken here; traces, logs and metrics are. Turn their export off".to_owned()
            }
            Self::WrongMethod => "only POST is possible here".to_owned(),
            Self::UnknownType(given) if given.is_empty() => {
                "Content-Type is missing; use application/x-protobuf or application/json".to_owned()
            }
            Self::UnknownType(given) => {
                format!(
                    "Content-Type {given:?} is not readable; use application/x-protobuf or application/json"
                )
            }
            Self::UnknownEncoding(given) => {
                format!("encoding {given:?} is not readable; use gzip, zstd or none")
            }
            Self::TooLarge => {
                format!(
                    "the request is larger than {BODY_BYTES_MAX} bytes decompressed; send smaller batches"
                )
            }
            Self::TooMuch(what) => format!("the request holds more than {what}; send smaller batches"),
            Self::Malformed(text) => text.clone(),
            Self::TooSlow => "the body did not arrive in time".to_owned(),
            Self::Busy { .. } => "too much is in flight; send again later".to_owned(),
            Self::Unavailable { .. } => "not accepting at the moment; send again later".to_owned(),
        }
    }
}
