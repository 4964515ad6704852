//! The part of Alertmanager's templates that is looked up and not computed: fields of the group, as
//! `{{ .CommonLabels.severity }}`, and of its alerts, of which there is one. A template that asks for more is refused, so
//! nobody gets half of it.

use super::words::Words;
use crate::engine::Transition;

/// A text with fields to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Plain(String),
    Field(Field, Letters),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Status,
    Receiver,
    ExternalUrl,
    Label(String),
    Annotation(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letters {
    AsTheyAre,
    Upper,
    Lower,
}

/// What is understood, for messages.
pub const TEMPLATE_FIELDS: &str = "{{ .Status }}, {{ .Receiver }}, {{ .ExternalURL }}, {{ .CommonLabels.NAME }}, \
     {{ .GroupLabels.NAME }} and {{ .CommonAnnotations.NAME }} are understood, with toUpper and toLower, and \
     {{ range .Alerts }} with {{ .Labels.NAME }} and {{ .Annotations.NAME }} to its {{ end }}";

impl Template {
    /// `None` where the text asks for what is not understood.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let (mut rest, mut in_alert) = (text, false);
        while let Some((before, after)) = rest.split_once("{{") {
            let (inner, after) = after.split_once("}}")?;
            let (before, inner) = match inner.strip_prefix("- ") {
                Some(inner) => (before.trim_end(), inner),
                None => (before, inner),
            };
            let (inner, after) = match inner.strip_suffix(" -") {
                Some(inner) => (inner, after.trim_start()),
                None => (inner, after),
            };
            parts.extend((!before.is_empty()).then(|| Part::Plain(before.to_owned())));
            match inner.trim() {
                "range .Alerts" if !in_alert => in_alert = true,
                "end" if in_alert => in_alert = false,
                inner => parts.push(field(inner, in_alert)?),
            }
            rest = after;
        }
        if in_alert {
            return None;
        }
        parts.extend((!rest.is_empty()).then(|| Part::Plain(rest.to_owned())));
        Some(Self(parts))
    }

    pub(super) fn render(&self, words: &Words<'_>) -> String {
        self.0.iter().map(|part| part.render(words)).collect()
    }
}

impl Part {
    fn render(&self, words: &Words<'_>) -> String {
        let (field, letters) = match self {
            Self::Plain(text) => return text.clone(),
            Self::Field(field, letters) => (field, letters),
        };
        let alert = &words.notification.alert;
        let text = match field {
            Field::Status if words.notification.transition == Transition::Resolve => "resolved",
            Field::Status => "firing",
            Field::Receiver => &words.notification.receiver,
            Field::ExternalUrl => words.external_url,
            Field::Label(name) => alert.labels.get(name).map_or("", String::as_str),
            Field::Annotation(name) => alert.annotations.get(name).map_or("", String::as_str),
        };
        match letters {
            Letters::AsTheyAre => text.to_owned(),
            Letters::Upper => text.to_uppercase(),
            Letters::Lower => text.to_lowercase(),
        }
    }
}

fn field(inner: &str, in_alert: bool) -> Option<Part> {
    let (path, letters) = match inner.split_once('|') {
        None => (inner, Letters::AsTheyAre),
        Some((path, function)) => match function.trim() {
            "toUpper" => (path, Letters::Upper),
            "toLower" => (path, Letters::Lower),
            _ => return None,
        },
    };
    let path = path.trim();
    if let Some(rest) = path.strip_prefix("index ") {
        let (of, name) = rest.trim().split_once(' ')?;
        let name = name.trim().strip_prefix('"')?.strip_suffix('"')?;
        return (!name.contains(['"', '\\']))
            .then_some(())
            .and_then(|()| Some(Part::Field(named(of, name, in_alert)?, letters)));
    }
    let field = match path {
        ".Status" => Field::Status,
        ".Receiver" if !in_alert => Field::Receiver,
        ".ExternalURL" if !in_alert => Field::ExternalUrl,
        _ => {
            let (of, name) = path.rsplit_once('.')?;
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            named(of, name, in_alert).filter(|_| !name.is_empty() && name.chars().all(word))?
        }
    };
    Some(Part::Field(field, letters))
}

/// A group has one alert, so what is common to it is what the alert has.
fn named(of: &str, name: &str, in_alert: bool) -> Option<Field> {
    match (of, in_alert) {
        (".CommonLabels" | ".GroupLabels", false) | (".Labels", true) => Some(Field::Label(name.to_owned())),
        (".CommonAnnotations", false) | (".Annotations", true) => Some(Field::Annotation(name.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::notification;
    use super::*;

    fn rendered(text: &str) -> Option<String> {
        let notification = notification("K", 1, Transition::Trigger);
        let words = Words { notification: &notification, external_url: "http://evenkeel:8080" };
        Template::parse(text).map(|template| template.render(&words))
    }

    #[test]
    fn fields_are_filled_in_and_absent_ones_are_empty() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("{{ .Status | toUpper }}!", "FIRING!"),
            ("{{.CommonLabels.severity}}", "page"),
            ("a {{- .GroupLabels.slo -}} b", "acheckout-availabilityb"),
            ("{{ index .CommonAnnotations \"runbook_url\" }}", "https://runbooks/checkout"),
            ("<{{ .CommonLabels.absent }}>", "<>"),
            (
                "{{ range .Alerts -}} {{ .Labels.slo }} {{ .Status }}\n{{ end }}!",
                "checkout-availability firing\n!",
            ),
            ("{{ .Receiver }} {{ .ExternalURL }}", "oncall http://evenkeel:8080"),
        ] {
            assert_eq!(rendered(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_template_that_asks_for_more_is_refused_as_a_whole() {
        for text in [
            "{{ template \"slack.default.title\" . }}",
            "{{ if eq .Status \"firing\" }}x{{ end }}",
            "{{ range .Alerts }}{{ .Annotations.summary }}",
            "{{ range .Alerts }}{{ .CommonLabels.slo }}{{ end }}",
            "{{ range .Alerts.Firing }}{{ .Annotations.summary }}{{ end }}",
            "{{ .Labels.slo }}",
            "{{ .CommonLabels.SortedPairs.Values | join \" \" }}",
            "{{ .CommonLabels }}",
            "{{ .Status",
            "{{ }}",
        ] {
            assert_eq!(rendered(text), None, "{text}");
        }
    }
}
