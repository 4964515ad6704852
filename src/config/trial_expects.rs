//! `expect` of a Test document: each expectation with its time, and names that the configuration knows.

use super::Reading;
use super::node::{Node, Place, Value};
use super::reader::{self, Fields};
use super::trial_checks;
use super::trial_events::{group, group_of, slo, unknown};
use super::trials::{Known, moment};
use crate::engine::{SloPlan, Watch};
use crate::model::{Category, EventTime, Labels, Priority};
use crate::trial::{Act, Amount, Expect, Level, Moment, Telling, Wanted, When, defaults};

const EXPECT: &[&str] = &[
    "at",
    "until",
    "between",
    "alerts",
    "page",
    "ticket",
    "log",
    "escalate",
    "resolve",
    "to",
    "priority",
    "condition",
    "group",
    "times",
    "slo",
    "objective",
    "state",
    "budget_remaining",
    "sli",
    "good",
    "bad",
    "total",
    "rule",
    "hits",
    "event",
    "never",
    "gate",
    "incident",
    "change",
    "runbook",
    "silence",
];
/// What a later version tests.
const LATER: &[&str] = &["gate", "incident", "change", "runbook", "silence"];
const ACTS: [(&str, Act); 5] = [
    ("page", Act::Page),
    ("ticket", Act::Ticket),
    ("log", Act::Log),
    ("escalate", Act::Escalate),
    ("resolve", Act::Resolve),
];
/// What an expectation can be about, with the fields that go with it.
const SUBJECTS: [(&str, &[&str], &[&str]); 10] = [
    ("alerts", &["until", "between"], &[]),
    ("page", TIMES, OF_TELLING),
    ("ticket", TIMES, OF_TELLING),
    ("log", TIMES, OF_TELLING),
    ("escalate", TIMES, OF_TELLING),
    ("resolve", TIMES, OF_TELLING),
    ("slo", MOMENTS, &["objective", "group", "state", "budget_remaining", "sli", "good", "bad", "total"]),
    ("rule", MOMENTS, &["hits"]),
    ("event", MOMENTS, &[]),
    ("never", &[], &[]),
];
const TIMES: &[&str] = &["at", "until", "between"];
const MOMENTS: &[&str] = &["at", "until"];
const OF_TELLING: &[&str] = &["to", "priority", "condition", "group", "times"];
const AMOUNTS: [&str; 5] = ["budget_remaining", "sli", "good", "bad", "total"];
const EXPECTS_MAX: usize = 1_000;
const TIMES_MAX: u32 = 100_000;

/// What times are held against.
pub(super) struct Timeline {
    pub start: EventTime,
    /// `None` where a recording tells it.
    pub length_s: Option<u64>,
}

/// An expectation with the place at which it stands.
pub(super) struct Placed {
    pub at: Place,
    pub expect: Expect,
}

/// What could be read of them; mistakes are told.
pub(super) fn read(
    ctx: &mut Reading<'_>,
    nodes: &[Node],
    known: Known<'_>,
    timeline: &Timeline,
) -> Vec<Expect> {
    if let Some(node) = nodes.get(EXPECTS_MAX) {
        ctx.report.error("E0608", node.at, format!("a test has at most {EXPECTS_MAX} expectations"));
    }
    let mut last = Moment::Offset(0);
    let mut all = Vec::new();
    for node in nodes.iter().take(EXPECTS_MAX) {
        let Some(fields) = Fields::new(&mut ctx.report, node, "an expectation", EXPECT) else { continue };
        let subject = subject(ctx, fields);
        let when = subject.and_then(|subject| when(ctx, fields, subject, last));
        // A look at one moment says nothing of the time before it.
        let is_stretch = fields.get("at").is_none();
        if let Some(end) = when.and_then(When::end).filter(|_| is_stretch) {
            last = end;
        }
        let wanted = subject.and_then(|subject| wanted(ctx, fields, subject, known));
        if let (Some(when), Some(wanted)) = (when, wanted) {
            let declared_at = ctx.report.locate(node.at);
            all.push(Placed { at: node.at, expect: Expect { declared_at, when, wanted } });
        }
    }
    trial_checks::check(ctx, &all, timeline);
    all.into_iter().map(|one| one.expect).collect()
}

/// The one thing that the expectation is about. What does not go with it is told.
fn subject(ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<&'static str> {
    let report = &mut ctx.report;
    let later = LATER.iter().find(|key| fields.key(key).is_some());
    if let Some(key) = later {
        let message = format!("`{key}` can not be tested yet: this version knows nothing of it");
        let hint = "leave it out; alerts, budgets, rules and events can be tested";
        report.error_with("E0602", fields.place_of(key), message, hint);
        return None;
    }
    let mut given = SUBJECTS.iter().filter(|(key, ..)| fields.get(key).is_some());
    let Some((subject, times, others)) = given.next() else {
        let known: Vec<&str> = SUBJECTS.iter().map(|(key, ..)| *key).collect();
        let hint = format!("one of {}", known.join(", "));
        report.error_with("E0606", fields.at, "this expects nothing", hint);
        return None;
    };
    if let Some((second, ..)) = given.next() {
        let message = format!("`{subject}` and `{second}` are two expectations: write one each");
        report.error("E0606", fields.place_of(second), message);
        return None;
    }
    let misplaced = EXPECT.iter().filter(|key| {
        fields.get(key).is_some() && *key != subject && !times.contains(key) && !others.contains(key)
    });
    let misplaced: Vec<&&str> = misplaced.collect();
    for key in &misplaced {
        report.error("E0606", fields.place_of(key), format!("`{key}` does not go with `{subject}`"));
    }
    misplaced.is_empty().then_some(subject)
}

fn when(ctx: &mut Reading<'_>, fields: Fields<'_>, subject: &str, last: Moment) -> Option<When> {
    if subject == "never" {
        return Some(When::Always);
    }
    let given: Vec<&str> = TIMES.iter().copied().filter(|key| fields.get(key).is_some()).collect();
    let [key] = given[..] else {
        let times = SUBJECTS.iter().find(|(one, ..)| *one == subject).map_or(TIMES, |(_, times, _)| times);
        let hint = match times.contains(&"between") {
            true => "as in until: 2h16m or between: [2h16m, 2h18m]",
            false => "as in at: 2h16m",
        };
        let (at, message) = match given.get(1) {
            Some(second) => (fields.place_of(second), "an expectation has one time"),
            None => (fields.at, "an expectation needs a time"),
        };
        ctx.report.error_with("E0606", at, message, hint);
        return None;
    };
    let node = fields.get(key)?;
    if key == "between" {
        return between(ctx, node);
    }
    let (moment, _) = moment(ctx, node, key)?;
    let is_look = MOMENTS.contains(&key) && matches!(subject, "slo" | "rule" | "event");
    Some(match key {
        _ if is_look => When::At(moment),
        "until" => When::Between(last, moment),
        _ => When::Between(moment, moment),
    })
}

fn between(ctx: &mut Reading<'_>, node: &Node) -> Option<When> {
    let Value::Sequence(items) = &node.value else {
        reader::wrong_type(&mut ctx.report, node, "`between` is a list of two times");
        return None;
    };
    let [from, to] = &items[..] else {
        let message = format!("`between` has two times, not {}", items.len());
        ctx.report.error_with("E0606", node.at, message, "as in between: [2h16m, 2h18m]");
        return None;
    };
    let (from, to) = (moment(ctx, from, "between"), moment(ctx, to, "between"));
    Some(When::Between(from?.0, to?.0))
}

fn wanted(ctx: &mut Reading<'_>, fields: Fields<'_>, subject: &str, known: Known<'_>) -> Option<Wanted> {
    match subject {
        "alerts" => {
            let node = fields.get("alerts")?;
            reader::word(&mut ctx.report, node, "alerts", &[("none", ())]).map(|()| Wanted::Quiet)
        }
        "slo" => level(ctx, fields, known).map(|level| Wanted::Level(Box::new(level))),
        "rule" => {
            let name = fields.text(&mut ctx.report, "rule")?;
            let node = fields.required(&mut ctx.report, "hits")?;
            let hits = amount(ctx, node, "hits")?;
            is_rule(ctx, fields, "rule", name, known)?;
            Some(Wanted::Rule { name: name.to_owned(), hits })
        }
        "event" => event(ctx, fields.get("event")?, known),
        "never" => never(ctx, fields.get("never")?, known),
        act => {
            let (_, act) = ACTS.into_iter().find(|(name, _)| *name == act)?;
            telling(ctx, fields, act, known).map(Wanted::Told)
        }
    }
}

fn never(ctx: &mut Reading<'_>, node: &Node, known: Known<'_>) -> Option<Wanted> {
    let fields = ["page", "ticket", "log", "escalate", "resolve", "to", "priority", "condition", "group"];
    let fields = Fields::new(&mut ctx.report, node, "`never`", &fields)?;
    let acts: Vec<_> = ACTS.into_iter().filter(|(key, _)| fields.get(key).is_some()).collect();
    let [(_, act)] = acts[..] else {
        let message = "`never` names one thing that must not come";
        ctx.report.error_with("E0606", fields.at, message, "as in never: {page: checkout-latency}");
        return None;
    };
    telling(ctx, fields, act, known).map(Wanted::Never)
}

fn telling(ctx: &mut Reading<'_>, fields: Fields<'_>, act: Act, known: Known<'_>) -> Option<Telling> {
    let about = fields.text(&mut ctx.report, act.as_str())?;
    let at = fields.get(act.as_str()).map_or(fields.at, |node| node.at);
    let alerting = alerting(ctx, at, about, known)?;
    let condition = condition(ctx, fields, about, alerting);
    let priorities: Vec<(&str, Priority)> = Priority::ALL.iter().map(|one| (one.as_str(), *one)).collect();
    let priority = match fields.get("priority") {
        Some(node) => Some(reader::word(&mut ctx.report, node, "priority", &priorities)?),
        None => None,
    };
    let times = match fields.get("times") {
        Some(_) => fields.whole(&mut ctx.report, "times", 1, TIMES_MAX)?,
        None => 1,
    };
    Some(Telling {
        act,
        about: about.to_owned(),
        to: receivers(ctx, fields, known),
        priority,
        condition,
        group: labels(ctx, fields, alerting)?,
        times: times.into(),
    })
}

/// What opens alerts of a name.
#[derive(Clone, Copy)]
enum Alerting<'k> {
    Slo(&'k SloPlan),
    Rule(&'k Watch),
    /// Not all that there is could be read.
    Unread,
}

fn alerting<'k>(ctx: &mut Reading<'_>, at: Place, about: &str, known: Known<'k>) -> Option<Alerting<'k>> {
    let slo = known.plan.slos.iter().find(|one| one.slo.name == about);
    let rule = known.plan.watches.iter().find(|one| one.name == about);
    match (slo, rule) {
        (Some(_), Some(_)) => {
            let message =
                format!("`{about}` is an SLO and a rule with an alert: nobody knows which is meant");
            ctx.report.error_with("E0604", at, message, "give one of them another name");
            None
        }
        (Some(slo), None) => Some(Alerting::Slo(slo)),
        (None, Some(rule)) => Some(Alerting::Rule(rule)),
        (None, None) if known.complete => {
            nothing_alerts(ctx, at, about, known);
            None
        }
        (None, None) => Some(Alerting::Unread),
    }
}

fn condition(
    ctx: &mut Reading<'_>,
    fields: Fields<'_>,
    about: &str,
    alerting: Alerting<'_>,
) -> Option<String> {
    let condition = fields.text(&mut ctx.report, "condition")?;
    match alerting {
        Alerting::Slo(slo) => {
            let names: Vec<&str> = slo.slo.conditions().map(|(_, one)| &*one.name).collect();
            if !names.contains(&condition) {
                let at = fields.get("condition").map_or(fields.at, |node| node.at);
                unknown(ctx, at, &format!("condition of `{about}`"), condition, &names);
            }
        }
        Alerting::Rule(_) => {
            let message = format!("`condition` does not go with `{about}`: a rule's alert has none");
            ctx.report.error("E0606", fields.place_of("condition"), message);
        }
        Alerting::Unread => {}
    }
    Some(condition.to_owned())
}

fn nothing_alerts(ctx: &mut Reading<'_>, at: Place, about: &str, known: Known<'_>) {
    if known.plan.rules.classify.iter().any(|rule| rule.name == about) {
        let message = format!("rule `{about}` has no `alert`: it never opens one");
        return ctx.report.error("E0604", at, message);
    }
    let slos = known.plan.slos.iter().map(|one| &*one.slo.name);
    let names: Vec<&str> = slos.chain(known.plan.watches.iter().map(|one| &*one.name)).collect();
    unknown(ctx, at, "SLO or rule with an alert", about, &names);
}

/// `nobody` is no receiver; an empty list means that.
fn receivers(ctx: &mut Reading<'_>, fields: Fields<'_>, known: Known<'_>) -> Option<Vec<String>> {
    fields.get("to")?;
    let mut receivers = Vec::new();
    for (name, node) in fields.texts(&mut ctx.report, "to") {
        if known.complete && !known.receivers.iter().any(|one| one == name) {
            let names: Vec<&str> = known.receivers.iter().map(String::as_str).collect();
            unknown(ctx, node.at, "receiver", name, &names);
        }
        if receivers.iter().any(|one| one == name) {
            ctx.report.error("E0606", node.at, format!("receiver `{name}` is named twice"));
        }
        receivers.push(name.to_owned());
    }
    Some(receivers)
}

/// `Some(None)` where any group will do.
fn labels(ctx: &mut Reading<'_>, fields: Fields<'_>, alerting: Alerting<'_>) -> Option<Option<Labels>> {
    let Some(node) = fields.get("group") else { return Some(None) };
    let Some(entries) = node.entries() else {
        reader::wrong_type(&mut ctx.report, node, "`group` is a mapping");
        return None;
    };
    match alerting {
        Alerting::Slo(slo) => drop(group(ctx, fields, slo)?),
        Alerting::Rule(watch) => {
            let keys: Vec<&str> = watch.key.iter().map(|key| &*key.name).collect();
            group_of(ctx, fields, &watch.name, &keys)?;
        }
        Alerting::Unread => {}
    }
    let mut labels = Labels::new();
    for (key, node) in entries {
        labels.insert(key.text.clone(), reader::text(&mut ctx.report, node, &key.text)?.to_owned());
    }
    if matches!(alerting, Alerting::Rule(_)) {
        // An alert of events without the attribute has no such label.
        labels.retain(|_, value| !value.is_empty());
    }
    Some(Some(labels))
}

fn level(ctx: &mut Reading<'_>, fields: Fields<'_>, known: Known<'_>) -> Option<Level> {
    let name = fields.text(&mut ctx.report, "slo")?;
    let plan = slo(ctx, fields, name, known)?;
    let mut level = Level { slo: name.to_owned(), ..Level::default() };
    if let Some(node) = fields.get("state") {
        let words = [("ok", "ok"), ("firing", "firing"), ("no-data", "no-data")];
        level.state = Some(reader::word(&mut ctx.report, node, "state", &words)?.to_owned());
    }
    for name in AMOUNTS {
        if let Some(node) = fields.get(name) {
            level.amounts.push((name, amount(ctx, node, name)?));
        }
    }
    if level.state.is_none() && level.amounts.is_empty() {
        let hint = format!("say what: state, {}", AMOUNTS.join(", "));
        ctx.report.error_with("E0606", fields.at, "this expects nothing of the SLO", hint);
        return None;
    }
    let Some(plan) = plan else { return Some(level) };
    let values = group(ctx, fields, plan)?;
    let keys = plan.group_by.iter().flat_map(|group_by| &group_by.keys).map(|key| key.name.clone());
    level.group = keys.zip(values).collect();
    let judges = plan.slo.goals.len() + usize::from(plan.slo.composite.is_some());
    let names: Vec<String> = (0..judges).map(|judge| plan.slo.judge_name(judge)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match fields.text(&mut ctx.report, "objective") {
        Some(objective) if !names.contains(&objective) => {
            let at = fields.get("objective").map_or(fields.at, |node| node.at);
            unknown(ctx, at, &format!("objective of `{name}`"), objective, &names);
            return None;
        }
        Some(objective) => level.objective = Some(objective.to_owned()),
        None if names.len() > 1 => {
            let hint = format!("objective: {}", names.join(" or "));
            let message = format!("`{name}` has several objectives: say which one");
            ctx.report.error_with("E0606", fields.at, message, hint);
            return None;
        }
        None => {}
    }
    Some(level)
}

fn event(ctx: &mut Reading<'_>, node: &Node, known: Known<'_>) -> Option<Wanted> {
    let fields = Fields::new(&mut ctx.report, node, "`event`", &["category", "decided_by", "count"])?;
    let words: Vec<(&str, Category)> = Category::ALL.iter().map(|one| (one.as_str(), *one)).collect();
    let node = fields.required(&mut ctx.report, "category")?;
    let category = reader::word(&mut ctx.report, node, "category", &words)?;
    let count = match fields.get("count") {
        Some(node) => amount(ctx, node, "count")?,
        None => Amount::some(),
    };
    let decided_by = fields.text(&mut ctx.report, "decided_by");
    if let Some(name) = decided_by {
        is_rule(ctx, fields, "decided_by", name, known)?;
        let rule = known.plan.rules.classify.iter().find(|rule| rule.name == name);
        let default = || defaults().find(|(default, _)| *default == name).map(|(_, category)| category);
        let decided = rule.map(|rule| rule.category).or_else(default);
        if let Some(decided) = decided.filter(|decided| *decided != category) {
            let message = format!("rule `{name}` never decides {category}: its category is {decided}");
            ctx.report.error("E0605", fields.place_of("decided_by"), message);
            return None;
        }
    }
    Some(Wanted::Event { category, decided_by: decided_by.map(str::to_owned), count })
}

fn is_rule(ctx: &mut Reading<'_>, fields: Fields<'_>, key: &str, name: &str, known: Known<'_>) -> Option<()> {
    let rules = &known.plan.rules;
    let mut names: Vec<&str> = rules.classify.iter().map(|rule| &*rule.name).collect();
    names.extend(defaults().map(|(name, _)| name));
    names.extend(rules.filter.iter().map(|rule| &*rule.name).filter(|_| key == "rule"));
    if known.complete && !names.contains(&name) {
        let at = fields.get(key).map_or(fields.at, |node| node.at);
        unknown(ctx, at, "rule", name, &names);
        return None;
    }
    Some(())
}

fn amount(ctx: &mut Reading<'_>, node: &Node, name: &str) -> Option<Amount> {
    let text = reader::text(&mut ctx.report, node, name)?;
    match Amount::parse(text) {
        Ok(amount) => Some(amount),
        Err(why) => {
            let message = format!("`{name}`: `{text}` {why}");
            ctx.report.error_with("E0607", node.at, message, "write 12, \"<0.2\" or \">=99.9%\"");
            None
        }
    }
}
