//! A request: made once, its answer read up to a limit, and told apart by whether it can have been heard.
//!
//! Redirects are refused, for they lead where nobody has allowed it.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use tokio::time::{Instant, timeout_at};

use super::output::{Hidden, first};
use super::poll;
use super::vault::StepSecrets;
use super::{Pace, Stop};
use crate::model::SECOND_NS;
use crate::respond::{SIGNATURE_HEADER, Secret, cause, signature, wall_ns};
use crate::runbook::{End, HttpCall, Outcome, Poll, Success, Target};

/// What is read of an answer; the description of a Job has its place in it.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// What is kept of it for people.
const EXCERPT_BYTES_MAX: usize = 2 * 1024;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const CLOUDEVENT: HeaderValue = HeaderValue::from_static("application/cloudevents+json");

/// What has been sent and came back.
enum Sent {
    /// It was taken: this is the answer.
    Taken(Response),
    /// It was not, for sure.
    Refused { why: String, output: String },
    /// It may have been.
    Unclear(String),
}

/// One attempt, up to its known end. The time runs from now.
pub(super) async fn run(
    client: &Client,
    call: HttpCall,
    secrets: &StepSecrets,
    within: Duration,
    pace: &Pace,
    mut stop: Stop,
) -> Outcome {
    let until = Instant::now() + within;
    let attempt = async {
        let request = match request(client, &call, secrets) {
            Ok(request) => request,
            Err(why) => return ended(End::Failed, why, String::new()),
        };
        let peer = Peer { client, call: &call, secrets, hidden: hidden(secrets), pace, until };
        peer.attempt(request, within).await
    };
    tokio::select! {
        biased;
        outcome = attempt => outcome,
        () = stop.now() => {
            ended(End::Unknown, "its end was not known when Evenkeel stopped".to_owned(), String::new())
        }
    }
}

pub(super) fn ended(end: End, why: String, output: String) -> Outcome {
    Outcome { end, why, output }
}

/// Shorter words are schemes, as `Bearer` is.
const WORD_BYTES_MIN: usize = 8;

fn hidden(secrets: &StepSecrets) -> Hidden {
    let keys = secrets.keys.iter().map(|key| &key.secret);
    let named = secrets.named.iter().map(|(_, secret)| secret);
    // Who repeats a header's credentials leaves out the scheme.
    let words = secrets.header.iter().flat_map(|header| header.reveal().split_whitespace());
    let words: Vec<Secret> = words.filter(|word| word.len() >= WORD_BYTES_MIN).map(Secret::new).collect();
    Hidden::new(secrets.header.iter().chain(keys).chain(named).chain(&words))
}

/// The other side of one attempt.
pub(super) struct Peer<'a> {
    pub client: &'a Client,
    pub call: &'a HttpCall,
    pub secrets: &'a StepSecrets,
    pub hidden: Hidden,
    pub pace: &'a Pace,
    pub until: Instant,
}

impl Peer<'_> {
    async fn attempt(&self, request: RequestBuilder, within: Duration) -> Outcome {
        let asked_after = matches!(self.call.poll, Some(Poll::Job { .. }));
        // Some of the time is left to ask what became of it.
        let answer_by = match asked_after {
            true => self.until - (within / 2).max(within.saturating_sub(self.pace.answer_within)),
            false => self.until,
        };
        let sent = match timeout_at(answer_by, request.send()).await {
            Ok(answer) => self.sent(answer, asked_after).await,
            Err(_) => Sent::Unclear("no answer came in time".to_owned()),
        };
        match (sent, &self.call.poll) {
            (Sent::Refused { why, output }, _) => ended(End::Failed, why, output),
            (Sent::Taken(answer), None) => {
                let why = format!("answered {}", answer.status());
                // It has succeeded: what else it says is not waited for long.
                let by = self.until.min(Instant::now() + self.pace.excerpt_within);
                ended(End::Succeeded, why, self.excerpt(&beginning(answer, by).await))
            }
            (Sent::Taken(answer), Some(Poll::Rundeck { before })) => {
                let answer = beginning(answer, self.until).await;
                poll::rundeck(self, before, &answer).await
            }
            (Sent::Taken(_), Some(Poll::Job { url })) => poll::job(self, url, None).await,
            (Sent::Unclear(why), Some(Poll::Job { url })) => poll::job(self, url, Some(why)).await,
            (Sent::Unclear(why), _) => {
                ended(End::Unknown, format!("{why}: it may have been taken, or not"), String::new())
            }
        }
    }

    async fn sent(&self, answer: reqwest::Result<Response>, asked_after: bool) -> Sent {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.is_connect() || error.is_builder() => {
                return Sent::Refused { why: cause(error), output: String::new() };
            }
            Err(error) => return Sent::Unclear(cause(error)),
        };
        let status = answer.status();
        let is_taken = match self.call.success {
            Success::Any2xx => status.is_success(),
            Success::OrConflict => status.is_success() || status == StatusCode::CONFLICT,
        };
        // What stands between may have passed it on.
        let is_unclear = matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT)
            || asked_after && status.is_server_error();
        match (is_taken, is_unclear) {
            (true, _) => Sent::Taken(answer),
            (false, true) => Sent::Unclear(format!("answered {status}")),
            (false, false) if status.is_redirection() => Sent::Refused {
                why: format!("answered {status}: redirects are not followed"),
                output: String::new(),
            },
            (false, false) => {
                let by = self.until.min(Instant::now() + self.pace.excerpt_within);
                let output = self.excerpt(&beginning(answer, by).await);
                Sent::Refused { why: format!("answered {status}"), output }
            }
        }
    }

    pub fn excerpt(&self, text: &[u8]) -> String {
        let text = self.hidden.cleaned(text);
        first(text.trim(), EXCERPT_BYTES_MAX).to_owned()
    }

    /// What stands at an address of the same peer, with the same secret: status and answer, or a sentence.
    pub async fn ask(&self, url: &str) -> Result<(StatusCode, Vec<u8>), String> {
        let mut headers = HeaderMap::from_iter([(ACCEPT, JSON)]);
        secret_header(&mut headers, self.call, self.secrets)?;
        let by = self.until.min(Instant::now() + self.pace.answer_within);
        let request = self.client.get(address(url)?).headers(headers).send();
        let answer = timeout_at(by, request).await.map_err(|_| "no answer came in time".to_owned())?;
        let answer = answer.map_err(cause)?;
        Ok((answer.status(), beginning(answer, by).await))
    }
}

/// The error is a sentence: nothing can be sent.
fn request(client: &Client, call: &HttpCall, secrets: &StepSecrets) -> Result<RequestBuilder, String> {
    let method = Method::try_from(&*call.method).map_err(|_| format!("`{}` is no method", call.method))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &call.headers {
        let header = HeaderName::try_from(&**name).ok().zip(HeaderValue::from_bytes(value.as_bytes()).ok());
        let (name, value) = header.ok_or_else(|| format!("its header `{name}` can not be sent"))?;
        headers.append(name, value);
    }
    if !call.body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
        let content = if call.target == Target::CloudEvent { CLOUDEVENT } else { JSON };
        headers.insert(CONTENT_TYPE, content);
    }
    if !headers.contains_key(ACCEPT) {
        headers.insert(ACCEPT, JSON);
    }
    secret_header(&mut headers, call, secrets)?;
    if call.is_signed && secrets.keys.is_empty() {
        return Err("it is to be signed, and its keys are not there".to_owned());
    }
    for key in secrets.keys.iter().filter(|_| call.is_signed) {
        let signature = signature(key, wall_ns() / SECOND_NS, call.body.as_bytes());
        let header = HeaderName::try_from(SIGNATURE_HEADER).ok().zip(signature);
        let (name, value) =
            header.ok_or_else(|| format!("it can not be signed with the key `{}`", key.id))?;
        headers.append(name, value);
    }
    Ok(client.request(method, address(&call.url)?).headers(headers).body(call.body.clone()))
}

/// In place of what the step says of this header itself.
fn secret_header(headers: &mut HeaderMap, call: &HttpCall, secrets: &StepSecrets) -> Result<(), String> {
    let Some((name, prefix)) = &call.secret_header else { return Ok(()) };
    let secret = secrets.header.as_ref().map(Secret::reveal).ok_or("its secret is not there")?;
    let value = HeaderValue::try_from(format!("{prefix}{}", secret.trim_end()));
    let header = HeaderName::try_from(&**name).ok().zip(value.ok());
    let (name, mut value) =
        header.ok_or_else(|| format!("its secret can not stand in the header `{name}`"))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

fn address(url: &str) -> Result<Url, String> {
    let parsed = Url::parse(url).map_err(|error| format!("`{url}` is no address: {error}"))?;
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        other => Err(format!("`{url}` is no address: {other} is neither http nor https")),
    }
}

/// What comes in time and within the limit.
async fn beginning(mut answer: Response, by: Instant) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Ok(Ok(Some(chunk))) = timeout_at(by, answer.chunk()).await {
        let room = ANSWER_BYTES_MAX - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    bytes
}
