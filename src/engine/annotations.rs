//! What documents tell people beside what is decided by: links to runbooks and dashboards, descriptions. It decides
//! nothing, so it is looked up when a notification leaves, and no state holds it.

use std::collections::BTreeMap;

use super::alerts::AlertRecord;
use super::effect::Notification;
use super::fact::Subject;
use super::plan::Plan;
use crate::model::Labels;

#[derive(Clone, Debug, Default)]
pub struct Annotations {
    slos: BTreeMap<String, OfSlo>,
    rules: BTreeMap<String, Labels>,
}

#[derive(Clone, Debug, Default)]
struct OfSlo {
    own: Labels,
    conditions: Vec<OfCondition>,
}

/// Of an AlertCondition, with what its AlertPolicy says where it says nothing.
#[derive(Clone, Debug)]
pub struct OfCondition {
    /// `1h/5m`
    pub name: String,
    /// The document's, where it has one.
    pub document: Option<String>,
    pub annotations: Labels,
}

impl Annotations {
    pub fn set_slo(&mut self, name: &str, own: Labels, mut conditions: Vec<OfCondition>) {
        conditions.retain(|one| !one.annotations.is_empty());
        if !own.is_empty() || !conditions.is_empty() {
            self.slos.insert(name.to_owned(), OfSlo { own, conditions });
        }
    }

    pub fn set_rule(&mut self, name: &str, annotations: Labels) {
        if !annotations.is_empty() {
            self.rules.insert(name.to_owned(), annotations);
        }
    }

    /// The nearest document's word for each name.
    fn of(&self, subject: &Subject, condition: &str, labels: &Labels) -> Labels {
        match subject {
            Subject::Slo(name) => self.slos.get(name).map_or_else(Labels::new, |slo| {
                let document = labels.get("condition_name");
                let is_it = |one: &&OfCondition| one.name == condition && one.document.as_ref() == document;
                let mut all = slo.own.clone();
                all.extend(
                    slo.conditions.iter().find(is_it).into_iter().flat_map(|one| one.annotations.clone()),
                );
                all
            }),
            Subject::Rule(name) => self.rules.get(name).cloned().unwrap_or_default(),
            Subject::Config(_) | Subject::Runbook(_) => Labels::new(),
        }
    }
}

impl Plan {
    /// With what the documents say of the alert. What we ourselves have to say of this notification stays, but for the
    /// summary.
    pub fn annotate(&self, notification: &mut Notification) {
        let alert = &mut notification.alert;
        for (name, value) in self.annotations.of(&alert.subject, &alert.condition, &alert.labels) {
            match name == "summary" {
                true => drop(alert.annotations.insert(name, value)),
                false => drop(alert.annotations.entry(name).or_insert(value)),
            }
        }
    }

    pub(super) fn annotations_of(&self, record: &AlertRecord) -> Labels {
        self.annotations.of(&record.subject, &record.episode.condition, &record.labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn the_nearest_document_has_the_last_word() {
        let mut all = Annotations::default();
        let fast = OfCondition {
            name: "1h/5m".to_owned(),
            document: Some("fast".to_owned()),
            annotations: labels([("runbook_url", "https://r/fast")]),
        };
        all.set_slo("checkout", labels([("runbook_url", "https://r/slo"), ("owner", "shop")]), vec![fast]);
        let slo = Subject::Slo("checkout".to_owned());
        let named = labels([("condition_name", "fast")]);
        assert_eq!(
            all.of(&slo, "1h/5m", &named),
            labels([("owner", "shop"), ("runbook_url", "https://r/fast")])
        );
        for (condition, labels) in [("6h/30m", &named), ("1h/5m", &Labels::new())] {
            assert_eq!(all.of(&slo, condition, labels)["runbook_url"], "https://r/slo");
        }
        assert!(all.of(&Subject::Rule("checkout".to_owned()), "1h/5m", &named).is_empty());
    }
}
