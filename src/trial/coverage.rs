//! What of a configuration its tests have seen at work, and what none has.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use crate::alert::route::Route;
use crate::engine::view::Counts;
use crate::engine::{EpisodeChange, Fact, Plan, Subject, What};
use crate::model::Labels;

/// Things of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `filter rules`
    pub what: &'static str,
    pub seen: Vec<String>,
    pub unseen: Vec<String>,
}

/// What was seen, by kind and place.
pub struct Coverage {
    plan: Arc<Plan>,
    receivers: Vec<String>,
    seen: BTreeSet<(Kind, usize)>,
    /// Service level, objective and condition, by place.
    fired: BTreeSet<(usize, usize, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Filter,
    Classify,
    RuleAlert,
    Slo,
    Route,
    Receiver,
}

impl Coverage {
    pub fn new(plan: Arc<Plan>, receivers: Vec<String>) -> Self {
        Self { plan, receivers, seen: BTreeSet::new(), fired: BTreeSet::new() }
    }

    pub(super) fn observe(&mut self, facts: &[Fact], counts: &Counts) {
        for (kind, rules) in [(Kind::Filter, &counts.rules.filter), (Kind::Classify, &counts.rules.classify)]
        {
            let hit = rules.iter().enumerate().filter(|(_, rule)| rule.hits > 0);
            self.seen.extend(hit.map(|(place, _)| (kind, place)));
        }
        for fact in facts {
            match &fact.what {
                What::AlertFired(change) => {
                    let slo = self.slo_of(&fact.subject);
                    self.fired.extend(slo.map(|slo| (slo, change.judge, change.index)));
                }
                What::EpisodeOpened(change) => {
                    self.open(&fact.subject);
                    self.route(change);
                }
                What::EpisodeEscalated(change) => self.route(change),
                _ => {}
            }
        }
    }

    fn slo_of(&self, subject: &Subject) -> Option<usize> {
        let Subject::Slo(name) = subject else { return None };
        self.plan.slos.iter().position(|one| one.slo.name == *name)
    }

    fn open(&mut self, subject: &Subject) {
        self.seen.extend(self.slo_of(subject).map(|place| (Kind::Slo, place)));
        if let Subject::Rule(name) = subject {
            let place = self.plan.watches.iter().position(|one| one.name == *name);
            self.seen.extend(place.map(|place| (Kind::RuleAlert, place)));
        }
    }

    fn route(&mut self, change: &EpisodeChange) {
        let plan = Arc::clone(&self.plan);
        let known = self.receivers.iter().enumerate().filter(|(_, name)| change.receivers.contains(name));
        self.seen.extend(known.map(|(place, _)| (Kind::Receiver, place)));
        let Some(root) = &plan.route else { return };
        let routes = all_routes(root);
        for labels in asked(&change.labels) {
            for taker in root.takers(&labels) {
                let place = routes.iter().position(|(route, _)| std::ptr::eq(*route, taker));
                self.seen.extend(place.map(|place| (Kind::Route, place)));
            }
        }
    }

    /// Every kind that the configuration has something of.
    pub fn parts(&self) -> Vec<Part> {
        let plan = &self.plan;
        let part = |what, kind, names: Vec<String>| {
            let (seen, unseen) = apart(names, |place| self.seen.contains(&(kind, place)));
            Part { what, seen, unseen }
        };
        let slos = plan.slos.iter().enumerate();
        let conditions: Vec<(String, bool)> = slos.flat_map(|(slo, one)| self.conditions(slo, one)).collect();
        let (fired, calm): (Vec<_>, Vec<_>) = conditions.into_iter().partition(|(_, fired)| *fired);
        let names = |of: Vec<(String, bool)>| of.into_iter().map(|(name, _)| name).collect();
        let routes = plan.route.iter().flat_map(all_routes).map(|(_, name)| name).collect();
        let mut parts = vec![
            part(
                "filter rules",
                Kind::Filter,
                plan.rules.filter.iter().map(|one| one.name.clone()).collect(),
            ),
            part(
                "classification rules",
                Kind::Classify,
                plan.rules.classify.iter().map(|one| one.name.clone()).collect(),
            ),
            part(
                "alerts of rules",
                Kind::RuleAlert,
                plan.watches.iter().map(|one| one.name.clone()).collect(),
            ),
            part("service levels", Kind::Slo, plan.slos.iter().map(|one| one.slo.name.clone()).collect()),
            Part { what: "conditions", seen: names(fired), unseen: names(calm) },
            part("routes", Kind::Route, routes),
            part("receivers", Kind::Receiver, self.receivers.clone()),
        ];
        parts.retain(|part| part.seen.len() + part.unseen.len() > 0);
        parts
    }

    fn conditions(&self, place: usize, one: &crate::engine::SloPlan) -> Vec<(String, bool)> {
        let (slo, mut last, mut index) = (&one.slo, usize::MAX, 0);
        let several = slo.goals.len() > 1;
        let mut all = Vec::new();
        for (judge, condition) in slo.conditions() {
            index = if judge == last { index + 1 } else { 0 };
            last = judge;
            let objective = if several { format!(" {}", slo.judge_name(judge)) } else { String::new() };
            let name = format!("{}{objective} {}", slo.name, condition.name);
            all.push((name, self.fired.contains(&(place, judge, index))));
        }
        all
    }
}

/// The labels by which an alert was routed: once for each of several notification targets.
fn asked(labels: &Labels) -> Vec<Labels> {
    const TARGET: &str = "notification_target";
    let targets = labels.get(TARGET).map(String::as_str).unwrap_or_default();
    let each = targets.split(',').map(|target| {
        let mut labels = labels.clone();
        if !target.is_empty() {
            labels.insert(TARGET.to_owned(), target.to_owned());
        }
        labels
    });
    each.collect()
}

/// Each route with what it takes and whom it tells, those below a route after it.
fn all_routes(root: &Route) -> Vec<(&Route, String)> {
    let mut all = vec![(root, format!("all else to {}", root.receiver))];
    let mut below: Vec<&Route> = root.routes.iter().rev().collect();
    while let Some(route) = below.pop() {
        let takes: Vec<String> = route.matchers.iter().map(|one| one.matcher().to_string()).collect();
        let takes = if takes.is_empty() { "everything".to_owned() } else { takes.join(",") };
        all.push((route, format!("{takes} to {}", route.receiver)));
        below.extend(route.routes.iter().rev());
    }
    all
}

fn apart(names: Vec<String>, is_seen: impl Fn(usize) -> bool) -> (Vec<String>, Vec<String>) {
    let (mut seen, mut unseen) = (Vec::new(), Vec::new());
    for (place, name) in names.into_iter().enumerate() {
        if is_seen(place) { seen.push(name) } else { unseen.push(name) }
    }
    (seen, unseen)
}
