//! What a receiver is made of, as the configuration has it. Sends nothing.

use std::time::Duration;

use super::opsgenie::Opsgenie;
use super::pagerduty::PagerDuty;
use super::secret::Secret;
use super::slack::Slack;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    pub name: String,
    pub integrations: Vec<Integration>,
    /// Kinds that the configuration has and we can not send to yet.
    pub not_in_effect: Vec<String>,
    pub fallback: Option<Fallback>,
}

/// Who hears of a page that this receiver has not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    pub receiver: String,
    pub after: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    pub service: Service,
    /// The whole address of a webhook, of Slack and of PagerDuty; of the others what stands before their paths.
    pub url: Secret,
    pub send_resolved: bool,
    /// For the whole exchange; where there is none, the pace says.
    pub timeout: Option<Duration>,
    pub authorization: Option<Authorization>,
}

/// What the header of this name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// Word for word, its scheme included.
    Header(Secret),
    Basic {
        username: String,
        password: Secret,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    Webhook(Webhook),
    /// Alertmanager's API version 2.
    Alertmanager,
    PagerDuty(Box<PagerDuty>),
    Opsgenie(Box<Opsgenie>),
    Slack(Box<Slack>),
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Webhook {
    pub format: WebhookFormat,
    /// Each signs; two of them while one replaces the other.
    pub signing: Vec<SigningKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WebhookFormat {
    #[default]
    Alertmanager,
    Evenkeel,
    /// One JSON document with attributes and data.
    CloudEvents,
    /// Attributes as headers, data as the body.
    CloudEventsBinary,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    pub id: String,
    pub secret: Secret,
}

impl Integration {
    /// Without credentials, and with everything at its default.
    pub fn new(service: Service, url: &str) -> Self {
        let url = Secret::new(url);
        Self { service, url, send_resolved: true, timeout: None, authorization: None }
    }

    pub fn webhook(format: WebhookFormat, url: &str) -> Self {
        Self::new(Service::Webhook(Webhook { format, signing: Vec::new() }), url)
    }
}

impl Service {
    /// For people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Alertmanager => "alertmanager",
            Self::PagerDuty(_) => "pagerduty",
            Self::Opsgenie(_) => "opsgenie",
            Self::Slack(_) => "slack",
        }
    }

    /// The paths of these are in their documentation; that of others may be a key.
    pub(super) fn has_a_public_path(&self) -> bool {
        matches!(self, Self::Alertmanager | Self::PagerDuty(_) | Self::Opsgenie(_))
    }
}
