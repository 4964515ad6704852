//! Bodies for PagerDuty's Events API v2. Pure: a notification in, bytes out.
//!
//! Limits are those of its documentation ("Send an event to PagerDuty", PD-CEF): a summary of 1,024 characters, a
//! `dedup_key` of 255, images over HTTPS only, and 512 KiB for the whole body.

use serde_json::{Map, Value, json};

use super::cut::Cut;
use super::identity;
use super::secret::Secret;
use super::template::Template;
use super::words::{Words, is_web};
use crate::engine::Transition;
use crate::model::{Priority, Severity, rfc3339};

pub const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";

const BODY_BYTES_MAX: usize = 512 * 1024;
const SUMMARY_MAX: usize = 1024;
const DEDUP_KEY_MAX: usize = 255;
const FIELD_MAX: usize = 1024;
const DETAIL_MAX: usize = 8 * 1024;
const ADDRESS_MAX: usize = 2048;
const LINKS_MAX: usize = 20;

/// Room for details: as much as leaves every other field its place, and little for when those are all at their limit.
const DETAILS_ROOMS: [usize; 2] = [128 * 1024, 16 * 1024];

const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

/// An integration of PagerDuty; what is not set is Evenkeel's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerDuty {
    pub routing_key: Secret,
    pub client: Option<Template>,
    pub client_url: Option<Template>,
    pub description: Option<Template>,
    pub severity: Option<Template>,
    pub source: Option<Template>,
    pub component: Option<Template>,
    pub group: Option<Template>,
    pub class: Option<Template>,
    pub details: Vec<(String, Template)>,
    pub links: Vec<PagerDutyLink>,
    pub images: Vec<PagerDutyImage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerDutyLink {
    pub href: Template,
    pub text: Option<Template>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerDutyImage {
    pub src: Template,
    pub href: Option<Template>,
    pub alt: Option<Template>,
}

impl PagerDuty {
    /// With everything but the key at its default.
    pub fn new(routing_key: Secret) -> Self {
        Self {
            routing_key,
            client: None,
            client_url: None,
            description: None,
            severity: None,
            source: None,
            component: None,
            group: None,
            class: None,
            details: Vec::new(),
            links: Vec::new(),
            images: Vec::new(),
        }
    }

    /// The body, and whether anything was cut.
    pub(super) fn event(&self, words: &Words<'_>) -> (Vec<u8>, bool) {
        for room in DETAILS_ROOMS {
            let (body, cut) = self.event_within(words, room);
            if body.len() <= BODY_BYTES_MAX {
                return (body, cut);
            }
        }
        let bare = Self { links: Vec::new(), images: Vec::new(), details: Vec::new(), ..self.clone() };
        (bare.event_within(words, DETAILS_ROOMS[1]).0, true)
    }

    fn event_within(&self, words: &Words<'_>, room: usize) -> (Vec<u8>, bool) {
        let action = match words.notification.transition {
            // A trigger whose key is open already is PagerDuty's form of an update.
            Transition::Trigger | Transition::Escalate => "trigger",
            Transition::Acknowledge => "acknowledge",
            Transition::Resolve => "resolve",
        };
        let mut cut = Cut::default();
        let mut event = Map::new();
        event.insert("routing_key".to_owned(), json!(self.routing_key.reveal()));
        event.insert("event_action".to_owned(), json!(action));
        event.insert("dedup_key".to_owned(), json!(identity::key(words, DEDUP_KEY_MAX)));
        if action == "trigger" {
            let client = words.set(self.client.as_ref()).unwrap_or_else(|| "Evenkeel".to_owned());
            event.insert("client".to_owned(), json!(cut.text("client", &client, FIELD_MAX)));
            let client_url = words.set(self.client_url.as_ref()).or_else(|| words.alert_url());
            let client_url = client_url.filter(|url| url.len() <= ADDRESS_MAX && is_web(url));
            event.extend(client_url.map(|url| ("client_url".to_owned(), json!(url))));
            let links = self.links(words, &mut cut);
            let images = self.images(words, &mut cut);
            event.insert("payload".to_owned(), self.payload(words, room, &mut cut));
            for (name, list) in [("links", links), ("images", images)] {
                event.extend((!list.is_empty()).then(|| (name.to_owned(), Value::from(list))));
            }
        }
        (Value::Object(event).to_string().into_bytes(), cut.happened())
    }

    fn payload(&self, words: &Words<'_>, room: usize, cut: &mut Cut) -> Value {
        let notification = words.notification;
        let alert = &notification.alert;
        let or = |set: &Option<Template>, default: &str| {
            words.set(set.as_ref()).or_else(|| (!default.is_empty()).then(|| default.to_owned()))
        };
        let summary = words.set(self.description.as_ref()).unwrap_or_else(|| words.title());
        let source = or(&self.source, &alert.service).unwrap_or_else(|| words.subject().to_owned());
        let source =
            Some(source).filter(|source| !source.is_empty()).unwrap_or_else(|| "evenkeel".to_owned());
        let severity = words.set(self.severity.as_ref()).filter(|word| SEVERITIES.contains(&&**word));
        let severity = severity.unwrap_or_else(|| severity_of(alert.severity, alert.priority).to_owned());
        let mut payload = Map::new();
        let mut put = |name: &str, value: String| drop(payload.insert(name.to_owned(), Value::from(value)));
        put("summary", cut.text("summary", &summary, SUMMARY_MAX));
        put("timestamp", rfc3339(notification.at.0));
        put("severity", severity);
        put("source", cut.text("source", &source, FIELD_MAX));
        let fields = [
            ("component", or(&self.component, &alert.service)),
            ("group", or(&self.group, "")),
            ("class", or(&self.class, &alert.condition)),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                put(name, cut.text(name, &value, FIELD_MAX));
            }
        }
        let mut details = words.details();
        let ours = details.iter().position(|(name, _)| name.starts_with("label.")).unwrap_or(details.len());
        let set = self.details.iter().map(|(name, template)| (name.clone(), template.render(words)));
        details.splice(ours..ours, set.filter(|(_, value)| !value.is_empty()));
        payload.insert("custom_details".to_owned(), cut.details(details, DETAIL_MAX, room, true).into());
        Value::Object(payload)
    }

    fn links(&self, words: &Words<'_>, cut: &mut Cut) -> Vec<Value> {
        let runbook = words.runbook_url().map(|url| (url.to_owned(), Some("Runbook".to_owned())));
        let alert = words.alert_url().map(|url| (url, Some("Alert in Evenkeel".to_owned())));
        let set = self.links.iter().map(|link| (link.href.render(words), words.set(link.text.as_ref())));
        let all: Vec<_> =
            runbook.into_iter().chain(alert).chain(set).filter(|(href, _)| is_web(href)).collect();
        let mut links = Vec::new();
        for (href, text) in cut.list("links", all, LINKS_MAX) {
            match href.len() <= ADDRESS_MAX {
                true => links.push(match text {
                    Some(text) => json!({"href": href, "text": cut.text("links", &text, 255)}),
                    None => json!({"href": href}),
                }),
                false => cut.note("links"),
            }
        }
        links
    }

    fn images(&self, words: &Words<'_>, cut: &mut Cut) -> Vec<Value> {
        let mut images = Vec::new();
        for image in self.images.iter().take(LINKS_MAX) {
            let src = image.src.render(words);
            if !src.starts_with("https://") || !is_web(&src) || src.len() > ADDRESS_MAX {
                cut.note("images");
                continue;
            }
            let mut one = Map::from_iter([("src".to_owned(), json!(src))]);
            let href =
                words.set(image.href.as_ref()).filter(|href| is_web(href) && href.len() <= ADDRESS_MAX);
            one.extend(href.map(|href| ("href".to_owned(), json!(href))));
            let alt = words.set(image.alt.as_ref());
            one.extend(alt.map(|alt| ("alt".to_owned(), json!(cut.text("images", &alt, 255)))));
            images.push(Value::Object(one));
        }
        images
    }
}

/// Evenkeel's severity says what is asked of people, PagerDuty's how bad it is.
fn severity_of(severity: Severity, priority: Priority) -> &'static str {
    match (severity, priority) {
        (Severity::Page, Priority::P1) => "critical",
        (Severity::Page, _) => "error",
        (Severity::Ticket, _) => "warning",
        (Severity::Log, _) => "info",
    }
}
