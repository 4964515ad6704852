//! One integration of one receiver, checked: where its messages go and what they say.

use reqwest::Url;
use reqwest::header::HeaderValue;

use super::body;
use super::{Integration, WebhookFormat};
use crate::engine::{Notification, Transition};

pub(super) struct Target {
    pub kind: Kind,
    /// For people: `webhook 1 (hooks.example.com)`. No path, which may hold a secret.
    pub label: String,
    pub url: Result<Url, String>,
    pub external_url: String,
    send_resolved: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Webhook(WebhookFormat),
    AlertmanagerApi,
}

/// One request, ready to be sent.
pub(super) struct Message {
    pub url: Url,
    pub idempotency_key: Option<HeaderValue>,
    pub body: Vec<u8>,
}

impl Target {
    /// `index` tells apart several integrations of the receiver, from 0.
    pub fn new(integration: Integration, index: usize, receiver: &str, external_url: &str) -> Self {
        let (kind, name, url, send_resolved) = match integration {
            Integration::Webhook { url, format, send_resolved } => {
                (Kind::Webhook(format), "webhook", url, send_resolved)
            }
            Integration::Alertmanager { url, send_resolved } => {
                let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
                (Kind::AlertmanagerApi, "alertmanager", url, send_resolved)
            }
        };
        let url = checked(&url);
        let host = url.as_ref().ok().and_then(Url::host_str).unwrap_or("no address");
        let label = format!("{name} {} of {receiver} ({host})", index + 1);
        Self { kind, label, url, external_url: external_url.to_owned(), send_resolved }
    }

    /// Whether this integration hears of such a transition at all. Alertmanager's words have none for an
    /// acknowledgement.
    pub fn hears(&self, transition: Transition) -> bool {
        match (transition, self.kind) {
            (Transition::Trigger | Transition::Escalate, _) => true,
            (Transition::Resolve, _) => self.send_resolved,
            (Transition::Acknowledge, Kind::Webhook(WebhookFormat::Evenkeel)) => true,
            (Transition::Acknowledge, _) => false,
        }
    }

    pub fn webhook_body(&self, format: WebhookFormat, notification: &Notification) -> Vec<u8> {
        match format {
            WebhookFormat::Evenkeel => body::evenkeel(notification),
            WebhookFormat::Alertmanager => body::webhook_v4(notification, &self.external_url),
        }
    }
}

/// `<dedup_key>:<sequence>`, without what a header cannot carry.
pub(super) fn idempotency_key(notification: &Notification) -> Option<HeaderValue> {
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
