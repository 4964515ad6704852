//! A service level as definitions of several systems have it in common, to a document of ours.

use super::decimal::{decimal, prometheus_ms};
use super::indicator::{Found, Indicator, Part as Counts};
use super::out::Out;
use super::part::{Part, Unclear};
use crate::model::{Parts, Severity, Tier, parse_parts};
use crate::slo::{Condition, Objective, Setting, duration_text, standard_conditions};

pub struct Draft {
    pub place: String,
    pub name: String,
    pub display_name: Option<String>,
    pub labels: Vec<(String, String)>,
    pub annotations: Vec<(String, String)>,
    pub service: String,
    pub description: Option<String>,
    /// As OpenSLO writes it.
    pub window: String,
    /// In percent, as the definition spells it.
    pub target: String,
    pub found: Result<Found, Vec<Unclear>>,
    /// What else is wrong with the definition.
    pub wrong: Vec<Unclear>,
    pub pages: bool,
    pub tickets: bool,
    pub comments: Vec<String>,
}

#[derive(PartialEq)]
enum Alerts {
    /// The pairs of windows that hold where nothing is said.
    Standard,
    None,
    Own(Vec<Out>),
}

impl Draft {
    pub fn part(self) -> Part {
        let mut refusals = self.wrong.clone();
        let found = self.found.clone().unwrap_or_else(|unclear| {
            refusals.extend(unclear);
            let fill_in = |what: &str| format!("{what} data points");
            let indicator =
                Indicator::Ratio { part: Counts::Bad, counted: fill_in("bad"), total: fill_in("all") };
            Found { indicator, group_by: Vec::new() }
        });
        let alerts = self.alerts();
        let document = Out::map([
            ("apiVersion", Out::text("openslo/v1")),
            ("kind", Out::text("SLO")),
            ("metadata", self.metadata(&found, &alerts)),
            ("spec", self.spec(&found, alerts)),
        ]);
        Part { document, place: self.place, comments: self.comments, refusals }
    }

    /// Of the pairs of windows that are wanted none fits.
    pub fn has_lost_its_alerts(&self) -> bool {
        self.pages != self.tickets && self.alerts() == Alerts::None
    }

    fn metadata(&self, found: &Found, alerts: &Alerts) -> Out {
        let mut metadata = Out::map([("name", Out::text(&*self.name))]);
        if let Some(name) = &self.display_name {
            metadata.set("displayName", Out::text(name));
        }
        let texts = |texts: &[(String, String)]| {
            Out::Map(texts.iter().map(|(name, text)| (name.clone(), Out::text(text))).collect())
        };
        if !self.labels.is_empty() {
            metadata.set("labels", texts(&self.labels));
        }
        let mut annotations = self.annotations.clone();
        if !found.group_by.is_empty() {
            annotations.push(("evenkeel.dev/group-by".to_owned(), found.group_by.join(",")));
        }
        if *alerts == Alerts::None {
            annotations.push(("evenkeel.dev/alert-preset".to_owned(), "none".to_owned()));
        }
        if !annotations.is_empty() {
            metadata.set("annotations", texts(&annotations));
        }
        metadata
    }

    fn spec(&self, found: &Found, alerts: Alerts) -> Out {
        let mut spec = Out::map([("service", Out::text(&*self.service))]);
        if let Some(description) = self.description.as_ref().filter(|text| !text.is_empty()) {
            spec.set("description", Out::text(description));
        }
        let metadata = Out::map([("name", Out::text(&*self.name))]).flow();
        spec.set("indicator", Out::map([("metadata", metadata), ("spec", indicator_spec(&found.indicator))]));
        let window = Out::map([("duration", Out::text(&*self.window)), ("isRolling", Out::bare("true"))]);
        spec.set("timeWindow", Out::List(vec![window]).flow());
        spec.set("budgetingMethod", Out::text("Occurrences"));
        let mut objective = Out::map([]);
        if let Some((op, limit)) = limit(&found.indicator) {
            objective.set("op", Out::text(op));
            objective.set("value", Out::bare(limit));
        }
        // What is no number is a text, and the reader of our documents says what it thinks of it.
        let target = decimal(&self.target).map_or_else(|| Out::text(&*self.target), Out::bare);
        objective.set("targetPercent", target);
        spec.set("objectives", Out::List(vec![objective]).flow());
        if let Alerts::Own(policies) = alerts {
            spec.set("alertPolicies", Out::List(policies));
        }
        spec
    }

    fn alerts(&self) -> Alerts {
        match (self.pages, self.tickets) {
            (true, true) => Alerts::Standard,
            (false, false) => Alerts::None,
            // No policy at all would stand for the standard pairs.
            _ => self.one_sided().filter(|own| !own.is_empty()).map_or(Alerts::None, Alerts::Own),
        }
    }

    /// The standard pairs of windows that page, or those that open a ticket, written out.
    fn one_sided(&self) -> Option<Vec<Out>> {
        let wanted = if self.pages { Severity::Page } else { Severity::Ticket };
        let Parts(target) = parse_parts(&decimal(&self.target)?).ok()?;
        let objective = Objective::new(Parts(target / 100)).ok()?;
        let window_s = prometheus_ms(&self.window)? / 1_000;
        let setting = Setting { window_s, objective, tier: Tier::Two, min_bad: None, slice_s: None };
        let conditions = standard_conditions(setting).0;
        let written = conditions.iter().filter(|one| one.severity == wanted).filter_map(policy);
        Some(written.collect())
    }
}

fn policy(condition: &Condition) -> Option<Out> {
    let (factor, short_s) = (condition.factor()?, condition.short_s?);
    let severity = condition.severity.to_string();
    let (long, short) = (duration_text(condition.long_s), duration_text(short_s));
    let name = format!("{severity}-{long}-{short}");
    let annotations = Out::map([("evenkeel.dev/short-window", Out::text(short))]);
    let metadata = Out::map([("name", Out::text(&*name)), ("annotations", annotations)]).flow();
    let burn = Out::map([
        ("kind", Out::text("burnrate")),
        ("op", Out::text("gt")),
        ("threshold", Out::bare(factor.display())),
        ("lookbackWindow", Out::text(long)),
        ("alertAfter", Out::text("0m")),
    ]);
    let spec = Out::map([("severity", Out::text(severity)), ("condition", burn)]).flow();
    let condition = Out::map([("kind", Out::text("AlertCondition")), ("metadata", metadata), ("spec", spec)]);
    Some(Out::map([
        ("kind", Out::text("AlertPolicy")),
        ("metadata", Out::map([("name", Out::text(name))]).flow()),
        ("spec", Out::map([("conditions", Out::List(vec![condition]))])),
    ]))
}

/// The `spec` of an indicator.
pub fn indicator_spec(indicator: &Indicator) -> Out {
    let source = |metrics: &str| {
        let spec = Out::map([("metrics", Out::text(metrics))]);
        Out::map([("metricSource", Out::map([("type", Out::text("evenkeel")), ("spec", spec)]))])
    };
    match indicator {
        Indicator::Ratio { part, counted, total } => {
            let part = if *part == Counts::Good { "good" } else { "bad" };
            let counter = ("counter", Out::bare("true"));
            Out::map([(
                "ratioMetric",
                Out::map([counter, (part, source(counted)), ("total", source(total))]),
            )])
        }
        Indicator::Both { good, bad } => {
            let counter = ("counter", Out::bare("true"));
            Out::map([("ratioMetric", Out::map([counter, ("good", source(good)), ("bad", source(bad))]))])
        }
        Indicator::Threshold { metrics, .. } => Out::map([("thresholdMetric", source(metrics))]),
        Indicator::Raw { metrics, success } => {
            let word = if *success { "success" } else { "failure" };
            Out::map([("ratioMetric", Out::map([("raw", source(metrics)), ("rawType", Out::text(word))]))])
        }
    }
}

/// What an indicator asks of its objectives: `op` and `value`.
pub fn limit(indicator: &Indicator) -> Option<(&'static str, &str)> {
    match indicator {
        Indicator::Threshold { op, limit, .. } => Some((op, limit)),
        _ => None,
    }
}
