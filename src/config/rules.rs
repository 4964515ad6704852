//! `filter` and `classify`: named rules in order. What they mean is for `classify` to say.

use std::collections::BTreeMap;

use super::Reading;
use super::expression;
use super::node::{Node, Place};
use super::reader::{self, Fields};
use super::rule_alert::{self, Rule};
use super::set;
use crate::classify::{ClassifyRule, FilterRule};
use crate::engine::Watch;
use crate::model::Category;

const RULES_MAX: usize = 1_000;

pub(super) fn filter(ctx: &mut Reading<'_>, nodes: &[Node]) -> Vec<FilterRule> {
    let mut names = Names::default();
    let mut rules = Vec::new();
    for node in bounded(ctx, nodes) {
        let Some(fields) = Fields::new(&mut ctx.report, node, "a filter rule", &["name", "drop"]) else {
            continue;
        };
        let name = names.take(ctx, fields);
        let drop = fields.required(&mut ctx.report, "drop");
        let drop = drop.and_then(|node| expression::predicate(ctx, node, "drop", None));
        if let (Some(name), Some(drop)) = (name, drop) {
            let declared_at = ctx.report.locate(fields.at);
            rules.push(FilterRule { name, drop, identity: set::identity([Some(node)]), declared_at });
        }
    }
    rules
}

pub(super) fn classify(ctx: &mut Reading<'_>, nodes: &[Node]) -> (Vec<ClassifyRule>, Vec<Watch>) {
    let mut names = Names::default();
    let (mut rules, mut watches) = (Vec::new(), Vec::new());
    let words: Vec<(&str, Category)> = Category::ALL.iter().map(|one| (one.as_str(), *one)).collect();
    for node in bounded(ctx, nodes) {
        let known = ["name", "when", "category", "alert"];
        let Some(fields) = Fields::new(&mut ctx.report, node, "a classification rule", &known) else {
            continue;
        };
        let name = names.take(ctx, fields);
        let when = fields.required(&mut ctx.report, "when");
        let when = when.and_then(|node| expression::predicate(ctx, node, "when", None));
        let category = fields.required(&mut ctx.report, "category");
        let category = category.and_then(|node| reader::word(&mut ctx.report, node, "category", &words));
        let Some(name) = name else { continue };
        let declared_at = ctx.report.locate(fields.at);
        if let Some(node) = fields.get("alert") {
            let declared_at = declared_at.clone();
            let category = category.unwrap_or(Category::Exception);
            let rule = Rule { place: rules.len() as u16, name: &name, category, declared_at };
            watches.extend(rule_alert::read(ctx, node, &rule));
        }
        if let (Some(when), Some(category)) = (when, category) {
            let identity = set::identity([Some(&node.without(&["alert", rule_alert::ANNOTATIONS]))]);
            rules.push(ClassifyRule { name, when, category, identity, declared_at });
        }
    }
    (rules, watches)
}

fn bounded<'n>(ctx: &mut Reading<'_>, nodes: &'n [Node]) -> &'n [Node] {
    if let Some(node) = nodes.get(RULES_MAX) {
        ctx.report.error("E0215", node.at, format!("a list has at most {RULES_MAX} rules"));
    }
    &nodes[..nodes.len().min(RULES_MAX)]
}

/// Names that a list has given away.
#[derive(Default)]
struct Names(BTreeMap<String, Place>);

impl Names {
    fn take(&mut self, ctx: &mut Reading<'_>, fields: Fields<'_>) -> Option<String> {
        let name = fields.required_text(&mut ctx.report, "name")?;
        let at = fields.get("name").map_or(fields.at, |node| node.at);
        if name.trim().is_empty() || name.len() > 128 {
            ctx.report.error("E0211", at, "a rule's name has 1 to 128 characters");
            return None;
        }
        if let Some(first) = self.0.get(name) {
            let message = format!("a rule named `{name}` exists, on line {}", first.line);
            ctx.report.error_with("E0212", at, message, "counts are kept by name");
            return None;
        }
        self.0.insert(name.to_owned(), at);
        Some(name.to_owned())
    }
}
