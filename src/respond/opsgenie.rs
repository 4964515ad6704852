//! Requests to the alert API of Opsgenie, and to that of Jira Service Management, which has its form at another
//! address and no way to change a priority. Pure: a notification in, requests out.
//!
//! Limits are those of Opsgenie's documentation ("Alert API"): a message of 130 characters, an alias of 512, a
//! description of 15,000, 20 tags of 50, 10 actions of 50, details of 8,000 in all, 50 responders, an entity of 512, a source
//! of 100, a note of 25,000.

use serde_json::{Map, Value, json};

use super::cut::{Cut, units};
use super::identity;
use super::secret::Secret;
use super::template::Template;
use super::words::Words;
use crate::engine::Transition;

pub const OPSGENIE_URL: &str = "https://api.opsgenie.com/";
pub const JIRA_URL: &str = "https://api.atlassian.com/jsm/ops/integration/";

const MESSAGE_MAX: usize = 130;
const ALIAS_MAX: usize = 512;
const DESCRIPTION_MAX: usize = 15_000;
const TAGS_MAX: usize = 20;
const ACTIONS_MAX: usize = 10;
const WORD_MAX: usize = 50;
const DETAILS_MAX: usize = 8_000;
const DETAIL_MAX: usize = 1_000;
const RESPONDERS_MAX: usize = 50;
const ENTITY_MAX: usize = 512;
const SOURCE_MAX: usize = 100;
const NOTE_MAX: usize = 25_000;
const LINK_MAX: usize = 2_100;

/// Which of the two answers at the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Product {
    #[default]
    Opsgenie,
    JiraServiceManagement,
}

/// An integration of Opsgenie; what is not set is Evenkeel's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opsgenie {
    pub product: Product,
    pub api_key: Secret,
    pub message: Option<Template>,
    pub description: Option<Template>,
    pub source: Option<Template>,
    pub entity: Option<Template>,
    pub priority: Option<Template>,
    pub note: Option<Template>,
    /// Separated by commas.
    pub tags: Option<Template>,
    /// Separated by commas.
    pub actions: Option<Template>,
    pub details: Vec<(String, Template)>,
    pub responders: Vec<Responder>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    /// `team`, `user`, `escalation` or `schedule`.
    pub kind: &'static str,
    /// `id`, `name` or `username`, and which.
    pub who: (&'static str, Template),
}

/// One call, below the base address.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    pub put: bool,
    /// Path segments after `v2/alerts`, before they are encoded.
    pub path: Vec<String>,
    pub body: Value,
}

impl Opsgenie {
    /// With everything but the key at its default.
    pub fn new(product: Product, api_key: Secret) -> Self {
        Self {
            product,
            api_key,
            message: None,
            description: None,
            source: None,
            entity: None,
            priority: None,
            note: None,
            tags: None,
            actions: None,
            details: Vec::new(),
            responders: Vec::new(),
        }
    }

    /// The calls in order, and whether anything was cut. Each may be made again without harm: the alias is the same.
    pub(super) fn calls(&self, words: &Words<'_>) -> (Vec<Call>, bool) {
        let mut cut = Cut::default();
        let alias = identity::key(words, ALIAS_MAX);
        let on_alert = |what: &str, body: Value, put: bool| {
            let path = vec![alias.clone(), what.to_owned()];
            Call { put, path, body }
        };
        let calls = match (words.notification.transition, self.product) {
            (Transition::Trigger, _) => vec![self.create(words, &alias, &mut cut)],
            // Whoever hears of it for the first time needs the alert; who has it, the change.
            (Transition::Escalate, Product::Opsgenie) => {
                let body = json!({"priority": self.priority(words)});
                vec![self.create(words, &alias, &mut cut), on_alert("priority", body, true)]
            }
            (Transition::Escalate, Product::JiraServiceManagement) => {
                let note = format!("Escalated to {}. {}", self.priority(words), words.summary());
                let body = self.remark(words, &note, &mut cut);
                vec![self.create(words, &alias, &mut cut), on_alert("notes", body, false)]
            }
            (Transition::Acknowledge, _) => {
                vec![on_alert("acknowledge", self.remark(words, "Acknowledged in Evenkeel", &mut cut), false)]
            }
            (Transition::Resolve, _) => {
                let note = format!("Resolved. {}", words.notification.explain.text);
                vec![on_alert("close", self.remark(words, &note, &mut cut), false)]
            }
        };
        (calls, cut.happened())
    }

    fn create(&self, words: &Words<'_>, alias: &str, cut: &mut Cut) -> Call {
        let alert = &words.notification.alert;
        let message = words.set(self.message.as_ref()).unwrap_or_else(|| words.title());
        let description = match words.set(self.description.as_ref()) {
            Some(text) => cut.text("description", &text, DESCRIPTION_MAX),
            None => description(words, cut),
        };
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
        put("message", cut.text("message", &message, MESSAGE_MAX).into());
        put("alias", alias.into());
        put("description", description.into());
        put("source", self.source(words, cut).into());
        let entity = words.set(self.entity.as_ref()).unwrap_or_else(|| alert.service.clone());
        put("entity", cut.text("entity", &entity, ENTITY_MAX).into());
        put("priority", self.priority(words).into());
        let lists = [("tags", &self.tags, TAGS_MAX), ("actions", &self.actions, ACTIONS_MAX)];
        for (name, template, max) in lists {
            let text = words.set(template.as_ref()).unwrap_or_default();
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            let items = cut.list(name, items.collect(), max);
            let items: Vec<String> = items.into_iter().map(|item| cut.text(name, item, WORD_MAX)).collect();
            if !items.is_empty() {
                put(name, items.into());
            }
        }
        let responders: Vec<Value> = self.responders.iter().filter_map(|one| one.told(words)).collect();
        let responders = cut.list("responders", responders, RESPONDERS_MAX);
        if !responders.is_empty() {
            put("responders", responders.into());
        }
        if let Some(note) = words.set(self.note.as_ref()) {
            put("note", cut.text("note", &note, NOTE_MAX).into());
        }
        let mut details = words.details();
        let set = self.details.iter().map(|(name, template)| (name.clone(), template.render(words)));
        let ours = details.iter().position(|(name, _)| name.starts_with("label.")).unwrap_or(details.len());
        details.splice(ours..ours, set.filter(|(_, value)| !value.is_empty()));
        put("details", cut.details(details, DETAIL_MAX, DETAILS_MAX, false).into());
        Call { put: false, path: Vec::new(), body: Value::Object(body) }
    }

    fn priority(&self, words: &Words<'_>) -> String {
        let set = words.set(self.priority.as_ref()).map(|text| text.trim().to_ascii_uppercase());
        let known = set.filter(|text| ["P1", "P2", "P3", "P4", "P5"].contains(&&**text));
        known.unwrap_or_else(|| words.notification.alert.priority.as_str().to_owned())
    }

    fn source(&self, words: &Words<'_>, cut: &mut Cut) -> String {
        let source = words.set(self.source.as_ref()).unwrap_or_else(|| "Evenkeel".to_owned());
        cut.text("source", &source, SOURCE_MAX)
    }

    fn remark(&self, words: &Words<'_>, note: &str, cut: &mut Cut) -> Value {
        let source = self.source(words, cut);
        json!({"source": source, "note": cut.text("note", note, NOTE_MAX)})
    }
}

impl Responder {
    fn told(&self, words: &Words<'_>) -> Option<Value> {
        let (name, template) = &self.who;
        let who = template.render(words);
        (!who.trim().is_empty()).then(|| json!({"type": self.kind, *name: who}))
    }
}

/// The text, then the links, which are not what is cut: people need them.
fn description(words: &Words<'_>, cut: &mut Cut) -> String {
    let links = [("Runbook", words.runbook_url().map(str::to_owned)), ("Alert", words.alert_url())];
    let links = links.into_iter().filter_map(|(name, url)| Some(format!("\n{name}: {}", url?)));
    let links: String = links.filter(|link| units(link) <= LINK_MAX).collect();
    let notification = words.notification;
    let more = notification.alert.annotations.get("description").map(|text| format!("\n{text}"));
    let text = format!("{}{}", notification.explain.text, more.unwrap_or_default());
    let text = cut.text("description", &text, DESCRIPTION_MAX - units(&links));
    format!("{text}{links}")
}
