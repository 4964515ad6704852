//! Why an event is what it is, and what each rule is good for.

use serde::Serialize;

use super::fact::Subject;
use super::record::EventRecord;
use super::view::{RuleCount, RuleCounts};
use super::{Engine, rfc3339};
use crate::classify::Decider;
use crate::model::Category;

/// `GET /api/v1/events/SEQUENCE`
#[derive(Clone, Debug, Serialize)]
pub struct EventView {
    /// What became of it, in order, in words.
    pub explain: Vec<String>,
    pub event: EventRecord,
}

/// One element of `GET /api/v1/rules`
#[derive(Clone, Debug, Serialize)]
pub struct RuleView {
    pub name: String,
    /// `filter`, `classify` or `default`
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<String>,
    /// Events that it dropped or classified.
    pub hits: u64,
    /// Of which have no record of their own, because like ones came before or their span has one.
    pub merged: u64,
    /// Alerts that its own `alert` has opened.
    pub alerts: u64,
    /// Of which somebody was paged for.
    pub pages: u64,
    /// Comparisons of two types that can not be compared.
    pub mismatches: u64,
}

impl Engine {
    /// `None` where no such event is kept any more.
    pub fn event(&self, sequence: u64) -> Option<EventView> {
        let event = self.events.get(sequence)?.clone();
        Some(EventView { explain: self.words_about(&event), event })
    }

    fn words_about(&self, event: &EventRecord) -> Vec<String> {
        let mut words = vec![
            format!("received: a {} of {} at {}", event.kind, event.service, rfc3339(event.time.0)),
            match self.plan.rules.filter.len() {
                0 => "kept: there is no filter rule".to_owned(),
                rules => format!("kept: none of the {rules} filter rules dropped it"),
            },
            self.class_of(event),
        ];
        if event.count > 1 {
            words.push(format!(
                "merged: {} like events from {} to {}; each is counted",
                event.count,
                rfc3339(event.first_seen.0),
                rfc3339(event.last_seen.0)
            ));
        }
        if event.logs > 0 {
            words.push(format!("correlated: {} log records of its trace are in this record", event.logs));
        }
        for (slo, good) in &event.counted {
            words.push(format!("counted: {} in {slo}", if *good { "good" } else { "bad" }));
        }
        if event.counted.is_empty() {
            words.push("counted: by no service level".to_owned());
        }
        let of_rule = |subject: &Subject| *subject == Subject::Rule(event.decided_by.clone());
        let alerts = self.alerts.records.iter().filter(|record| of_rule(&record.subject));
        words.extend(alerts.rev().take(3).map(|alert| {
            let state = if alert.episode.is_open() { "open" } else { "closed" };
            format!("alert: {} of its rule is {state}", alert.id)
        }));
        words
    }

    fn class_of(&self, event: &EventRecord) -> String {
        let rule = self.plan.rules.classify.iter().find(|rule| rule.name == event.decided_by);
        match rule {
            Some(rule) => {
                format!("classified: {} by rule {} ({})", event.category, rule.name, rule.declared_at)
            }
            None => format!("classified: {} by {}", event.category, event.decided_by),
        }
    }

    pub(super) fn rules(&self) -> RuleCounts {
        let (plan, books, all_merged) = (&self.plan, &self.books, self.events.merged());
        let count = |name: &str, hits, mismatches, merged| RuleCount {
            name: name.to_owned(),
            hits,
            mismatches,
            merged,
            alerts: 0,
        };
        let merged = |decider: Decider| all_merged.get(&decider).copied().unwrap_or(0);
        let (of_filter, of_classify) = books.mismatches.split_at(plan.rules.filter.len());
        let filter = plan.rules.filter.iter().zip(&books.filtered).zip(of_filter);
        let filter = filter.map(|((rule, hits), mismatches)| count(&rule.name, *hits, *mismatches, 0));
        let classify = (0..=u16::MAX).zip(&plan.rules.classify).zip(of_classify);
        let classify = classify.map(|((index, rule), mismatches)| {
            let decider = Decider::Rule(index);
            let hits = books.decided.get(&decider).copied().unwrap_or(0);
            count(&rule.name, hits, *mismatches, merged(decider))
        });
        let mut classify: Vec<RuleCount> = classify.collect();
        for (index, watch) in plan.watches.iter().enumerate() {
            classify[usize::from(watch.rule)].alerts = self.watches.opened(index);
        }
        let defaults = books.decided.iter().filter_map(|(decider, hits)| {
            decider.default_name().map(|name| count(name, *hits, 0, merged(*decider)))
        });
        classify.extend(defaults);
        RuleCounts { filter: filter.collect(), classify }
    }

    /// In the order of the configuration, the defaults last.
    pub fn rule_views(&self) -> Vec<RuleView> {
        let counts = self.rules();
        let rules = &self.plan.rules;
        let filter = rules.filter.iter().zip(&counts.filter).map(|(rule, count)| RuleView {
            name: rule.name.clone(),
            kind: "filter",
            category: None,
            declared_at: Some(rule.declared_at.clone()),
            hits: count.hits,
            merged: 0,
            alerts: 0,
            pages: 0,
            mismatches: count.mismatches,
        });
        let classify = counts.classify.iter().enumerate().map(|(index, count)| {
            let rule = rules.classify.get(index);
            let watch = self.plan.watches.iter().position(|watch| usize::from(watch.rule) == index);
            RuleView {
                name: count.name.clone(),
                kind: if rule.is_some() { "classify" } else { "default" },
                category: rule
                    .map(|rule| rule.category)
                    .or(default_category(&count.name))
                    .map(Category::as_str),
                declared_at: rule.map(|rule| rule.declared_at.clone()),
                hits: count.hits,
                merged: count.merged,
                alerts: count.alerts,
                pages: watch.map_or(0, |index| self.watches.paged(index)),
                mismatches: count.mismatches,
            }
        });
        filter.chain(classify).collect()
    }
}

fn default_category(name: &str) -> Option<Category> {
    Decider::DEFAULTS.iter().find(|one| one.default_name() == Some(name)).map(|one| one.default_category())
}
