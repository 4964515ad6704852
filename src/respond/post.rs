//! One request and what its answer means for the notification. Retries are not decided here.
//!
//! What the other side says is input: read up to a limit, shown only as a short cleaned excerpt.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};

use super::retry::retry_after;
use super::target::Message;
use crate::model::SECOND_NS;

const ANSWER_BYTES_MAX: usize = 64 * 1024;
const EXCERPT_CHARS_MAX: usize = 120;

#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Delivered,
    /// Trying again may help.
    Again {
        reason: String,
        asked: Option<Duration>,
    },
    /// Trying again will not help.
    Refused {
        reason: String,
    },
}

pub(super) async fn post(client: Client, message: Message, within: Duration) -> Answer {
    let Message { url, idempotency_key, body } = message;
    let mut request = client.post(url).header(CONTENT_TYPE, "application/json").body(body);
    if let Some(key) = idempotency_key {
        request = request.header("Idempotency-Key", key);
    }
    let exchange = async {
        match request.send().await {
            Ok(response) => judge(response).await,
            Err(error) if error.is_builder() => Answer::Refused { reason: cause(error) },
            Err(error) => Answer::Again { reason: cause(error), asked: None },
        }
    };
    tokio::time::timeout(within, exchange)
        .await
        .unwrap_or_else(|_| Answer::Again { reason: format!("no answer within {within:?}"), asked: None })
}

/// A good answer counts when its status line is in: its body is not waited for.
async fn judge(response: Response) -> Answer {
    let status = response.status();
    if status.is_success() {
        return Answer::Delivered;
    }
    if status.is_redirection() {
        return Answer::Refused { reason: format!("answered {status}: redirects are not followed") };
    }
    let asked = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| retry_after(text, wall_ns()));
    let reason = match excerpt(response).await {
        text if text.is_empty() => format!("answered {status}"),
        text => format!("answered {status}: {text}"),
    };
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Answer::Again { reason, asked },
        _ if status.is_server_error() => Answer::Again { reason, asked },
        _ => Answer::Refused { reason },
    }
}

/// The beginning of a body, for people. What does not come within the limits is left out.
async fn excerpt(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_BYTES_MAX - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    cleaned(&String::from_utf8_lossy(&bytes))
}

/// One line of letters, digits and plain punctuation.
fn cleaned(text: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || c.is_ascii_punctuation() { c } else { ' ' };
    let spaced: String = text.chars().map(plain).collect();
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

/// The innermost cause, without the address: its path may hold a secret.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut inner: &dyn Error = &error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let what = if error.is_connect() { "could not connect" } else { "the request failed" };
    format!("{what}: {}", cleaned(&inner.to_string()))
}

/// Our wall clock, in nanoseconds since 1970.
pub(super) fn wall_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since.as_secs().saturating_mul(SECOND_NS).saturating_add(u64::from(since.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_other_side_says_is_shown_short_and_on_one_line() {
        assert_eq!(cleaned("bad\r\n\x1b[31m key\u{202e}!\0"), "bad [31m key !");
        assert_eq!(cleaned(&"ä".repeat(500)), format!("{}…", "ä".repeat(120)));
        assert_eq!(cleaned(" \n\t"), "");
    }
}
