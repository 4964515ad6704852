//! One integration of one receiver, checked: where its messages go and what they say. Pure.

use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::bucket::Rate;
use super::cloudevents;
use super::integration::{Authorization, Webhook};
use super::opsgenie::{Call, Opsgenie};
use super::secret::Secret;
use super::words::Words;
use super::{Integration, Service, WebhookFormat, body, sign};
use crate::engine::{Notification, Transition};
use crate::model::SECOND_NS;

pub(super) struct Target {
    /// For people: `webhook 1 of oncall (hooks.example.com)`. No path, which may hold a secret.
    pub label: String,
    /// Why nothing can be sent there.
    pub refusal: Option<String>,
    pub external_url: String,
    integration: Integration,
    url: Option<Url>,
    secrets: Arc<[Secret]>,
}

/// One request, ready to be sent.
pub(super) struct Message {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub authorization: Option<Authorization>,
    pub body: Vec<u8>,
    /// A good status is not enough: the answer itself says whether it was taken.
    pub says_ok: bool,
    /// What no answer may repeat to people.
    pub secrets: Arc<[Secret]>,
}

/// What one notification takes: requests in order, each of which may be made again.
#[derive(Default)]
pub(super) struct Sending {
    pub messages: Vec<Message>,
    /// A field was longer than the service allows.
    pub cut: bool,
}

impl Target {
    /// `index` tells apart several integrations of the receiver, from 0.
    pub fn new(integration: Integration, index: usize, receiver: &str, external_url: &str) -> Self {
        let url = match integration.service {
            Service::Alertmanager => {
                checked(&format!("{}/api/v2/alerts", integration.url.reveal().trim_end_matches('/')))
            }
            _ => checked(integration.url.reveal()),
        };
        let host = url.as_ref().ok().and_then(Url::host_str).unwrap_or("no address");
        let label = format!("{} {} of {receiver} ({host})", integration.service.name(), index + 1);
        let secrets = secrets(&integration, url.as_ref().ok());
        let (refusal, url) = (url.as_ref().err().cloned(), url.ok());
        Self { label, refusal, external_url: external_url.to_owned(), integration, url, secrets }
    }

    pub fn is_like(&self, other: &Self) -> bool {
        self.integration == other.integration
    }

    pub fn rate(&self) -> Option<Rate> {
        Rate::of(&self.integration.service)
    }

    pub fn timeout(&self) -> Option<std::time::Duration> {
        self.integration.timeout
    }

    /// Alertmanager is told what stands, again and again; the others of each change once.
    pub fn hears_what_stands(&self) -> bool {
        matches!(self.integration.service, Service::Alertmanager)
    }

    /// Whether this integration hears of such a transition at all. Alertmanager's words have none for an
    /// acknowledgement, and a chat needs none.
    pub fn hears(&self, transition: Transition) -> bool {
        match transition {
            Transition::Trigger | Transition::Escalate => true,
            Transition::Resolve => self.integration.send_resolved,
            Transition::Acknowledge => match &self.integration.service {
                Service::Webhook(webhook) => webhook.format != WebhookFormat::Alertmanager,
                Service::PagerDuty(_) | Service::Opsgenie(_) => true,
                Service::Alertmanager | Service::Slack(_) => false,
            },
        }
    }

    /// The requests about one transition. Nothing for who hears of what stands.
    pub fn sending(&self, notification: &Notification, wall_ns: u64) -> Sending {
        let words = Words { notification, external_url: &self.external_url };
        let (messages, cut) = match &self.integration.service {
            Service::Webhook(webhook) => (vec![self.webhook(webhook, &words, wall_ns)], false),
            Service::Alertmanager => (Vec::new(), false),
            Service::PagerDuty(pagerduty) => one(pagerduty.event(&words), |body| self.message(body)),
            Service::Slack(slack) => one(slack.message(&words), |body| self.message(body)),
            Service::Opsgenie(opsgenie) => {
                let (calls, cut) = opsgenie.calls(&words);
                (calls.into_iter().map(|call| self.call(opsgenie, call)).collect(), cut)
            }
        };
        Sending { messages: messages.into_iter().flatten().collect(), cut }
    }

    /// A request with this JSON, for who hears of what stands.
    pub fn standing(&self, body: Vec<u8>) -> Sending {
        Sending { messages: self.message(body).into_iter().collect(), cut: false }
    }

    fn message(&self, body: Vec<u8>) -> Option<Message> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Some(Message {
            method: Method::POST,
            url: self.url.clone()?,
            headers,
            authorization: self.integration.authorization.clone(),
            body,
            says_ok: matches!(self.integration.service, Service::Slack(_)),
            secrets: Arc::clone(&self.secrets),
        })
    }

    fn webhook(&self, webhook: &Webhook, words: &Words<'_>, wall_ns: u64) -> Option<Message> {
        let notification = words.notification;
        let body = match webhook.format {
            WebhookFormat::Evenkeel | WebhookFormat::CloudEventsBinary => body::evenkeel(notification),
            WebhookFormat::Alertmanager => body::webhook_v4(notification, &self.external_url),
            WebhookFormat::CloudEvents => cloudevents::structured(words),
        };
        let mut message = self.message(body)?;
        if webhook.format == WebhookFormat::CloudEvents {
            message.headers.insert(CONTENT_TYPE, HeaderValue::from_static(cloudevents::STRUCTURED));
        }
        if webhook.format == WebhookFormat::CloudEventsBinary {
            let headers = cloudevents::headers(words).into_iter().filter_map(|(name, value)| {
                Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
            });
            message.headers.extend(headers);
        }
        for key in &webhook.signing {
            let header = sign::signature(key, wall_ns / SECOND_NS, &message.body)?;
            message.headers.append(HeaderName::try_from(sign::HEADER).ok()?, header);
        }
        if let Some(key) = idempotency_key(notification) {
            message.headers.insert("Idempotency-Key", key);
        }
        Some(message)
    }

    fn call(&self, opsgenie: &Opsgenie, call: Call) -> Option<Message> {
        let mut message = self.message(call.body.to_string().into_bytes())?;
        let mut segments = message.url.path_segments_mut().ok()?;
        segments.pop_if_empty().extend(["v2", "alerts"]).extend(&call.path);
        drop(segments);
        if !call.path.is_empty() {
            message.url.query_pairs_mut().append_pair("identifierType", "alias");
        }
        if call.put {
            message.method = Method::PUT;
        }
        let key = format!("GenieKey {}", opsgenie.api_key.reveal());
        message.authorization = Some(Authorization::Header(Secret::new(key)));
        Some(message)
    }
}

fn one(
    (body, cut): (Vec<u8>, bool),
    message: impl FnOnce(Vec<u8>) -> Option<Message>,
) -> (Vec<Option<Message>>, bool) {
    (vec![message(body)], cut)
}

/// `<dedup_key>:<sequence>`, without what a header cannot carry.
fn idempotency_key(notification: &Notification) -> Option<HeaderValue> {
    let mut text = format!("{}:{}", notification.dedup_key, notification.sequence);
    text.retain(|c| c.is_ascii_graphic());
    HeaderValue::try_from(text).ok()
}

fn checked(url: &str) -> Result<Url, String> {
    let url = Url::parse(url).map_err(|error| format!("not a usable address: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("not a usable address: {other} is neither http nor https")),
    }
}

/// All that an answer could repeat: keys, passwords, and the path of an address.
fn secrets(integration: &Integration, url: Option<&Url>) -> Arc<[Secret]> {
    let mut secrets = vec![integration.url.clone()];
    if let Some(url) = url {
        let path = url.path();
        secrets
            .extend((path.len() > 1 && !integration.service.has_a_public_path()).then(|| Secret::new(path)));
        secrets.extend(url.query().into_iter().chain(url.password()).map(Secret::new));
    }
    match &integration.service {
        Service::Webhook(webhook) => secrets.extend(webhook.signing.iter().map(|key| key.secret.clone())),
        Service::PagerDuty(pagerduty) => secrets.push(pagerduty.routing_key.clone()),
        Service::Opsgenie(opsgenie) => secrets.push(opsgenie.api_key.clone()),
        Service::Alertmanager | Service::Slack(_) => {}
    }
    match &integration.authorization {
        Some(Authorization::Header(text)) => {
            let credentials = text.reveal().split_once(' ').map_or(text.reveal(), |(_, rest)| rest);
            secrets.push(Secret::new(credentials));
        }
        Some(Authorization::Basic { password, .. }) => secrets.push(password.clone()),
        None => {}
    }
    secrets.into()
}
