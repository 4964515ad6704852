//! What every service is told in its own form: a title, details, links. Pure.

use super::template::Template;
use crate::engine::{Notification, Subject, Transition};
use crate::model::rfc3339;

/// One notification, and where its links lead.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub notification: &'a Notification,
    pub external_url: &'a str,
}

impl<'a> Words<'a> {
    /// `[P1] checkout-availability: 5.0 % of checkout requests fail`
    pub fn title(&self) -> String {
        let priority = self.notification.alert.priority.as_str();
        format!("[{priority}] {}: {}", self.subject(), self.summary())
    }

    /// The service level or rule that the alert is about.
    pub fn subject(&self) -> &'a str {
        match &self.notification.alert.subject {
            Subject::Slo(name) | Subject::Rule(name) | Subject::Config(name) | Subject::Runbook(name) => name,
        }
    }

    /// What the document says of the alert; why it fires where it says nothing.
    pub fn summary(&self) -> &'a str {
        let written = self.notification.alert.annotations.get("summary").filter(|text| !text.is_empty());
        written.unwrap_or(&self.notification.explain.text)
    }

    /// What the configuration sets, unless nothing is left of it.
    pub fn set(&self, template: Option<&Template>) -> Option<String> {
        template.map(|template| template.render(self)).filter(|text| !text.trim().is_empty())
    }

    pub fn alert_url(&self) -> Option<String> {
        alert_url(self.notification, self.external_url)
    }

    pub fn runbook_url(&self) -> Option<&'a str> {
        let annotations = &self.notification.alert.annotations;
        let found = ["runbook_url", "runbook"].into_iter().find_map(|name| annotations.get(name));
        found.map(String::as_str).filter(|url| is_web(url))
    }

    pub fn state(&self) -> &'static str {
        match self.notification.transition {
            Transition::Trigger => "firing",
            Transition::Escalate => "escalated",
            Transition::Acknowledge => "acknowledged",
            Transition::Resolve => "resolved",
        }
    }

    /// Names and values, those that must not be lost first.
    pub fn details(&self) -> Vec<(String, String)> {
        let Notification { alert, explain, .. } = self.notification;
        let mut details = vec![
            ("explain", explain.text.clone()),
            ("service", alert.service.clone()),
            ("priority", alert.priority.as_str().to_owned()),
            ("severity", alert.severity.as_str().to_owned()),
            ("condition", alert.condition.clone()),
            ("category", alert.category.as_str().to_owned()),
            ("crossed_at", rfc3339(self.notification.crossed_at.0)),
        ];
        if let Some(burns) = &explain.burns {
            details.push(("burn_long", burns.long.clone()));
            details.push(("burn_short", burns.short.clone()));
            details.push(("budget_remaining", burns.budget_remaining.clone()));
        }
        details.extend(self.alert_url().map(|url| ("alert_url", url)));
        details.extend(self.runbook_url().map(|url| ("runbook_url", url.to_owned())));
        let mut details: Vec<(String, String)> =
            details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut more = |prefix: &str, (name, value): (&String, &String)| {
            details.push((format!("{prefix}.{name}"), value.clone()));
        };
        alert.labels.iter().for_each(|pair| more("label", pair));
        alert.annotations.iter().for_each(|pair| more("annotation", pair));
        details.retain(|(_, value)| !value.is_empty());
        details
    }
}

/// Where every service's link to the alert leads. Only of an alert that the API knows.
pub(super) fn alert_url(notification: &Notification, external_url: &str) -> Option<String> {
    let id = &notification.alert.id;
    let base = external_url.trim_end_matches('/');
    (!id.is_empty() && !base.is_empty()).then(|| format!("{base}/api/v1/alerts/{id}"))
}

/// What a person can click on.
pub(super) fn is_web(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://")) && !url.contains(char::is_whitespace)
}
