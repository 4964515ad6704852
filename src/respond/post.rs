//! One request and what its answer means for the notification. Retries are not decided here.
//!
//! What the other side says is input: read up to a limit, shown only as a short cleaned excerpt.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

use super::integration::Authorization;
use super::retry::retry_after;
use super::secret::{Secret, without};
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
        /// The service takes no more for now, whatever it is.
        throttled: bool,
    },
    /// Trying again will not help.
    Refused {
        reason: String,
    },
}

/// Makes the requests in order, up to the first that is not taken.
pub(super) async fn post(client: Client, messages: Vec<Message>, within: Duration) -> Answer {
    let exchange = async {
        for message in messages {
            match one(&client, message).await {
                Answer::Delivered => {}
                other => return other,
            }
        }
        Answer::Delivered
    };
    tokio::time::timeout(within, exchange)
        .await
        .unwrap_or_else(|_| again(format!("no answer within {within:?}")))
}

fn again(reason: String) -> Answer {
    Answer::Again { reason, asked: None, throttled: false }
}

async fn one(client: &Client, message: Message) -> Answer {
    let Message { method, url, headers, authorization, body, says_ok, secrets } = message;
    let request = client.request(method, url).headers(headers).body(body);
    let request = match authorization {
        None => request,
        Some(Authorization::Basic { username, password }) => {
            request.basic_auth(username, Some(password.reveal()))
        }
        Some(Authorization::Header(text)) => match HeaderValue::try_from(text.reveal()) {
            Ok(mut value) => {
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
            Err(_) => {
                return Answer::Refused { reason: "its credentials can not stand in a header".to_owned() };
            }
        },
    };
    match request.send().await {
        Ok(response) => judge(response, says_ok, &secrets).await,
        Err(error) if error.is_builder() => Answer::Refused { reason: cause(error) },
        Err(error) => again(cause(error)),
    }
}

/// A good answer counts when its status line is in: its body is waited for only where that decides.
async fn judge(response: Response, says_ok: bool, secrets: &[Secret]) -> Answer {
    let status = response.status();
    if status.is_success() {
        return match says_ok {
            true => spoken(&beginning(response).await, secrets),
            false => Answer::Delivered,
        };
    }
    if status.is_redirection() {
        return Answer::Refused { reason: format!("answered {status}: redirects are not followed") };
    }
    let asked = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| retry_after(text, wall_ns()));
    let reason = match cleaned(&without(secrets, &beginning(response).await)) {
        text if text.is_empty() => format!("answered {status}"),
        text => format!("answered {status}: {text}"),
    };
    let throttled = status == StatusCode::TOO_MANY_REQUESTS;
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Answer::Again { reason, asked, throttled }
        }
        _ if status.is_server_error() => Answer::Again { reason, asked, throttled },
        _ => Answer::Refused { reason },
    }
}

/// Slack's webhooks say `ok`, its methods `{"ok": …}`; whatever else stands behind a good status is not Slack.
fn spoken(text: &str, secrets: &[Secret]) -> Answer {
    let text = text.trim();
    let json: Option<Value> = serde_json::from_str(text).ok();
    let ok = json.as_ref().and_then(|json| json["ok"].as_bool());
    if text.is_empty() || text.eq_ignore_ascii_case("ok") || ok == Some(true) {
        return Answer::Delivered;
    }
    let error = json.as_ref().and_then(|json| json["error"].as_str()).unwrap_or(text);
    let reason = format!("took the message and did not say ok: {}", cleaned(&without(secrets, error)));
    match error {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
            Answer::Again { reason, asked: None, throttled: true }
        }
        "fatal_error" | "internal_error" | "request_timeout" | "service_unavailable" => again(reason),
        _ => Answer::Refused { reason },
    }
}

/// The beginning of a body. What does not come within the limit is left out.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_BYTES_MAX - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
pub(crate) fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut inner: &dyn Error = &error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let what = if error.is_connect() { "could not connect" } else { "the request failed" };
    format!("{what}: {}", cleaned(&inner.to_string()))
}

/// Our wall clock, in nanoseconds since 1970.
pub(crate) fn wall_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since.as_secs().saturating_mul(SECOND_NS).saturating_add(u64::from(since.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_has_taken_what_it_says_ok_to_and_nothing_else() {
        for (text, expected) in [
            ("ok", "delivered"),
            ("", "delivered"),
            (r#"{"ok":true,"ts":"1"}"#, "delivered"),
            (r#"{"ok":false,"error":"ratelimited"}"#, "again"),
            (r#"{"ok":false,"error":"internal_error"}"#, "again"),
            (r#"{"ok":false,"error":"channel_not_found"}"#, "refused"),
            ("<html>please log in</html>", "refused"),
            ("[]", "refused"),
        ] {
            let answer = match spoken(text, &[]) {
                Answer::Delivered => "delivered",
                Answer::Again { .. } => "again",
                Answer::Refused { .. } => "refused",
            };
            assert_eq!(answer, expected, "{text}");
        }
    }

    #[test]
    fn what_the_other_side_says_is_shown_short_and_on_one_line() {
        assert_eq!(cleaned("bad\r\n\x1b[31m key\u{202e}!\0"), "bad [31m key !");
        assert_eq!(cleaned(&"ä".repeat(500)), format!("{}…", "ä".repeat(120)));
        assert_eq!(cleaned(" \n\t"), "");
    }
}
