//! Bodies for an incoming webhook of Slack, and for what speaks its form. Pure: a notification in, bytes out.
//!
//! Limits are those of Slack's reference of blocks: 3,000 characters in a section's text, 10 fields of 2,000, and
//! 4,000 as the recommended length of a message's text. The message has far fewer than 50 blocks.

use serde_json::{Map, Value, json};

use super::cut::Cut;
use super::template::Template;
use super::words::{Words, is_web};
use crate::engine::Transition;
use crate::model::Severity;

const TEXT_MAX: usize = 3000;
const FIELD_MAX: usize = 2000;
const MESSAGE_MAX: usize = 4000;
/// Five times as long when escaped; a title and its link fit into one section.
const TITLE_MAX: usize = 400;
const LINK_MAX: usize = 900;
const NAME_MAX: usize = 80;

/// An integration of Slack; what is not set is Evenkeel's own.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Slack {
    pub channel: Option<Template>,
    pub username: Option<Template>,
    pub icon_emoji: Option<Template>,
    pub icon_url: Option<Template>,
    pub color: Option<Template>,
    pub title: Option<Template>,
    pub title_link: Option<Template>,
    pub pretext: Option<Template>,
    pub text: Option<Template>,
    pub footer: Option<Template>,
}

impl Slack {
    /// The body, and whether anything was cut.
    pub(super) fn message(&self, words: &Words<'_>) -> (Vec<u8>, bool) {
        let mut cut = Cut::default();
        let mut message = Map::new();
        let names = [
            ("channel", &self.channel),
            ("username", &self.username),
            ("icon_emoji", &self.icon_emoji),
            ("icon_url", &self.icon_url),
        ];
        for (name, template) in names {
            let value = words.set(template.as_ref());
            message
                .extend(value.map(|value| (name.to_owned(), json!(cut.text(name, &value, 2 * FIELD_MAX)))));
        }
        let title = words.set(self.title.as_ref()).unwrap_or_else(|| headline(words));
        let title = cut.text("title", &title, TITLE_MAX);
        let pretext = words.set(self.pretext.as_ref()).unwrap_or_else(|| escaped(&title));
        message.insert("text".to_owned(), json!(cut.text("pretext", &pretext, MESSAGE_MAX)));
        let blocks = self.blocks(words, &title, &mut cut);
        let color = words.set(self.color.as_ref()).unwrap_or_else(|| color(words).to_owned());
        let color = cut.text("color", &color, NAME_MAX);
        message.insert("attachments".to_owned(), json!([{"color": color, "blocks": blocks}]));
        (Value::Object(message).to_string().into_bytes(), cut.happened())
    }

    fn blocks(&self, words: &Words<'_>, title: &str, cut: &mut Cut) -> Vec<Value> {
        let link =
            words.set(self.title_link.as_ref()).or_else(|| words.alert_url()).filter(|url| is_web(url));
        let title = match link.filter(|link| link.len() <= LINK_MAX) {
            Some(link) => format!("*{}*", linked(&link, title)),
            None => format!("*{}*", escaped(title)),
        };
        let text = words.set(self.text.as_ref()).unwrap_or_else(|| escaped(&words.notification.explain.text));
        let text = cut.text("text", &text, TEXT_MAX);
        let mut blocks = vec![section(&title)];
        blocks.extend((!text.trim().is_empty()).then(|| section(&text)));
        let alert = &words.notification.alert;
        let fields = [
            ("Service", &*alert.service),
            ("Priority", alert.priority.as_str()),
            ("Severity", alert.severity.as_str()),
            ("Condition", &*alert.condition),
            (
                "Budget left",
                words.notification.explain.burns.as_ref().map_or("", |one| &one.budget_remaining),
            ),
        ];
        let fields = fields.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| {
            let text = format!("*{name}*\n{}", escaped(&cut.text(name, value, FIELD_MAX / 8)));
            json!({"type": "mrkdwn", "text": text})
        });
        let fields: Vec<Value> = fields.collect();
        blocks.push(json!({"type": "section", "fields": fields}));
        let mut context: Vec<String> = Vec::new();
        context.extend(
            words.runbook_url().filter(|url| url.len() < FIELD_MAX).map(|url| linked(url, "Runbook")),
        );
        context.extend(words.alert_url().map(|url| linked(&url, "Alert")));
        context.extend(words.set(self.footer.as_ref()).map(|text| cut.text("footer", &text, FIELD_MAX)));
        context.extend(cut.told().map(|names| format!("truncated: {}", names.join(", "))));
        if !context.is_empty() {
            let elements: Vec<Value> =
                context.into_iter().map(|text| json!({"type": "mrkdwn", "text": text})).collect();
            blocks.push(json!({"type": "context", "elements": elements}));
        }
        blocks
    }
}

fn headline(words: &Words<'_>) -> String {
    match words.notification.transition {
        Transition::Trigger => words.title(),
        Transition::Escalate | Transition::Acknowledge | Transition::Resolve => {
            let state = words.state();
            let state = state[..1].to_uppercase() + &state[1..];
            format!("{state}: {}", words.title())
        }
    }
}

/// Words that Slack knows, and two colours for which it has none.
fn color(words: &Words<'_>) -> &'static str {
    match (words.notification.transition, words.notification.alert.severity) {
        (Transition::Resolve, _) => "good",
        (Transition::Acknowledge, _) => "#4477aa",
        (_, Severity::Page) => "danger",
        (_, Severity::Ticket) => "warning",
        (_, Severity::Log) => "#888888",
    }
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

/// Slack's own three characters, so that nothing of a telemetry's text can mention or link.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn linked(url: &str, text: &str) -> String {
    let url = url.replace('|', "%7C").replace('>', "%3E").replace('<', "%3C");
    format!("<{url}|{}>", escaped(text).replace('|', "¦"))
}
