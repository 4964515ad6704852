//! Which labels an alert can have, and which of their values, by what the set declares.

use std::collections::BTreeSet;

use super::super::node::Node;
use super::super::{Reading, suggest};
use super::Known;
use crate::engine::{SloPlan, Trouble, Watch, plain_name};
use crate::model::{Category, Compiled, Labels, MatcherOp, Priority, Severity};

const OWN: &[&str] = &[
    "alertname",
    "slo",
    "rule",
    "service",
    "category",
    "severity",
    "priority",
    "condition",
    "condition_name",
    "notification_target",
    "tenant",
];

/// The names of all labels; `None` where a part of the set could not be read, which may have more.
pub(super) fn names(ctx: &Reading<'_>, slos: &[SloPlan], watches: &[Watch]) -> Option<BTreeSet<String>> {
    let is_whole = !ctx.incomplete && ctx.report.errors() == 0;
    let groups = slos.iter().flat_map(|slo| &slo.group_by).flat_map(|group_by| &group_by.keys);
    let parts = watches.iter().flat_map(|watch| &watch.key);
    let keyed = groups.chain(parts).map(|key| plain_name(&key.name));
    is_whole.then(|| OWN.iter().map(|name| (*name).to_owned()).chain(keyed).collect())
}

/// For a label that is looked at by its name.
pub(super) fn warn_unknown(
    ctx: &mut Reading<'_>,
    node: &Node,
    name: &str,
    what: &str,
    known: &Known<'_>,
) -> bool {
    let Some(names) = known.labels.as_ref().filter(|names| !names.contains(name)) else { return false };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = format!("no alert has a label `{name}`: {what}");
    ctx.report.warn("W0702", node.at, message, &suggest::hint(name, &names));
    true
}

/// For a matcher that no alert can meet, or that each does.
pub(super) fn warn_never(ctx: &mut Reading<'_>, node: &Node, compiled: &Compiled, known: &Known<'_>) {
    let (matcher, takes_none) = (compiled.matcher(), compiled.matches(&Labels::new()));
    let what = if takes_none { "this matcher takes every alert" } else { "this trigger starts nothing" };
    if ctx.incomplete || warn_unknown(ctx, node, &matcher.name, what, known) || takes_none {
        return;
    }
    let words: Vec<&str> = match &*matcher.name {
        "slo" => known.slos.clone(),
        "rule" => known.rules.clone(),
        "alertname" => {
            let own = [Trouble::StateNotKept, Trouble::KafkaNotRead].map(Trouble::name);
            known.slos.iter().chain(&known.rules).copied().chain(own).collect()
        }
        "severity" => Severity::ALL.iter().map(|one| one.as_str()).collect(),
        "priority" => Priority::ALL.iter().map(|one| one.as_str()).collect(),
        "category" => Category::ALL.iter().map(|one| one.as_str()).collect(),
        _ => return,
    };
    let met = |word: &&&str| compiled.matches(&Labels::from([(matcher.name.clone(), (**word).to_owned())]));
    if words.iter().any(|word| met(&word)) {
        return;
    }
    let hint = match matcher.op {
        _ if words.is_empty() => String::new(),
        MatcherOp::Equal => suggest::hint(&matcher.value, &words),
        _ => format!("known here: {}", words.join(", ")),
    };
    ctx.report.warn("W0702", node.at, format!("no alert has {matcher}: {what}"), &hint);
}
